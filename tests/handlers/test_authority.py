"""
Who may approve and command, with the answers GitHub gives about roles and teams.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.authority import Membership
from odyssey.domain.change import Files
from odyssey.domain.errors import (
    ForbiddenPath,
    NotProposable,
    PermissionDenied,
    PolicyInvalid,
)
from odyssey.domain.events import CheckRunRerequested
from odyssey.domain.identifiers import PullRequestRef
from odyssey.domain.pull_request import Permission
from odyssey.handlers import handle
from odyssey.handlers.authority import policy_of_branch, require_permission
from odyssey.handlers.propose import propose
from odyssey.handlers.reconcile import reconcile

CHANGE = Files({"src/app.py": "new\n"})
POLICY = ".github/odyssey.yml"


async def set_policy(desk: Desk, text: str) -> None:
    """A policy on the base branch, pushed by ada."""
    await desk.person("ada").push(REPOSITORY, "main", {POLICY: text}, message="Set the policy")


async def owner_policy(desk: Desk, text: str) -> None:
    """A policy in the owner's public repository `.github`."""
    await desk.simulator.add_repository("acme/.github", {POLICY: text}, private=False)


def grant(desk: Desk, permission: str, level: str) -> None:
    """The App's installation gets one more permission."""
    for installation in desk.simulator.state.installations.values():
        installation.permissions[permission] = level


async def test_every_role_is_told_apart(desk: Desk) -> None:
    """
    GitHub's four-valued `permission` hides triage and maintain; `role_name` names them.
    """
    asked = {}
    for role in ("read", "triage", "write", "maintain", "admin"):
        desk.simulator.add_user(f"one-who-may-{role}")
        desk.simulator.add_collaborator(REPOSITORY, f"one-who-may-{role}", role)
        asked[role] = await desk.ports.github.permission(desk.repository, f"one-who-may-{role}")

    assert {role: str(found) for role, found in asked.items()} == {role: role for role in asked}
    assert await desk.ports.github.permission(desk.repository, "nobody") is Permission.NONE


@pytest.mark.parametrize(
    ("needed", "sender", "runs"), [("maintain", "ben", 1), ("write", "ben", 2), ("write", "eve", 1)]
)
async def test_re_run_takes_what_the_validate_command_takes(
    desk: Desk, caplog: pytest.LogCaptureFixture, needed: str, sender: str, runs: int
) -> None:
    """
    Whoever lacks it is passed over, and the validation there is stays.
    """
    caplog.set_level("INFO", logger="odyssey.handle")
    await set_policy(desk, f"commands: {{validate: {needed}}}\n")
    proposal = await propose(desk.request(CHANGE), desk.ports)
    assert proposal.head_sha is not None
    pressed = CheckRunRerequested(
        repository=desk.repository, head_sha=proposal.head_sha, external_id="x", sender=sender
    )
    await handle(pressed, desk.ports)
    after = await desk.ports.proposals.get(proposal.id)
    asked = [each for each in desk.simulator.calls if each.path.endswith("/dispatches")]

    assert len(asked) == runs
    assert after and proposal.validation and after.validation
    assert (after.validation.nonce == proposal.validation.nonce) is (runs == 1)
    assert ("not validated again" in caplog.text) is (runs == 1)


async def test_a_team_s_members_are_members_and_nobody_else_is(desk: Desk) -> None:
    """
    Of a team that is there, of one that is not, and of another organisation's.
    """
    grant(desk, "members", "read")
    desk.simulator.add_team("acme", "reviewers", ["ben"])
    github, where = desk.ports.github, desk.repository

    assert await github.membership(where, "acme/reviewers", "ben") is Membership.MEMBER
    assert await github.membership(where, "ACME/Reviewers", "Ben") is Membership.MEMBER
    assert await github.membership(where, "acme/reviewers", "ada") is Membership.NO_MEMBER
    assert await github.membership(where, "acme/nobody", "ben") is Membership.NO_MEMBER
    assert await github.membership(where, "other/reviewers", "ben") is Membership.NO_MEMBER


async def test_without_the_permission_to_read_members_nobody_is_one(desk: Desk) -> None:
    """
    That the answer is hidden is told apart from no.
    """
    desk.simulator.add_team("acme", "reviewers", ["ben"])
    found = await desk.ports.github.membership(desk.repository, "acme/reviewers", "ben")

    assert found is Membership.HIDDEN


async def test_the_owner_s_policy_counts_where_the_repository_has_none(desk: Desk) -> None:
    """
    And only there; an owner without the repository `.github` has none.
    """
    before = await desk.ports.github.policy_texts(desk.repository, branch="main")
    await owner_policy(desk, "approvals: {required: 2}\n")
    inherited = await policy_of_branch(desk.repository, "main", desk.ports)
    await set_policy(desk, "approvals: {mode: auto}\n")
    own = await policy_of_branch(desk.repository, "main", desk.ports)
    gone = await policy_of_branch(desk.repository, "nowhere", desk.ports)

    assert before == (None, None)
    assert inherited.approvals.required == 2
    assert own.approvals.required == 1
    assert gone == inherited


