"""
What the GraphQL API changes, and what it refuses.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from contract.github.checker import ContractChecker
from odyssey.simulator import Simulator
from odyssey.simulator.ids import node_id
from odyssey.simulator.state import Comment
from simulator.graphql_world import NAME, NOON, World, build_world

COMMIT = """mutation($input:CreateCommitOnBranchInput!){ createCommitOnBranch(input:$input){
  clientMutationId commit{ oid message author{name user{login}} parents(first:1){nodes{oid}} }
  ref{ name target{oid} } } }"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """
    The world of `graphql_world`, running; all it says must fit GitHub's description.
    """
    checker = ContractChecker()
    async with Simulator(tmp_path, observers=[checker]) as simulator:
        yield await build_world(simulator)
    checker.assert_clean()


def commit_input(world: World, **changed: Any) -> dict[str, Any]:
    """
    A change of one file and a deletion on `feature`, with *changed* entries.
    """
    contents = base64.b64encode(b"TWO = 3\n").decode()
    return {
        "branch": {"repositoryNameWithOwner": NAME, "branchName": "feature"},
        "message": {"headline": "Count better", "body": "It was wrong."},
        "expectedHeadOid": world.pull.head_sha,
        "fileChanges": {
            "additions": [{"path": "engine.py", "contents": contents}],
            "deletions": [{"path": "test_engine.py"}],
        },
        "clientMutationId": "7",
        **changed,
    }


async def refused(world: World, token: str | None = None, **changed: Any) -> dict[str, Any]:
    """
    The one error of a commit that must be refused and leave the branch alone.
    """
    before = world.simulator.git(world.repository).find_ref("refs/heads/feature")
    body = await world.ask(COMMIT, token, input=commit_input(world, **changed))
    assert body["data"] == {"createCommitOnBranch": None}
    assert world.simulator.git(world.repository).find_ref("refs/heads/feature") == before
    (error,) = body["errors"]
    found: dict[str, Any] = error
    return found


async def test_a_commit_moves_the_branch_and_the_pull_request(world: World) -> None:
    """One commit with both changes, by the caller, signed by GitHub; the events follow."""
    before = world.pull.head_sha
    world.simulator.outbox.pending.clear()

    body = await world.ask(COMMIT, input=commit_input(world))

    made = body["data"]["createCommitOnBranch"]
    oid = made["commit"]["oid"]
    git = world.simulator.git(world.repository)
    assert made["clientMutationId"] == "7"
    assert made["commit"]["message"] == "Count better\n\nIt was wrong."
    assert made["commit"]["author"]["user"] == {"login": "ada"}
    assert made["commit"]["parents"]["nodes"] == [{"oid": before}]
    assert made["ref"] == {"name": "feature", "target": {"oid": oid}}
    assert git.find_ref("refs/heads/feature") == oid
    assert git.run("show", f"{oid}:engine.py") == b"TWO = 3\n"
    assert git.find_entry(oid, "test_engine.py") is None
    assert world.pull.head_sha == oid
    assert oid in world.repository.verified_commits
    told = [delivery.event for delivery in world.simulator.outbox.pending]
    assert told == ["push", "pull_request"]


async def test_a_commit_on_a_moved_branch_is_stale(world: World) -> None:
    """The compare and swap: nothing is written, the words are GitHub's."""
    old = world.pull.base_sha

    error = await refused(world, expectedHeadOid=old)

    assert error["type"] == "STALE_DATA"
    assert error["message"] == (
        f'Expected branch to point to "{old}" but it did not.  Pull and try again.'
    )


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up.py", "a//b.py", ".git/config", "a/.GIT/hooks/x", ""]
)
async def test_a_path_outside_the_repository_is_refused(world: World, path: str) -> None:
    """Neither absolute, nor upward, nor into git's own folder."""
    addition = {"path": path, "contents": ""}

    error = await refused(world, fileChanges={"additions": [addition]})

    assert error["type"] == "UNPROCESSABLE"


async def test_contents_are_base64_and_deletions_exist(world: World) -> None:
    """Both are refused before anything is written."""
    bad = {"additions": [{"path": "a.py", "contents": "no base64!"}]}
    gone = {"deletions": [{"path": "nowhere.py"}]}

    assert (await refused(world, fileChanges=bad))["type"] == "UNPROCESSABLE"
    assert (await refused(world, fileChanges=gone))["type"] == "UNPROCESSABLE"


async def test_an_app_needs_contents_and_workflows(world: World) -> None:
    """A workflow file asks for a permission of its own."""
    reader = world.installation_token(contents="read").value
    writer = world.installation_token(contents="write").value
    workflow = {"additions": [{"path": ".github/workflows/x.yml", "contents": ""}]}

    no_write = await refused(world, reader)
    no_workflows = await refused(world, writer, fileChanges=workflow)

    assert no_write["type"] == "FORBIDDEN"
    assert no_write["message"] == "Resource not accessible by integration"
    assert "without `workflows` permission" in no_workflows["message"]


