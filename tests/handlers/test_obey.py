"""
Obey: each command of a comment is answered once, and nothing is left out in silence.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.errors import Unavailable
from odyssey.handlers.obey import obey
from odyssey.simulator import Fault

NOTE = "The command held characters that cannot be seen; they were left out: U+200B"
CHANGE = "\n\n```text src/app.py\nnew\n```\n"


@pytest.mark.parametrize("command", ["help\u200b", "reject no\u200bt wanted", "propose it\u200b"])
async def test_hidden_characters_in_a_command_are_named_in_its_answer(
    desk: Desk, command: str
) -> None:
    """
    Beside what the command answers, also where that is a refusal.
    """
    event = await desk.commented(f"/odyssey {command}")
    await obey(event, desk.ports)
    (answer,) = await desk.answers(event.number)

    assert NOTE in answer
    assert not answer.startswith(NOTE)


async def test_hidden_characters_in_the_command_of_a_proposal_are_named(desk: Desk) -> None:
    """
    Its answer is the pull request; the note stands on the issue.
    """
    event = await desk.commented(f"/odyssey propose Mend\u200b it{CHANGE}")
    await obey(event, desk.ports)
    (answer,) = await desk.answers(event.number)

    assert answer.startswith(NOTE)
    assert len(await desk.read("pulls")) == 1


async def test_a_plain_proposal_is_answered_by_its_pull_request_only(desk: Desk) -> None:
    """
    No comment where there is nothing to say.
    """
    event = await desk.commented(f"/odyssey propose Mend it{CHANGE}")
    await obey(event, desk.ports)

    assert await desk.answers(event.number) == []
    assert len(await desk.read("pulls")) == 1


async def test_status_says_what_is_missing_now(desk: Desk) -> None:
    """
    Read from the pull request at this moment, not from what was known before.
    """
    event = await desk.commented(f"/odyssey propose Mend it{CHANGE}")
    await obey(event, desk.ports)
    [pull] = await desk.read("pulls")
    sha = await desk.person("ben").push(REPOSITORY, pull["head"]["ref"], {"x": "1\n"}, "Add x")
    asked = replace(event, body="/odyssey status", comment_id=event.comment_id)
    await obey(asked, desk.ports)
    [answer] = await desk.answers(event.number)

    assert f"`{sha[:7]}` is not validated yet" in answer
    assert "| 5 | approval | ⏳ waiting |" in answer


async def test_a_rejection_is_answered_where_it_was_given(desk: Desk) -> None:
    """
    On the issue, whose readers do not see the pull request's status comment.
    """
    event = await desk.commented(f"/odyssey propose Mend it{CHANGE}")
    await obey(event, desk.ports)
    [pull] = await desk.read("pulls")
    await obey(replace(event, body="/odyssey reject Not now"), desk.ports)

    [answer] = await desk.answers(event.number)
    assert f"#{pull['number']} is closed without a merge, as **ada** asked" in answer


async def test_a_command_that_is_refused_at_its_second_try_leaves_no_branch(desk: Desk) -> None:
    """
    The branch was pushed, the pull request was not opened, and ben lost his right meanwhile.
    """
    event = await desk.commented(f"/odyssey propose Mend it{CHANGE}", by="ben")
    desk.simulator.faults.add(Fault("POST", r".*/pulls"))
    with pytest.raises(Unavailable):
        await obey(event, desk.ports)
    assert len(await desk.branches()) == 2
    desk.simulator.add_collaborator(REPOSITORY, "ben", "read")

    await obey(event, desk.ports, again=True)

    [answer] = await desk.answers(event.number)
    assert "needs write permission" in answer
    assert await desk.branches() == ["main"]
    [proposal] = await desk.ports.proposals.newest(limit=9)
    assert proposal.rejection and "write permission" in proposal.rejection.reason


async def test_a_validation_that_is_not_begun_is_answered_with_what_is_in_the_way(
    desk: Desk,
) -> None:
    """
    A branch that was set back to its base has nothing to judge; nobody waits for a run then.
    """
    event = await desk.commented(f"/odyssey propose Mend it{CHANGE}")
    await obey(event, desk.ports)
    [pull] = await desk.read("pulls")
    ref = f"/repos/{REPOSITORY}/git/refs/heads/{pull['head']['ref']}"
    sent = {"sha": pull["base"]["sha"], "force": True}
    await desk.person("ada").request("PATCH", ref, sent)
    await obey(replace(event, body="/odyssey validate"), desk.ports)
    [answer] = await desk.answers(event.number)

    assert "The sandbox was not asked:\n\n3. ❌ **limits**: The branch changes nothing" in answer
    assert "/odyssey reject It changes nothing." in answer
