"""
Taking back what a merge brought, on top of what has come since.
"""

from __future__ import annotations

from odyssey.adapters.git_command import Git, GitFailed
from odyssey.adapters.git_merge import (
    contains,
    fetch_whole,
    merge_with_base,
    parents_of,
    reversed_tree,
    tree_of,
)
from odyssey.domain.errors import NotFound, NotProposable

MAX_COMMITS = 50
"""Commits of one rebased pull request that are taken back together."""


async def reverse(git: Git, *, merge_sha: str, head_sha: str, tip: str, base_branch: str) -> str:
    """
    The tree of *tip* without what merging *head_sha* brought to *base_branch* as *merge_sha*.

    Raises:
        MergeConflict: later changes touch the same places.
        NotProposable: the merge is not on the branch, or where it begins cannot be told.
    """
    try:
        await fetch_whole(git, base_branch, merge_sha, head_sha)
        has_head = True
    except NotFound:
        await fetch_whole(git, base_branch, merge_sha)
        has_head = False
    if not await contains(git, tip, merge_sha):
        raise NotProposable(
            f"Commit {merge_sha[:7]} is not on `{base_branch}` any more, so there is nothing to "
            "take back."
        )
    before = await _find_before(git, merge_sha, head_sha if has_head else None)
    if before is None:
        raise NotProposable(
            f"It cannot be told which commits before {merge_sha[:7]} belong to this pull request. "
            "Revert them by hand: `git revert`."
        )
    return await reversed_tree(git, before=before, after=merge_sha, tip=tip)


async def _find_before(git: Git, merge_sha: str, head_sha: str | None) -> str | None:
    """
    The commit that *merge_sha* was put upon; None when that cannot be told.

    A merge has it as its first parent, and so has a squash. A rebase has as many commits
    before it as the pull request had, by the same authors with the same messages. That the
    whole change, applied to what is found, gives what was merged is the proof.
    """
    parents = await parents_of(git, merge_sha)
    if len(parents) != 1:
        return parents[0] if len(parents) == 2 else None
    start = await _fork_point(git, merge_sha, head_sha) if head_sha else None
    if start is None or head_sha is None:
        return None
    proposed = await _said(git, f"{start}..{head_sha}")
    merged = await _said(git, merge_sha, f"--max-count={max(len(proposed), 1)}")
    same = 0
    while same < min(len(proposed), len(merged)) and proposed[same] == merged[same]:
        same += 1
    if 0 < same < len(proposed):
        return None
    before = parents[0]
    for _ in range(same - 1):
        parents = await parents_of(git, before)
        if len(parents) != 1:
            return None
        before = parents[0]
    old, change, result = [await tree_of(git, each) for each in (start, head_sha, merge_sha)]
    applied = await merge_with_base(git, base=old, ours=await tree_of(git, before), theirs=change)
    return before if applied.tree == result else None


async def _said(git: Git, *revisions: str) -> list[str]:
    """Author and message of commits, newest first, without merges."""
    log = await git(
        "log", "-z", "--no-merges", f"--max-count={MAX_COMMITS}", "--format=%an%n%ae%n%B",
        *revisions,
    )  # fmt: skip
    return [each.strip() for each in log.split("\0") if each.strip()]


async def _fork_point(git: Git, merge_sha: str, head_sha: str) -> str | None:
    try:
        bases = (await git("merge-base", "--all", merge_sha, head_sha)).split()
    except GitFailed as error:
        if error.status == 1:
            return None
        raise
    return bases[0] if len(bases) == 1 else None
