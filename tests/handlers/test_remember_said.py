"""
What people say in threads and reviews is kept, once, with who said it, when and of when.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.domain.identifiers import HeadSha, ProposalId
from odyssey.domain.memory.happening import Happened, MemoryEvent
from odyssey.domain.memory.record import Record, Trust
from odyssey.domain.memory.scope import REPOSITORY as EVERYBODY
from odyssey.domain.memory.scope import Scope
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.handlers.once import obey_once
from odyssey.handlers.propose import propose
from odyssey.handlers.reconcile import reconcile
from odyssey.handlers.remember import retain_outcome, tenant_of


async def kept(desk: Desk, *kinds: str, scope: Scope = EVERYBODY) -> list[Record]:
    """The records of these kinds, newest first."""
    found = await desk.ports.memory.recall(
        tenant_of(desk.repository), "", scope=scope, limit=20, kinds=kinds
    )
    return [each.record for each in found]


async def test_a_comment_with_a_command_is_kept_word_for_word(desk: Desk) -> None:
    """
    With its author, its thread, its link, and the time that it speaks of; a redelivery adds none.
    """
    event = await desk.commented("It broke on 3 March 2026.\n\n/odyssey status")
    event = replace(event, created_at=desk.ports.now() + timedelta(seconds=1))
    await obey_once(event, desk.ports)
    await obey_once(event, desk.ports)
    (record,) = await kept(desk, "comment", scope=Scope.of_thread(f"issues/{event.number}"))

    assert record.text == event.body
    assert (record.actor, record.trust, record.source) == ("ada", Trust.PERSON, event.url)
    assert record.attributes["command"] == "status"
    assert record.attributes["mentioned"].startswith("2026-03-03T00:00:00")


async def test_a_question_to_memory_is_no_memory(desk: Desk) -> None:
    """
    Else the next one would be answered with it; and what Odyssey answered is never kept.
    """
    event = await desk.commented("/odyssey recall Who greets?")
    event = replace(event, created_at=desk.ports.now() + timedelta(seconds=1))
    await obey_once(event, desk.ports)

    assert len(await desk.answers(event.number)) == 1
    assert await kept(desk) == []


async def test_the_words_of_a_review_are_kept_once(desk: Desk) -> None:
    """
    However often the pull request is looked at; without words there is nothing to keep.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    ben = desk.person("ben")
    await ben.review(REPOSITORY, proposal.pull_request.number, "comment", body="Why not three?")
    await ben.review(REPOSITORY, proposal.pull_request.number, "approve")
    await reconcile(proposal.pull_request, desk.ports)
    after = await reconcile(proposal.pull_request, desk.ports)
    (record,) = await kept(desk, "review")

    assert after is not None
    assert after.kept == (record.id,)
    assert (record.text, record.actor, record.trust) == ("Why not three?", "ben", Trust.PERSON)
    assert record.thread == f"pull/{proposal.pull_number}"
    assert "#pullrequestreview-" in record.source


async def test_comments_beside_the_diff_are_kept_once(desk: Desk) -> None:
    """
    Also where the review has no words of its own; with the file, the link, and without secrets.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    number, token = proposal.pull_request.number, "ghp_" + "a1B2" * 9
    await desk.person("ben").request(
        "POST",
        f"/repos/{REPOSITORY}/pulls/{number}/reviews",
        {
            "event": "COMMENT",
            "comments": [
                {"path": "src/app.py", "line": 1, "side": "RIGHT", "body": f"Why not {token}?"}
            ],
        },
    )
    await reconcile(proposal.pull_request, desk.ports)
    after = await reconcile(proposal.pull_request, desk.ports)
    (record,) = await kept(desk, "review")

    assert after is not None
    assert after.kept == (record.id,)
    assert record.text == "Why not [masked: GitHub token]?"
    assert (record.actor, record.trust) == ("ben", Trust.PERSON)
    assert record.attributes["files"] == "src/app.py"
    assert f"/pull/{number}#discussion_r" in record.source


async def test_what_is_said_at_a_proposal_is_kept_once(desk: Desk) -> None:
    """
    It is read with the reviews. A command is kept when it is carried out, Odyssey's words never.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    number, ben = proposal.pull_request.number, desk.person("ben")
    await ben.comment(REPOSITORY, number, "It was greeted otherwise in March 2024")
    await ben.comment(REPOSITORY, number, "/odyssey why")
    await reconcile(proposal.pull_request, desk.ports)
    after = await reconcile(proposal.pull_request, desk.ports)
    (record,) = await kept(desk, "comment", scope=Scope.of_thread(f"pull/{number}"))

    assert after is not None
    assert after.kept == (record.id,)
    assert record.text == "It was greeted otherwise in March 2024"
    assert (record.actor, record.trust) == ("ben", Trust.PERSON)
    assert record.attributes["mentioned"].startswith("2024-03-01")
    assert record.attributes["proposal_id"] == proposal.id
    assert "files" not in record.attributes
    assert f"/{number}#issuecomment-" in record.source
    assert await desk.answers(number)


async def test_subscribers_are_told_that_a_merge_was_taken_back(desk: Desk) -> None:
    """
    As of everything else that is kept.
    """
    told: list[str] = []

    async def listen(event: MemoryEvent) -> None:
        if event.name is Happened.STORED:
            told.append(event.payload["kind"])

    original = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    merge = MergeAttempt(
        head_sha=HeadSha("a" * 40),
        approved_by=("ben",),
        automatic=False,
        at=desk.ports.now(),
        sha="b" * 40,
    )
    revert = replace(original, id=ProposalId("prop_bbbbbbbbbb"), reverts=original.id, merge=merge)
    end = desk.ports.derived.subscriptions.subscribe(listen)
    await retain_outcome(revert, desk.ports)
    end()

    assert told == ["merge", "revert"]
