"""
The sweeps' own rules: what is asked for again, how often, and what is believed of a record.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from handlers.conftest import Desk
from odyssey.domain.errors import Busy
from odyssey.domain.identifiers import DeliveryId
from odyssey.handlers.sweep_deliveries import (
    GRACE,
    MOST_ASKED,
    MOST_REFUSED,
    MOST_TRIES,
    NAME,
    DeliverySweep,
    sweep_deliveries,
)
from odyssey.ports import Delivery, Ports
from odyssey.ports.healing import DeliveryAttempt
from quiet_overview import DeliveryLog


class Clock:
    """The time, moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time now."""
        return self.time


class Sweeps:
    """GitHub's log, Odyssey's real inbox and notes, and a clock."""

    def __init__(self, ports: Ports) -> None:
        self.log, self.clock = DeliveryLog(), Clock()
        self.ports = replace(ports, deliveries=self.log, now=self.clock)
        self._id = 0

    def tried(
        self, guid: str, *, code: int = 0, ago: timedelta = timedelta(hours=1), **more: Any
    ) -> int:
        """The id of a try that GitHub logged."""
        self._id += 1
        shown = {"event": "issue_comment", "action": "created", **more}
        attempt = DeliveryAttempt(
            id=self._id,
            guid=DeliveryId(guid),
            at=self.clock() - ago,
            is_ok=200 <= code < 300,
            status_code=code,
            **shown,
        )
        self.log.attempts.insert(0, attempt)
        return self._id

    async def sweep(self) -> DeliverySweep:
        """One sweep."""
        return await sweep_deliveries(self.ports)


@pytest_asyncio.fixture
async def sweeps(desk: Desk) -> Sweeps:
    """A log in which nothing is yet."""
    return Sweeps(desk.ports)


async def test_only_what_never_came_through_is_asked_for_again(sweeps: Sweeps) -> None:
    """The newest try of it is the one that is repeated; one good try is enough."""
    sweeps.tried("lost", ago=timedelta(hours=2))
    newest = sweeps.tried("lost", code=502, ago=timedelta(hours=1))
    sweeps.tried("made good", code=500, ago=timedelta(hours=2))
    sweeps.tried("made good", code=202, ago=timedelta(hours=1))

    sweep = await sweeps.sweep()

    assert sweep.asked == ("lost",)
    assert sweeps.log.asked == [newest]


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("push", None),
        ("issues", "opened"),
        ("issue_comment", "edited"),
        ("installation", "created"),
    ],
)
async def test_what_odyssey_has_no_use_for_is_not_asked_for(
    sweeps: Sweeps, event: str, action: str | None
) -> None:
    """A redelivery costs GitHub and Odyssey something."""
    sweeps.tried("useless", event=event, action=action)

    assert (await sweeps.sweep()).asked == ()


async def test_what_the_inbox_has_is_not_asked_for(sweeps: Sweeps) -> None:
    """GitHub did not hear the answer in time; the delivery is there all the same."""
    sweeps.tried("taken")
    await sweeps.ports.inbox.accept(
        Delivery(id=DeliveryId("taken"), event="ping", body=b"{}", received_at=sweeps.clock())
    )

    assert (await sweeps.sweep()).asked == ()


async def test_a_try_that_may_still_be_under_way_is_left_for_the_next_sweep(
    sweeps: Sweeps,
) -> None:
    """And the next sweep does look back as far as that."""
    sweeps.tried("fresh", ago=GRACE / 2)
    assert (await sweeps.sweep()).asked == ()

    sweeps.clock.time += timedelta(minutes=30)

    assert (await sweeps.sweep()).asked == ("fresh",)


async def test_a_delivery_that_always_fails_is_given_up(sweeps: Sweeps) -> None:
    """It is asked for at growing distances, a few times in all."""
    sweeps.tried("hopeless", ago=timedelta(minutes=2))
    asked, given_up = 0, set()
    while sweeps.clock.time < datetime(2026, 11, 24, 11, 0, tzinfo=UTC):
        sweep = await sweeps.sweep()
        asked += len(sweep.asked)
        given_up |= set(sweep.given_up)
        if sweep.asked:
            sweeps.tried("hopeless", ago=timedelta(0))
        sweeps.clock.time += timedelta(minutes=5)

    assert asked == MOST_TRIES
    assert given_up == {"hopeless"}


async def test_what_odyssey_itself_refuses_is_given_up_sooner(sweeps: Sweeps) -> None:
    """A wrong signature does not become right by waiting."""
    sweeps.tried("refused", code=401, ago=timedelta(minutes=2))
    asked = 0
    for _ in range(60):
        sweep = await sweeps.sweep()
        asked += len(sweep.asked)
        if sweep.asked:
            sweeps.tried("refused", code=401, ago=timedelta(0))
        sweeps.clock.time += timedelta(minutes=10)

    assert asked == MOST_REFUSED


async def test_once_others_come_through_nobody_waits_any_longer(sweeps: Sweeps) -> None:
    """What failed while Odyssey was away is asked for at once when it is back."""
    sweeps.tried("early", ago=timedelta(minutes=2))
    for _ in range(3):
        if (await sweeps.sweep()).asked:
            sweeps.tried("early", ago=timedelta(0))
        sweeps.clock.time += timedelta(minutes=10)
    assert (await sweeps.sweep()).asked == ()

    sweeps.tried("natural", code=202, ago=timedelta(0))

    assert (await sweeps.sweep()).asked == ("early",)


async def test_one_sweep_asks_for_so_many_and_the_next_for_the_rest(sweeps: Sweeps) -> None:
    """An inbox that was away for a day is not flooded; nothing is forgotten either."""
    for number in range(MOST_ASKED + 20):
        sweeps.tried(f"lost {number}", ago=timedelta(hours=20, seconds=-number))
    first = await sweeps.sweep()
    assert len(first.asked) == MOST_ASKED
    assert first.asked[0] == "lost 0"
    sweeps.clock.time += timedelta(minutes=1)

    second = await sweeps.sweep()

    assert set(second.asked) >= {f"lost {MOST_ASKED + number}" for number in range(20)}


async def test_only_one_process_sweeps_at_a_time(sweeps: Sweeps) -> None:
    """Another one is told so, and leaves it."""
    sweeps.tried("lost")
    async with sweeps.ports.proposals.lock(NAME):
        with pytest.raises(Busy):
            await sweeps.sweep()

    assert sweeps.log.asked == []
