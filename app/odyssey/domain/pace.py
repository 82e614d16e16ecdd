"""
How much of its allowance at GitHub an installation has left, and what may be spent on what.

Figures and header names: docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """
    What GitHub said with its last answer of one resource (`core`, `graphql`).

    The hour's requests are *limit*; *remaining* may be used until *resets_at*.
    """

    resource: str
    limit: int
    remaining: int
    resets_at: datetime

    def leaves(self, reserve: float, *, now: datetime) -> bool:
        """Whether more than *reserve*, a share of the hour's requests, is left at *now*."""
        return now >= self.resets_at or self.remaining > self.limit * reserve

    def wait(self, now: datetime) -> timedelta | None:
        """How long until it may be asked again; None when it may be asked now."""
        if self.remaining > 0 or now >= self.resets_at:
            return None
        return self.resets_at - now


def read_allowance(headers: Mapping[str, str]) -> Allowance | None:
    """
    The allowance in an answer's headers; None where they are not those of a rate limit.
    """
    try:
        return Allowance(
            resource=headers["x-ratelimit-resource"],
            limit=int(headers["x-ratelimit-limit"]),
            remaining=int(headers["x-ratelimit-remaining"]),
            resets_at=datetime.fromtimestamp(int(headers["x-ratelimit-reset"]), UTC),
        )
    except (KeyError, ValueError, OverflowError, OSError):
        return None
