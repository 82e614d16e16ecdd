"""
Commands in comments: what is answered, what is not, and who may ask.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from odyssey.adapters.embedding import Embedder
from odyssey.domain.proposal import Status
from odyssey.scenario import Scenario
from odyssey.simulator.loopback import loopback_client
from scenarios.changes import FAREWELL, note
from scenarios.stage import (
    BOT,
    assert_quiet,
    calls_of,
    check_runs_of,
    on_stage,
    pulls_of,
    reactions_to,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_COMMANDS = {
    "in a quote": "> /odyssey help",
    "in a code block": "```\n/odyssey help\n```",
    "in an indented block": "Like this:\n\n    /odyssey help",
    "in a code span": "`/odyssey help`",
    "in an HTML comment": "<!--\n/odyssey help\n-->",
    "in an HTML block": "<blockquote>\n/odyssey help\n</blockquote>",
    "in the middle of a line": "Try /odyssey help",
    "in a quoted mail": "Thanks!\n\nOn Fri, 20 Nov 2026, Ada wrote:\n\n/odyssey help",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    tmp_path_factory: pytest.TempPathFactory, embedder: Embedder
) -> AsyncIterator[Scenario]:
    """
    One scenario for all tests of this module; each looks at an issue of its own.
    """
    async with on_stage(tmp_path_factory.mktemp("commands"), embedder) as scenario:
        yield scenario


async def answers_to(scenario: Scenario, body: str, *, by: str = "ada") -> list[str]:
    """
    What Odyssey says on a new issue to a comment, once all is quiet.
    """
    number = await scenario.open_issue("A question", by="ada")
    await scenario.comment(number, body, by=by)
    await scenario.settle()
    await assert_quiet(scenario)
    return await scenario.comments_of(BOT, number)


async def test_help_lists_every_command(shared: Scenario) -> None:
    """One answer, with a line for each and how to send a change."""
    [answer] = await answers_to(shared, "/odyssey help")

    for word in ("propose", "validate", "status", "reject", "help"):
        assert f"`/odyssey {word}" in answer
    assert "```diff" in answer


async def test_an_unknown_command_is_answered_with_the_nearest_known_one(shared: Scenario) -> None:
    """A slip of the keyboard makes nothing, and learns what was probably meant."""
    [answer] = await answers_to(shared, f"/odyssey propsoe Say goodbye\n\n{FAREWELL}")

    assert "no command `propsoe`" in answer
    assert "`/odyssey propose`" in answer
    assert not [each for each in await shared.branches() if "say_goodbye" in each]


@pytest.mark.parametrize("where", NOT_COMMANDS)
async def test_what_only_looks_like_a_command_is_left_alone(shared: Scenario, where: str) -> None:
    """No answer, no reaction, not even a request to GitHub."""
    since = len(shared.simulator.calls)

    assert await answers_to(shared, NOT_COMMANDS[where]) == []
    assert calls_of(shared, since) == []


async def test_an_edited_comment_is_not_read_again(shared: Scenario) -> None:
    """Otherwise whoever may edit comments could speak in another's name."""
    number = await shared.open_issue("Second thoughts")
    comment_id = await shared.comment(number, "Just a thought")
    await shared.settle()
    await shared.person("ada").edit_comment(shared.repository, comment_id, "/odyssey help")
    await shared.settle()

    assert await shared.comments_of(BOT, number) == []
    assert await reactions_to(shared, comment_id) == []


