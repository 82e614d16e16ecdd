"""
The sweeps' own rules: what is asked for again, how often, and what is believed of a record.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from handlers.conftest import REPOSITORY, Desk
from odyssey.adapters.github_client import Refused
from odyssey.domain.change import Files
from odyssey.domain.errors import Busy, NotFound, OdysseyError, Unavailable
from odyssey.domain.identifiers import DeliveryId
from odyssey.domain.proposal import CommandApproval, Proposal
from odyssey.handlers.asked import SEEN_WITHIN
from odyssey.handlers.propose import propose
from odyssey.handlers.sweep_comments import sweep_comments
from odyssey.handlers.sweep_deliveries import (
    GRACE,
    MOST_ASKED,
    MOST_REFUSED,
    MOST_TRIES,
    NAME,
    DeliverySweep,
    sweep_deliveries,
)
from odyssey.handlers.sweep_proposals import sweep_proposals
from odyssey.ports import Delivery, Ports
from odyssey.ports.healing import DeliveryAttempt, Installed
from odyssey.simulator import Fault
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


@pytest.mark.parametrize(
    "refusal",
    [Refused(422, "Unprocessable", "POST"), Refused(400, "Bad", "POST"), NotFound("gone")],
)
async def test_a_delivery_that_github_does_not_send_again_stands_in_nobodys_way(
    sweeps: Sweeps, refusal: OdysseyError
) -> None:
    """Each refusal counts as a try, so that it is given up one day."""
    sweeps.log.refused[sweeps.tried("refused", ago=timedelta(hours=2))] = refusal
    sweeps.tried("lost")

    sweep = await sweeps.sweep()

    assert sweep.asked == ("lost",)
    assert (await sweeps.ports.notes.tries("delivery:refused"))[0] == 1
    assert (await sweeps.ports.notes.tries("delivery:lost"))[0] == 1


async def test_when_github_does_not_answer_the_next_sweep_goes_on(sweeps: Sweeps) -> None:
    """That is no word about the delivery, counts for nothing, and keeps no other one waiting."""
    away = sweeps.tried("away", ago=timedelta(hours=2))
    sweeps.log.refused[away] = Unavailable("GitHub answered 502")
    sweeps.tried("lost")
    first = await sweeps.sweep()
    del sweeps.log.refused[away]

    assert first.asked == ("lost",)
    assert (await sweeps.ports.notes.tries("delivery:away"))[0] == 0
    assert (await sweeps.sweep()).asked == ("away",)


async def test_in_an_outage_no_sweep_asks_for_all_that_was_lost(sweeps: Sweeps) -> None:
    """What is not answered three times in a row is not asked a fourth time."""
    lost = [sweeps.tried(f"lost {number}") for number in range(5)]
    for each in lost:
        sweeps.log.refused[each] = Unavailable("GitHub answered 502")
    with pytest.raises(Unavailable):
        await sweeps.sweep()
    for each in lost[:3]:
        del sweeps.log.refused[each]

    assert set((await sweeps.sweep()).asked) >= {"lost 0", "lost 1", "lost 2"}


async def test_only_one_process_sweeps_at_a_time(sweeps: Sweeps) -> None:
    """Another one is told so, and leaves it."""
    sweeps.tried("lost")
    async with sweeps.ports.proposals.lock(NAME):
        with pytest.raises(Busy):
            await sweeps.sweep()

    assert sweeps.log.asked == []


async def two_proposals(desk: Desk) -> tuple[Proposal, Proposal]:
    """Proposals #1 and #2, which a sweep comes to in this order."""
    await desk.ports.notes.knows(desk.repository, desk.ports.now())
    one = await propose(desk.request(Files({"a.txt": "a\n"}), seed=("one",)), desk.ports)
    two = await propose(desk.request(Files({"b.txt": "b\n"}), seed=("two",)), desk.ports)
    return one, two


async def test_a_record_that_cannot_be_read_keeps_no_other_from_its_rebuild(
    desk: Desk, redis: Redis
) -> None:
    """A newer Odyssey wrote it; the pull request behind it is rebuilt all the same."""
    one, two = await two_proposals(desk)
    await redis.set(f"odyssey:proposal:{one.id}", b'{"from": "the future"}')
    await redis.delete(f"odyssey:proposal:{two.id}")

    sweep = await sweep_proposals(desk.ports)

    assert sweep.rebuilt == [two.id]
    assert await desk.ports.notes.time("sweep:proposals") is not None


