"""
What one read of a pull request tells the gate, beyond what tests of the gate assume.
"""

from __future__ import annotations

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.domain.pull_request import CheckState, RequiredCheck
from odyssey.handlers.propose import propose


async def test_whoever_pushed_the_newest_commit_is_known(desk: Desk) -> None:
    """
    As author and committer; Odyssey's own commit is nobody's.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    before = await desk.ports.github.snapshot(proposal.pull_request)
    await desk.person("ben").push(REPOSITORY, proposal.branch, {"x": "1\n"}, "Add x")
    after = await desk.ports.github.snapshot(proposal.pull_request)

    assert (before.head_author, before.head_committer) == (None, None)
    assert (after.head_author, after.head_committer) == ("ben", "ben")
    assert after.is_pushed_by("Ben") and not after.is_pushed_by("ada")


async def test_a_renamed_file_is_known_as_one(desk: Desk) -> None:
    """
    Though not where it came from.
    """
    moved = Files({"src/app.py": None, "src/main.py": "one\ntwo\nthree\n", "new.py": "x\n"})
    proposal = await propose(desk.request(moved), desk.ports)
    pull = await desk.ports.github.snapshot(proposal.pull_request)

    assert {each.path: each.is_renamed for each in pull.files} == {
        "src/main.py": True,
        "new.py": False,
    }


async def test_the_base_is_contained_until_it_moves(desk: Desk) -> None:
    """
    Its tip is a parent of a commit of the branch; once it moved on, of none, and then of a merge.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    number = proposal.pull_request.number
    new = await desk.ports.github.snapshot(proposal.pull_request)
    await desk.person("ada").push(REPOSITORY, "main", {"x": "1\n"}, "Add x")
    behind = await desk.ports.github.snapshot(proposal.pull_request)
    await desk.person("ada").request("PUT", f"/repos/{REPOSITORY}/pulls/{number}/update-branch")
    merged = await desk.ports.github.snapshot(proposal.pull_request)

    assert (new.contains_base, behind.contains_base, merged.contains_base) == (True, False, True)
    assert new.base_sha != behind.base_sha == merged.base_sha
    assert merged.commits[-1].parents == (proposal.head_sha, merged.base_sha)
    assert len(new.base_tree) == 40
    assert new.commits_complete


async def test_a_status_that_the_app_may_not_read_is_missing(desk: Desk) -> None:
    """
    An installation that was not granted the new permission yet: it blocks, and nothing breaks.
    """
    [installation] = desk.simulator.state.installations.values()
    del installation.permissions["statuses"]
    desk.simulator.protect(REPOSITORY, "main", checks=["build"])
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    path = f"/repos/{REPOSITORY}/statuses/{proposal.head_sha}"
    await desk.person("ben").request("POST", path, {"context": "build", "state": "success"})
    pull = await desk.ports.github.snapshot(proposal.pull_request)

    assert pull.required_checks == (RequiredCheck(name="build", state=CheckState.MISSING),)


async def test_another_base_branch_is_known_with_its_time(desk: Desk) -> None:
    """
    From GitHub's own timeline, not from when Odyssey heard of it.
    """
    await desk.person("ada").push(REPOSITORY, "release", {"x": "1\n"}, "Add x")
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    path = f"/repos/{REPOSITORY}/pulls/{proposal.pull_number}"
    before = await desk.ports.github.snapshot(proposal.pull_request)
    await desk.person("ada").request("PATCH", path, {"base": "release"})
    after = await desk.ports.github.snapshot(proposal.pull_request)

    assert before.base_changed_at is None
    assert after.base_branch == "release"
    assert after.base_changed_at is not None


async def test_more_review_threads_than_one_read_gives_are_not_all_known(desk: Desk) -> None:
    """
    A hundred are; with one more, an open one may hide behind the others.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    path = f"/repos/{REPOSITORY}/pulls/{proposal.pull_number}/reviews"
    remark = {"path": "src/app.py", "line": 1, "side": "RIGHT", "body": "Why?"}

    async def remarks(count: int) -> None:
        sent = {"event": "COMMENT", "body": "See below.", "comments": [remark] * count}
        await desk.person("ben").request("POST", path, sent)

    await remarks(100)
    at_the_limit = await desk.ports.github.snapshot(proposal.pull_request)
    await remarks(1)
    beyond = await desk.ports.github.snapshot(proposal.pull_request)

    assert (at_the_limit.reviews_complete, at_the_limit.unresolved_threads) == (True, 100)
    assert not beyond.reviews_complete
