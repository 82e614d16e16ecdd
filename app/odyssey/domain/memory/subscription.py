"""
Subscriptions: who outside is told what happens in the memory of a repository.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from odyssey.domain.errors import Conflict
from odyssey.domain.memory.happening import Happened, MemoryEvent

MAX_SUBSCRIPTIONS = 50
"""Of one repository: each event is posted to all of them."""

Hook = Callable[[MemoryEvent], Awaitable[None]]
"""What is told in this process."""


class TooManySubscriptions(Conflict):
    """The repository has as many subscriptions as it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """
    An address that is posted to, signed with its own secret, for some events.
    """

    id: str
    url: str
    events: tuple[Happened, ...]
    repository: str
    created_at: datetime
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """
    What became of the notifications of one subscription.

    `delivered` counts those of the last days; `given_up` those that were tried in vain.
    """

    waiting: int = 0
    delivered: int = 0
    given_up: int = 0
    last_problem: str = ""


def event_id(event: MemoryEvent) -> str:
    """
    The same for the same event told twice, so that a receiver can leave it out.

    A record is stored once, under its `id`. Everything else may happen again with the same
    payload, as a task that is stored with another summary; its moment tells it apart.
    """
    moment = "" if "id" in event.payload else event.occurred_at.isoformat()
    payload = json.dumps(dict(event.payload), sort_keys=True)
    said = f"{event.name}\x1f{event.tenant}\x1f{moment}\x1f{payload}"
    return "evt_" + hashlib.sha256(said.encode()).hexdigest()[:24]


def notification(event: MemoryEvent, repository: str) -> dict[str, Any]:
    """What is posted: ids, counts and kinds, never the text of a memory."""
    return {
        "id": event_id(event),
        "event": str(event.name),
        "repository": repository,
        "occurred_at": event.occurred_at.isoformat(),
        "payload": dict(event.payload),
    }
