"""
Update: a request that was cut off is answered by the next try, by words or by what it pushed.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.domain.errors import Unavailable
from odyssey.domain.events import IssueCommented
from odyssey.domain.proposal import Proposal
from odyssey.handlers.obey import obey
from odyssey.handlers.propose import propose
from odyssey.simulator import Fault


async def asked_to_update(desk: Desk) -> tuple[Proposal, IssueCommented]:
    """A proposal, and `/odyssey update` on it."""
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    event = await desk.commented("/odyssey update")
    number = proposal.pull_request.number
    return proposal, replace(event, number=number, is_pull_request=True)


def fail_to_publish_once(desk: Desk) -> None:
    """The next check run is not written: GitHub is away, after the branch was looked at."""
    desk.simulator.faults.add(Fault("POST", r".*/check-runs"))


async def test_a_push_between_two_tries_leaves_the_command_its_answer(desk: Desk) -> None:
    """The second try sees another head than the first; that it is up to date is said."""
    proposal, event = await asked_to_update(desk)
    fail_to_publish_once(desk)
    await desk.person("ben").push(REPOSITORY, proposal.branch, {"x": "1\n"}, "Add x")
    with pytest.raises(Unavailable):
        await obey(event, desk.ports)
    await desk.person("ben").push(REPOSITORY, proposal.branch, {"y": "1\n"}, "Add y")

    await obey(event, desk.ports, again=True)

    [answer] = [each for each in await desk.answers(event.number) if "odyssey:answer" in each]
    assert "Already up to date" in answer


async def test_what_the_first_try_pushed_is_the_answer_of_the_second(desk: Desk) -> None:
    """The branch was brought up to date: that it is so already would be wrong."""
    proposal, event = await asked_to_update(desk)
    await desk.person("ada").push(REPOSITORY, "main", {"x": "1\n"}, "Add x")
    fail_to_publish_once(desk)
    with pytest.raises(Unavailable):
        await obey(event, desk.ports)

    await obey(event, desk.ports, again=True)

    now = await desk.ports.github.snapshot(proposal.pull_request)
    assert now.head_sha != proposal.head_sha
    assert [each for each in await desk.answers(event.number) if "odyssey:answer" in each] == []