async def test_a_bot_gives_no_commands(shared: Scenario) -> None:
    """Neither another App, with all permissions, nor Odyssey itself in its answers."""
    simulator = shared.simulator
    helper = simulator.add_app(
        "helper",
        permissions={"issues": "write", "contents": "write", "metadata": "read"},
        events=(),
        webhook_url="",
        webhook_secret="none",
    )
    token = simulator.mint_token(simulator.install(helper, "acme", [shared.repository])).value
    number = await shared.open_issue("Bots among themselves")
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/vnd.github+json",
        "user-agent": "helper",
    }
    async with loopback_client(base_url=simulator.api_url, headers=headers) as client:
        posted = await client.post(
            f"/repos/{shared.repository}/issues/{number}/comments", json={"body": "/odyssey help"}
        )
    await shared.settle()

    assert posted.status_code == 201
    assert posted.json()["user"]["type"] == "Bot"
    assert await shared.comments_of(BOT, number) == []


async def test_a_reader_is_refused_once_and_clearly(shared: Scenario) -> None:
    """Who may not push may not propose; whom to ask is said."""
    body = f"/odyssey propose Say goodbye\n\n{FAREWELL}"
    [answer] = await answers_to(shared, body, by="eve")

    assert "**eve**" in answer
    assert "write permission" in answer
    assert "`read`" in answer
    assert "Ask somebody who has it" in answer
    assert not [each for each in await shared.branches() if "say_goodbye" in each]


async def test_a_request_in_words_is_told_what_is_needed_instead(shared: Scenario) -> None:
    """Odyssey does not pretend to have understood."""
    [answer] = await answers_to(shared, "/odyssey propose Please be friendlier to everybody")

    assert "cannot write a change from a description yet" in answer
    assert "```diff" in answer


async def test_two_commands_in_one_comment_get_one_answer_each(shared: Scenario) -> None:
    """In the order in which they stand, and with one reaction."""
    number = await shared.open_issue("Two at once")
    comment_id = await shared.comment(number, "/odyssey status\n\nand\n\n/odyssey help")
    await shared.settle()

    first, second = await shared.comments_of(BOT, number)
    assert "no proposal" in first
    assert "What Odyssey can do" in second
    assert await reactions_to(shared, comment_id) == [(BOT, "eyes")]


async def test_a_proposal_is_asked_about_validated_again_and_rejected(shared: Scenario) -> None:
    """`status` says what is missing, `validate` runs again, `reject` closes and remembers."""
    proposal = await shared.propose(note("commands"), title="Note the commands")
    number, sha = proposal.pull_request.number, proposal.head_sha or ""
    runs = len(shared.simulator.actions.runs)

    await shared.comment(number, "/odyssey status", by="eve")
    await shared.settle()
    [_, answer] = await shared.comments_of(BOT, number)
    assert "`validation_passed`" in answer
    assert "Approve" in answer

    await shared.comment(number, "/odyssey validate", by="ben")
    await shared.settle()
    again = list(shared.simulator.actions.runs.values())[runs:]
    assert [(each.conclusion, each.inputs["head_sha"]) for each in again] == [("success", sha)]
    assert [each["conclusion"] for each in await check_runs_of(shared, sha)] == ["success"]
    assert len(await shared.comments_of(BOT, number)) == 2, "the status comment is edited"

    await shared.comment(number, "/odyssey reject I do not like it", by="eve")
    await shared.settle()
    assert (await shared.pull(number))["state"] == "open"
    assert "write permission" in (await shared.comments_of(BOT, number))[-1]

    await shared.comment(number, "/odyssey reject Nobody reads such notes", by="ben")
    await shared.settle()
    pull = await shared.pull(number)
    assert (pull["state"], pull["merged"]) == ("closed", False)
    assert proposal.branch not in await shared.branches()
    status = (await shared.comments_of(BOT, number))[0]
    assert "Nobody reads such notes" in status
    assert "**ben**" in status
    assert (await shared.get(proposal)).status is Status.REJECTED
    assert await shared.remembered(proposal) == ["opened", "rejected"]

    # What is over stays over: an approval of the closed pull request changes nothing.
    await shared.approve(number, by="dora")
    await shared.settle()
    assert not (await shared.pull(number))["merged"]
    assert len([each for each in await pulls_of(shared) if each["merged_at"]]) == 0
