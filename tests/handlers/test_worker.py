"""
The worker's own rules: how long a delivery waits for its next try.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from handlers.conftest import Desk
from odyssey.domain.errors import RateLimited, Unavailable
from odyssey.domain.identifiers import DeliveryId
from odyssey.ports import RECONCILE, Delivery
from odyssey.worker import work

MINUTES = timedelta(minutes=1)
TWO_SECONDS = timedelta(seconds=2)


@dataclass(slots=True)
class Waits:
    """An inbox that only keeps how long what it leased is to wait."""

    inbox: Any
    asked: list[timedelta] = field(default_factory=list)

    async def retry(self, _: DeliveryId, after: timedelta, *, counts: bool = True) -> None:
        """See `ports.Inbox`."""
        self.asked.append(after)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inbox, name)


@dataclass(slots=True)
class Away:
    """A service that answers each call with *error*."""

    error: Unavailable

    def __getattr__(self, name: str) -> Any:
        raise self.error


async def waits(desk: Desk, error: Unavailable) -> list[timedelta]:
    """The waits between the 12 tries of a delivery that all end in *error*."""
    inbox = Waits(desk.ports.inbox)
    ports = replace(desk.ports, inbox=inbox, proposals=Away(error))
    where = desk.repository
    body = {
        "installation_id": where.installation_id,
        "owner": where.owner,
        "name": where.name,
        "number": 1,
    }
    delivery = Delivery(
        id=DeliveryId("one"),
        event=RECONCILE,
        body=json.dumps(body).encode(),
        received_at=desk.ports.now(),
    )
    await desk.ports.inbox.accept(delivery)
    taken = await desk.ports.inbox.take(delivery.id)
    assert taken is not None
    for attempt in range(1, 12):
        await work(replace(taken, attempt=attempt), ports, attempts=12)
    return inbox.asked


async def test_an_outage_of_redis_is_outlasted_as_long_as_one_of_github(desk: Desk) -> None:
    """What it names as the wait is the same each time, and is only the least."""
    named = await waits(desk, Unavailable("no Redis", retry_after=TWO_SECONDS))

    assert named[:3] == [TWO_SECONDS, TWO_SECONDS * 2, TWO_SECONDS * 4]
    assert 20 * MINUTES < sum(named, timedelta()) < 25 * MINUTES


async def test_the_wait_that_is_named_is_the_least(desk: Desk) -> None:
    """Also where it is longer than what would be waited otherwise."""
    named = await waits(desk, Unavailable("soon", retry_after=10 * MINUTES))

    assert named == [10 * MINUTES] * 11


async def test_a_rate_limit_is_over_when_github_says_so(desk: Desk) -> None:
    """It is no failure, after which one would wait longer and longer."""
    named = await waits(desk, RateLimited("slowly", retry_after=TWO_SECONDS))

    assert named == [TWO_SECONDS] * 11