async def test_an_owner_s_broken_policy_stops_everything_and_is_named(desk: Desk) -> None:
    """
    It never reads as if there were none.
    """
    await owner_policy(desk, "approval: {}\n")
    with pytest.raises(PolicyInvalid, match=r"organisation's `\.github` repository: unknown key"):
        await propose(desk.request(CHANGE), desk.ports)

    assert await desk.branches() == ["main"]


async def test_a_command_takes_what_the_policy_says(desk: Desk) -> None:
    """
    More or less than write, for each command; a command it does not know takes admin.
    """
    await set_policy(desk, "commands: {reject: maintain, validate: triage}\n")
    desk.simulator.add_user("tom")
    desk.simulator.add_collaborator(REPOSITORY, "tom", "triage")
    where, ports = desk.repository, desk.ports
    for login, word in (("tom", "validate"), ("ben", "propose"), ("ada", "reject")):
        await require_permission(word, login, where, "main", ports)

    for login, word in (("tom", "propose"), ("ben", "reject"), ("ben", "other")):
        with pytest.raises(PermissionDenied, match=f"`/odyssey {word}` needs"):
            await require_permission(word, login, where, "main", ports)


async def test_a_refused_path_is_refused_before_there_is_a_branch(desk: Desk) -> None:
    """
    The author is told which one, and what may be done instead.
    """
    await set_policy(desk, "protected_paths: [{path: 'src/**', needs: refused}]\n")
    with pytest.raises(ForbiddenPath, match=r"`src/app\.py`.*pull request of one's own"):
        await propose(desk.request(CHANGE), desk.ports)

    assert await desk.branches() == ["main"]


async def test_over_the_attention_budget_nothing_is_proposed(desk: Desk) -> None:
    """
    The open ones are listed; when one is closed there is room again.
    """
    await set_policy(desk, "attention: {open_proposals: 1}\n")
    first = await propose(desk.request(CHANGE), desk.ports)
    second = desk.request(Files({"src/app.py": "newer\n"}), seed=("second",))
    with pytest.raises(
        NotProposable, match=f"pull request {first.pull_number}: `Mend the greeting`"
    ):
        await propose(second, desk.ports)
    branches = await desk.branches()
    again = await propose(desk.request(CHANGE), desk.ports)
    await desk.person("ada").close(REPOSITORY, again.pull_request.number)
    await reconcile(PullRequestRef(desk.repository, again.pull_request.number), desk.ports)
    other = await propose(second, desk.ports)

    assert len(branches) == 2
    assert again.id == first.id
    assert other.pull_number != first.pull_number


async def test_the_reviewer_with_the_fewest_open_proposals_is_asked(desk: Desk) -> None:
    """
    Never the requester; when everyone has enough, nothing is proposed.
    """
    desk.simulator.add_user("carol")
    desk.simulator.add_collaborator(REPOSITORY, "carol", "write")
    await set_policy(desk, "attention: {reviewers: [ada, ben, carol], per_reviewer: 1}\n")
    asked = []
    for seed in ("one", "two"):
        change = Files({f"src/{seed}.py": "new\n"})
        proposal = await propose(desk.request(change, seed=(seed,)), desk.ports)
        found = await desk.read(f"pulls/{proposal.pull_number}/requested_reviewers")
        asked.append([each["login"] for each in found["users"]])
    with pytest.raises(NotProposable, match=r"ben \(1\), carol \(1\)"):
        await propose(desk.request(CHANGE, seed=("three",)), desk.ports)

    assert asked == [["ben"], ["carol"]]


async def test_a_reviewer_who_cannot_be_asked_stops_nothing(desk: Desk) -> None:
    """
    Somebody who left: the proposal stands, with nobody asked.
    """
    await set_policy(desk, "attention: {reviewers: [zoe]}\n")
    proposal = await propose(desk.request(CHANGE), desk.ports)

    assert proposal.pull_number
    assert replace(proposal, reviewer="") == proposal


async def test_a_codeowners_that_is_no_file_is_not_read_as_one(desk: Desk) -> None:
    """
    The text of a symlink is where it leads to; read as owners it would give everything to nobody.
    """
    proposal = await propose(desk.request(CHANGE), desk.ports)
    git = desk.simulator.git(desk.simulator.repository(REPOSITORY))
    target = git.run("hash-object", "-w", "--stdin", stdin=b"../OWNERS").decode().strip()
    index = {"GIT_INDEX_FILE": str(git.git_dir / "index-of-the-test")}
    git.run("read-tree", "refs/heads/main", env=index)
    entry = f"120000,{target},.github/CODEOWNERS"
    git.run("update-index", "--add", "--cacheinfo", entry, env=index)
    tree = git.run("write-tree", env=index).decode().strip()
    commit = git.run(
        "-c", "user.name=ada", "-c", "user.email=ada@example.com",
        "commit-tree", tree, "-p", "refs/heads/main", "-m", "Link it",
    ).decode().strip()  # fmt: skip
    git.run("update-ref", "refs/heads/main", commit)
    pull = await desk.ports.github.snapshot(proposal.pull_request)

    assert pull.codeowners_text == "\0"
