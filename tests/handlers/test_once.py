"""
Once: a command that was cut off is carried out by the next try, and one that was done is not.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.domain.errors import Conflict, Unavailable
from odyssey.domain.events import IssueCommented
from odyssey.domain.given_up import Cause
from odyssey.domain.identifiers import DeliveryId
from odyssey.handlers.apologise import apologise, owed_answer
from odyssey.handlers.once import LONG_AGO, obey_once
from odyssey.handlers.propose import propose
from odyssey.ports import Delivery
from odyssey.simulator import Fault, late_answer

PROPOSE = "/odyssey propose Say x\n\n`x.md`\n```\nnew\n```"


async def asked_to_validate(desk: Desk) -> IssueCommented:
    """`/odyssey validate` on a proposal, written before the store first knew the repository."""
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    event = await desk.commented("/odyssey validate")
    return replace(
        event,
        number=proposal.pull_request.number,
        is_pull_request=True,
        created_at=desk.ports.now() - timedelta(hours=1),
    )


async def validation_of(desk: Desk) -> str:
    """The nonce of the only proposal's validation; each validation has its own."""
    [proposal] = await desk.ports.proposals.newest(limit=2)
    assert proposal.validation
    return proposal.validation.nonce


async def reacted(desk: Desk, event: IssueCommented) -> bool:
    """Whether Odyssey put its eyes on the comment."""
    found = await desk.read(f"issues/comments/{event.comment_id}/reactions")
    return [each["user"]["login"] for each in found] == ["odyssey[bot]"]


async def test_a_try_that_ends_after_its_reaction_leaves_the_command_to_the_next(
    desk: Desk,
) -> None:
    """
    Its reaction is the first try's own, and no sign that the command was carried out before.
    """
    event = await asked_to_validate(desk)
    first = await validation_of(desk)
    desk.simulator.faults.add(Fault("POST", "/graphql"))
    with pytest.raises(Unavailable):
        await obey_once(event, desk.ports)
    assert await reacted(desk, event)
    assert await validation_of(desk) == first

    await obey_once(event, desk.ports)
    second = await validation_of(desk)
    await obey_once(event, desk.ports)

    assert second != first
    assert await validation_of(desk) == second


async def test_a_command_carried_out_for_an_older_store_is_not_carried_out_again(
    desk: Desk,
) -> None:
    """
    Somebody put Odyssey's eyes on it, and a later validation answers the wish for one.
    """
    event = await asked_to_validate(desk)
    first = await validation_of(desk)
    await desk.ports.github.react(event.repository, event.comment_id, "eyes")

    await obey_once(event, desk.ports)

    assert await validation_of(desk) == first


async def test_a_command_of_the_second_in_which_the_store_was_lost_is_answered_once(
    desk: Desk, redis: Redis
) -> None:
    """GitHub tells whole seconds, and so not whether the new store is older than the comment."""
    event = await desk.commented("/odyssey help")
    event = replace(event, created_at=event.created_at.replace(microsecond=0))
    await obey_once(event, desk.ports)
    answers = await desk.answers(event.number)
    await redis.flushdb()
    await desk.ports.notes.knows(event.repository, event.created_at + timedelta(seconds=0.9))

    await obey_once(event, desk.ports)

    assert len(answers) == 1
    assert await desk.answers(event.number) == answers


async def test_a_comment_that_is_gone_before_anything_was_done_is_passed_over(desk: Desk) -> None:
    """Whether Odyssey put its eyes on it cannot be asked; nobody hears of it."""
    event = await asked_to_validate(desk)
    first = await validation_of(desk)
    path = f"/repos/{REPOSITORY}/issues/comments/{event.comment_id}"
    await desk.person("ada").request("DELETE", path)

    await obey_once(event, desk.ports)

    assert await validation_of(desk) == first
    assert await desk.ports.notes.is_obeyed(event.repository, event.comment_id)