async def test_a_proposal_that_cannot_be_looked_at_keeps_no_other_from_its_look(
    desk: Desk,
) -> None:
    """GitHub does not show the one that is old enough to expire; the other one has expired."""
    one, two = await two_proposals(desk)
    later = replace(desk.ports, now=lambda: datetime.now(UTC) + timedelta(days=40))
    desk.simulator.faults.add(Fault("POST", "/graphql", status=422))

    sweep = await sweep_proposals(later)

    assert sweep.expired == [two.id]
    assert (await sweep_proposals(later)).expired == [one.id]


async def test_an_expired_proposal_is_closed_although_its_conversation_takes_no_comment(
    desk: Desk,
) -> None:
    """It is locked; the other one is closed too, and told why."""
    one, two = await two_proposals(desk)
    later = replace(desk.ports, now=lambda: datetime.now(UTC) + timedelta(days=40))
    told = rf".*/issues/{one.pull_number}/comments"
    desk.simulator.faults.add(Fault("POST", told, status=403, message="issue is locked"))

    sweep = await sweep_proposals(later)

    assert sweep.expired == [one.id, two.id]
    assert (await desk.read(f"pulls/{one.pull_number}"))["state"] == "closed"
    assert "Expired" in (await desk.answers(two.pull_request.number))[-1]


async def test_an_approval_is_not_taken_back_for_a_comment_that_is_not_to_be_seen_yet(
    desk: Desk,
) -> None:
    """GitHub's reads lag behind; later the comment that it does not show is gone."""
    proposal, _ = await two_proposals(desk)
    assert proposal.head_sha is not None
    approval = CommandApproval(
        head_sha=proposal.head_sha, by="ben", comment_id=404, at=desk.ports.now()
    )
    await desk.ports.proposals.put(replace(proposal, command_approvals=(approval,)))
    soon = replace(desk.ports, now=lambda: approval.at + SEEN_WITHIN / 2)
    later = replace(desk.ports, now=lambda: approval.at + SEEN_WITHIN)

    await sweep_proposals(soon)
    at_first = await desk.ports.proposals.get(proposal.id)
    await sweep_proposals(later)
    after = await desk.ports.proposals.get(proposal.id)

    assert at_first and at_first.command_approvals == (approval,)
    assert after and after.command_approvals == ()


async def chatter(desk: Desk, *, commands: set[int], count: int = 350) -> list[int]:
    """The ids of so many comments, one a minute until an hour ago; those at *commands* are some."""
    ada, simulator = desk.person("ada"), desk.simulator
    number = (await ada.open_issue(REPOSITORY, "A long talk"))["number"]
    first = await ada.comment(REPOSITORY, number, "Well")
    repository = simulator.repository(REPOSITORY)
    said = repository.comments[first["id"]]
    repository.comments.clear()
    begun = desk.ports.now() - timedelta(hours=1, minutes=count)
    ids = []
    for index in range(count):
        at = begun + timedelta(minutes=index)
        comment = replace(
            said,
            id=simulator.ids.next("comment"),
            body="/odyssey help" if index in commands else "Well",
            created_at=at,
            updated_at=at,
        )
        repository.comments[comment.id] = comment
        ids.append(comment.id)
    return ids


@pytest.mark.parametrize("most", [3_000, 100])
async def test_however_much_was_said_no_command_is_passed_over(desk: Desk, most: int) -> None:
    """What one sweep does not read, the oldest comments first, is read by the next ones."""
    await desk.ports.notes.knows(desk.repository, desk.ports.now() - timedelta(days=2))
    ids = await chatter(desk, commands={0, 150, 349})
    installed = Installed(repository=desk.repository, since=desk.ports.now() - timedelta(days=1))
    given: list[int] = []
    sweeps = 0
    while len(given) < 3 and sweeps < 8:
        found = await sweep_comments(installed, desk.ports, most=most)
        for each in found:
            await desk.ports.notes.obeyed(desk.repository, each)
        given += found
        sweeps += 1

    assert given == [ids[0], ids[150], ids[349]]
    assert (sweeps == 1) is (most > len(ids))


async def test_no_comment_is_read_that_an_earlier_sweep_read(desk: Desk) -> None:
    """The list is asked for by the day, and its pages only as far back as is needed."""
    await chatter(desk, commands=set())
    recent = desk.ports.now() - timedelta(hours=2)
    since = len(desk.simulator.calls)

    found = await desk.ports.overview.comments(desk.repository, recent, most=3_000)

    pages = [each for each in desk.simulator.calls[since:] if each.path.endswith("/comments")]
    assert len(found) in (59, 60)
    assert len(pages) == 1
