"""
Records for the tests: one line each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from odyssey.domain.memory.record import Record, Trust

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def record(
    identifier: str,
    text: str,
    *,
    kind: str = "comment",
    minutes: float = 0,
    thread: str | None = "pull/41",
    actor: str | None = "ada",
    person: str | None = None,
    source: str = "https://github.com/acme/shop/pull/41",
    trust: Trust = Trust.PERSON,
    attributes: Mapping[str, str] | None = None,
) -> Record:
    """A record of *text*, said *minutes* after noon on 14 March 2026."""
    return Record(
        id=identifier,
        kind=kind,
        text=text,
        occurred_at=NOON + timedelta(minutes=minutes),
        trust=trust,
        source=source,
        actor=actor,
        thread=thread,
        person=person,
        attributes=dict(attributes or {}),
    )