async def test_a_reader_cannot_commit(world: World) -> None:
    """A person with read access sees the repository and is forbidden."""
    world.simulator.add_collaborator(NAME, "eve", "read")

    error = await refused(world, world.simulator.user_token("eve"))

    assert error["type"] == "FORBIDDEN"


async def test_a_protected_branch_takes_no_commit(world: World) -> None:
    """The same rules as for a push."""
    world.simulator.protect(NAME, "feature", approvals=1, enforce_admins=True)

    error = await refused(world)

    assert error["type"] == "BRANCH_PROTECTION_RULE_VIOLATION"
    assert "Changes must be made through a pull request." in error["message"]


async def test_a_branch_may_be_named_by_its_id(world: World) -> None:
    """The other form of `CommittableBranch`."""
    query = '{ repository(owner:"ada",name:"engine"){ ref(qualifiedName:"feature"){ id } } }'
    named = (await world.ask(query))["data"]["repository"]["ref"]

    body = await world.ask(COMMIT, input=commit_input(world, branch=named))

    assert body["data"]["createCommitOnBranch"]["ref"]["name"] == "feature"


async def test_a_branch_that_is_not_there_is_not_found(world: World) -> None:
    """The mutation makes no branches."""
    branch = {"repositoryNameWithOwner": NAME, "branchName": "nowhere"}

    assert (await refused(world, branch=branch))["type"] == "NOT_FOUND"


async def test_a_reaction_is_added_once(world: World) -> None:
    """The same again gives the reaction that is there."""
    comment = Comment(1, 1, world.user("bob"), "/odyssey status", NOON, NOON)
    world.repository.comments[1] = comment
    query = """mutation($id:ID!){ addReaction(input:{subjectId:$id,content:EYES}){
      reaction{ content user{login} } subject{ id } } }"""
    subject = node_id("IssueComment", 1)

    first = await world.ask(query, id=subject)
    second = await world.ask(query, id=subject)

    expected = {
        "reaction": {"content": "EYES", "user": {"login": "ada"}},
        "subject": {"id": subject},
    }
    assert first["data"]["addReaction"] == second["data"]["addReaction"] == expected
    assert [(one.user.login, one.content) for one in comment.reactions] == [("ada", "eyes")]


async def test_a_thread_is_resolved_and_reopened(world: World) -> None:
    """Each change is told once; repeating it changes nothing."""
    thread = world.thread()
    world.simulator.outbox.pending.clear()
    query = """mutation($id:ID!){ %s(input:{threadId:$id}){ thread{ isResolved } } }"""

    told = []
    for name in ("resolveReviewThread", "resolveReviewThread", "unresolveReviewThread"):
        body = await world.ask(query % name, id=thread)
        told.append(body["data"][name]["thread"]["isResolved"])

    assert told == [True, True, False]
    events = [one.payload["action"] for one in world.simulator.outbox.pending]
    assert events == ["resolved", "unresolved"]


async def test_a_draft_is_made_ready_and_a_draft_again(world: World) -> None:
    """The state changes and the App is told."""
    world.simulator.outbox.pending.clear()
    query = """mutation($id:ID!){ %s(input:{pullRequestId:$id}){ pullRequest{ isDraft } } }"""
    identifier = node_id("PullRequest", world.pull.id)

    drafted = await world.ask(query % "convertPullRequestToDraft", id=identifier)
    is_draft = world.pull.draft
    ready = await world.ask(query % "markPullRequestReadyForReview", id=identifier)

    assert drafted["data"]["convertPullRequestToDraft"]["pullRequest"] == {"isDraft": True}
    assert is_draft is True
    assert ready["data"]["markPullRequestReadyForReview"]["pullRequest"] == {"isDraft": False}
    events = [one.payload["action"] for one in world.simulator.outbox.pending]
    assert events == ["converted_to_draft", "ready_for_review"]


async def test_a_comment_is_hidden_with_its_reason(world: World) -> None:
    """It stays hidden for everybody who asks later."""
    world.repository.comments[1] = Comment(1, 1, world.user("bob"), "Old.", NOON, NOON)
    identifier = node_id("IssueComment", 1)
    hide = """mutation($id:ID!){ minimizeComment(input:{subjectId:$id,classifier:OFF_TOPIC}){
      minimizedComment{ isMinimized minimizedReason } } }"""
    look = "query($id:ID!){ node(id:$id){ ... on IssueComment { isMinimized minimizedReason } } }"

    hidden = await world.ask(hide, id=identifier)
    seen = await world.ask(look, world.simulator.user_token("bob"), id=identifier)

    expected = {"isMinimized": True, "minimizedReason": "off-topic"}
    assert hidden["data"]["minimizeComment"]["minimizedComment"] == expected
    assert seen["data"]["node"] == expected


async def test_an_id_of_another_kind_is_not_found(world: World) -> None:
    """A pull request is no thread."""
    query = "mutation($id:ID!){ resolveReviewThread(input:{threadId:$id}){ thread{ id } } }"

    body = await world.ask(query, id=node_id("PullRequest", world.pull.id))

    assert body["errors"][0]["type"] == "NOT_FOUND"
