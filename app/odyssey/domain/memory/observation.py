"""
Observations: what many records together say, in versions that are only ever added.

An observation rests on sources. Its proof is the number of different sources,
so a delivery that is worked twice proves nothing new; without a source left it
is gone, and with one fewer it must be judged again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

RECENT = timedelta(days=30)
OLD = timedelta(days=90)


class Status(StrEnum):
    """What became of one version."""

    ACTIVE = "active"
    UPDATED = "updated"
    DELETED = "deleted"


class Trend(StrEnum):
    """How the sources of an observation lie in time; read off them, never stored."""

    NEW = "new"
    STRENGTHENING = "strengthening"
    STABLE = "stable"
    WEAKENING = "weakening"
    STALE = "stale"


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A record an observation rests on, and when that occurred."""

    occurred_at: datetime
    record_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """
    One version of one observation; `key` stays the same, `version` counts from 1.

    `is_fresh` is False once a source was taken away and nobody has judged since.
    """

    key: str
    version: int
    text: str
    sources: tuple[Source, ...]
    confidence: float
    scope: str
    created_at: datetime
    status: Status = Status.ACTIVE
    reason: str = ""
    is_fresh: bool = True

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError(f"observation {self.key}: it says nothing")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"observation {self.key}: confidence {self.confidence} is not 0 to 1")
        if self.status is not Status.DELETED and not self.sources:
            raise ValueError(f"observation {self.key}: it rests on no source")

    @property
    def proof_count(self) -> int:
        """How many different records say so."""
        return len({source.record_id for source in self.sources})

    def trend(self, *, now: datetime) -> Trend:
        """
        New when all sources are of the last 30 days, stale when none is.

        Else the sources a day of the last 30 days, against those before: over 1.5
        times as many is strengthening, under half is weakening. What is from
        after *now*, by a clock that runs ahead, counts as recent.
        """
        times = sorted({source.record_id: source.occurred_at for source in self.sources}.values())
        recent = [moment for moment in times if moment >= now - RECENT]
        earlier = times[: len(times) - len(recent)]
        if not recent:
            return Trend.STALE
        if not earlier:
            return Trend.NEW
        span = min(max(now - RECENT - earlier[0], timedelta(days=1)), OLD - RECENT)
        within = [moment for moment in earlier if moment >= now - OLD]
        before = max(len(within), 1) / (span / timedelta(days=1))
        ratio = len(recent) / (RECENT / timedelta(days=1)) / before
        if ratio > 1.5:
            return Trend.STRENGTHENING
        return Trend.WEAKENING if ratio < 0.5 else Trend.STABLE


def updated(
    current: Observation,
    *,
    text: str,
    sources: Iterable[Source],
    confidence: float,
    at: datetime,
) -> tuple[Observation, Observation]:
    """
    The next version, which rests on all sources old and new; and the current one, retired.

    The next one comes first: stored in that order, a crash in between leaves two
    active versions, of which `latest` takes the higher, and never none.

    Raises:
        ValueError: *current* is not the active version, or the text is empty.
    """
    _must_be_active(current)
    joined = {source.record_id: source for source in (*current.sources, *sources)}
    following = dataclasses.replace(
        current,
        version=current.version + 1,
        text=text,
        sources=tuple(sorted(joined.values())),
        confidence=confidence,
        created_at=at,
        is_fresh=True,
        reason="",
    )
    return following, dataclasses.replace(current, status=Status.UPDATED)


def deleted(current: Observation, *, reason: str, at: datetime) -> tuple[Observation, Observation]:
    """
    A last version that says the observation is gone and why; and the current one, retired.

    Raises:
        ValueError: *current* is not the active version.
    """
    _must_be_active(current)
    last = dataclasses.replace(
        current,
        version=current.version + 1,
        status=Status.DELETED,
        reason=reason,
        created_at=at,
    )
    return last, dataclasses.replace(current, status=Status.UPDATED)


def invalidated(
    current: Observation, gone: Collection[str], *, at: datetime
) -> tuple[Observation, Observation] | None:
    """
    What becomes of an observation when the records *gone* are no longer true; None if nothing.

    With other sources left it stays, no longer fresh, to be judged again; else it
    is deleted.
    """
    left = tuple(source for source in current.sources if source.record_id not in gone)
    if len(left) == len(current.sources) or current.status is not Status.ACTIVE:
        return None
    if not left:
        last, retired = deleted(current, reason="every source was invalidated", at=at)
        return dataclasses.replace(last, sources=()), retired
    following, retired = updated(
        current, text=current.text, sources=(), confidence=current.confidence, at=at
    )
    return dataclasses.replace(following, sources=left, is_fresh=False), retired


def latest(versions: Iterable[Observation]) -> list[Observation]:
    """The highest version of each observation that is not deleted, by key."""
    highest: dict[str, Observation] = {}
    for one in versions:
        if one.key not in highest or one.version > highest[one.key].version:
            highest[one.key] = one
    return [highest[key] for key in sorted(highest) if highest[key].status is not Status.DELETED]


def as_of(versions: Sequence[Observation], moment: datetime) -> list[Observation]:
    """What was believed at *moment*, by key."""
    return latest(one for one in versions if one.created_at <= moment)


def _must_be_active(current: Observation) -> None:
    if current.status is not Status.ACTIVE:
        raise ValueError(
            f"observation {current.key}: version {current.version} is {current.status}; "
            "read the latest version and decide again"
        )