async def test_a_comment_that_is_not_to_be_seen_yet_is_obeyed_when_it_is(desk: Desk) -> None:
    """GitHub's reads lag behind; a new comment is there before it is shown."""
    event = await desk.commented("/odyssey help")
    await desk.ports.notes.knows(event.repository, event.created_at + timedelta(seconds=1))
    path = rf".*/issues/comments/{event.comment_id}/reactions"
    desk.simulator.faults.add(Fault("GET", path, status=404))
    desk.simulator.faults.add(Fault("POST", path, status=404))
    with pytest.raises(Conflict):
        await obey_once(event, desk.ports)

    await obey_once(event, desk.ports)

    assert len(await desk.answers(event.number)) == 1


async def test_a_rejection_of_an_older_store_is_not_carried_out_on_what_was_reopened(
    desk: Desk,
) -> None:
    """It left no answer, and its effect was taken back by a person."""
    event = await asked_to_validate(desk)
    event = replace(
        event,
        body="/odyssey reject Too early.",
        created_at=desk.ports.now() - LONG_AGO - timedelta(minutes=1),
    )
    await desk.ports.github.react(event.repository, event.comment_id, "eyes")

    await obey_once(event, desk.ports)

    assert (await desk.read(f"pulls/{event.number}"))["state"] == "open"


async def test_what_was_proposed_under_an_older_name_of_the_repository_is_not_proposed_again(
    desk: Desk,
) -> None:
    """Its branch has an id that was made of the old name; the comment is the same."""
    event = await desk.commented(PROPOSE)
    event = replace(event, created_at=desk.ports.now() - timedelta(hours=1))
    source = event.url.replace("greeter", "welcomer")
    request = desk.request(Files({"x.md": "new\n"}), message="Say x", source_url=source)
    await propose(request, desk.ports)
    await desk.ports.github.react(event.repository, event.comment_id, "eyes")

    await obey_once(event, desk.ports)

    assert len(await desk.read("pulls?state=all")) == 1


def given_up(event: IssueCommented, desk: Desk) -> bytes:
    """The body of the delivery that tells the comment's author that it was given up."""
    now = desk.ports.now()
    delivery = Delivery(id=DeliveryId("one"), event="issue_comment", body=b"{}", received_at=now)
    owed = owed_answer(delivery, event, Cause.UNAVAILABLE, at=now)
    assert owed is not None
    return owed.body


async def test_nobody_is_told_that_a_command_is_given_up_while_it_is_carried_out(
    desk: Desk,
) -> None:
    """A sweep, or somebody by hand, gave it another try; its own answer is the only one."""
    event = await desk.commented("/odyssey help")
    reached, let_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await let_go.wait()

    desk.simulator.faults.add(late_answer(r".*/reactions", hold, method="POST"))
    async with asyncio.TaskGroup() as both, asyncio.timeout(30):
        both.create_task(obey_once(event, desk.ports, swept=True))
        await reached.wait()
        told = both.create_task(apologise(given_up(event, desk), desk.ports))
        await asyncio.sleep(0.2)
        assert not told.done()
        let_go.set()

    [answer] = await desk.answers(event.number)
    assert "given up" not in answer


async def test_a_command_its_author_knows_to_be_given_up_is_taken_up_by_hand_alone(
    desk: Desk,
) -> None:
    """The sweep had made a delivery of it before; whoever redelivers one knows what they do."""
    event = await desk.commented("/odyssey help")
    await apologise(given_up(event, desk), desk.ports)
    await desk.ports.notes.knows(event.repository, event.created_at - timedelta(hours=1))

    await obey_once(event, desk.ports, again=True, swept=True)
    swept = await desk.answers(event.number)
    await obey_once(event, desk.ports, again=True)
    by_hand = await desk.answers(event.number)

    assert len(swept) == 1
    assert "given up" in swept[0]
    assert len(by_hand) == 2
