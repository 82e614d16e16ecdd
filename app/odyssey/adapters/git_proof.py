"""
Whether one head holds what was approved at another, shown by git from the commits themselves.

Nothing here trusts a date, a message or who pushed. A proof is exact: one byte more, and
there is none.
"""

from __future__ import annotations

import re

from odyssey.adapters.git_command import Git, GitFailed
from odyssey.adapters.git_merge import (
    contains,
    linear_commits,
    merge_tree,
    merge_with_base,
    parents_of,
    tree_of,
)
from odyssey.domain.carry_over import Proof, ProofKind
from odyssey.domain.errors import NotProposable
from odyssey.domain.identifiers import HeadSha

MAX_MERGES = 20
"""Merges of the base branch, one after the other, that are followed back to the approved head."""
MAX_RANGE = 20
"""Commits of a rebased branch that are compared."""

_EQUAL = re.compile(r"\s*(\d+):\s+[0-9a-f]+ = \s*(\d+):\s+[0-9a-f]+ ")


async def find_proof(
    git: Git, *, from_head: str, to_head: str, base_branch: str, base_sha: str
) -> Proof | None:
    """
    The proof that *to_head* is *from_head* brought up to date; None when git finds none.

    *base_sha* is the tip of the base branch; all three commits are there with their history.
    """
    kind, steps = await _find_kind(git, from_head, to_head, base_sha)
    if kind is None:
        return None
    return Proof(
        kind=kind,
        from_head=HeadSha(from_head),
        to_head=HeadSha(to_head),
        base_branch=base_branch,
        base_sha=base_sha,
        steps=steps,
    )


async def _find_kind(
    git: Git, old: str, new: str, tip: str
) -> tuple[ProofKind | None, tuple[tuple[str, str, str], ...]]:
    if await _is_equal_tree(git, old, new, tip):
        return ProofKind.EQUAL_TREE, ()
    if steps := await _clean_merges(git, old, new, tip):
        return ProofKind.CLEAN_MERGE, steps
    if await _is_equal_range(git, old, new, tip):
        return ProofKind.EQUAL_RANGE_DIFF, ()
    return None, ()


async def _is_equal_tree(git: Git, old: str, new: str, tip: str) -> bool:
    """
    The same files, branched off at the same commits.

    The second half matters: the same files on top of a newer base would take back
    what the base has gained since, which nobody approved. So does that no merge came in:
    with "ours" one brings no file, and yet makes its branch count as merged for good.
    """
    if await tree_of(git, old) != await tree_of(git, new):
        return False
    if await git("rev-list", "--merges", "--max-count=1", new, f"^{old}", f"^{tip}"):
        return False
    bases = await _merge_bases(git, tip, old)
    return bool(bases) and bases == await _merge_bases(git, tip, new)


async def _merge_bases(git: Git, one: str, other: str) -> set[str]:
    try:
        return set((await git("merge-base", "--all", one, other)).split())
    except GitFailed as error:
        if error.status == 1:
            return set()
        raise


async def _clean_merges(git: Git, old: str, new: str, tip: str) -> tuple[tuple[str, str, str], ...]:
    """
    The merges that lead from *old* to *new*, oldest first; () when they do not, or not cleanly.

    Each merges a commit of the base branch, and its tree is what git makes of the two alone.
    """
    steps: list[tuple[str, str, str]] = []
    while new != old and len(steps) < MAX_MERGES:
        parents = await parents_of(git, new)
        if len(parents) != 2:
            return ()
        before, base = parents
        if base == old or not await contains(git, tip, base):
            # Whoever merged on the base branch's side has the parents the other way round.
            before, base = base, before
        if not await contains(git, tip, base):
            return ()
        merging = await merge_tree(git, before, base)
        if merging.tree is None or merging.tree != await tree_of(git, new):
            return ()
        steps.append((before, base, new))
        new = before
    return tuple(reversed(steps)) if new == old else ()


async def _is_equal_range(git: Git, old: str, new: str, tip: str) -> bool:
    """
    Commit by commit the same change, on another commit of the base branch.

    `git range-diff` compares messages, changes and their context, but neither places nor
    binary content; that each new tree is git's own re-application of the old commit
    shows those. Merges are refused first: range-diff passes over them.
    """
    try:
        olds = await linear_commits(git, tip, old)
        news = await linear_commits(git, tip, new)
    except NotProposable:
        return False
    if not olds or len(olds) != len(news) or len(olds) > MAX_RANGE:
        return False
    for before, after in zip(olds, news, strict=True):
        merging = await merge_with_base(
            git,
            base=await tree_of(git, f"{before}^"),
            ours=await tree_of(git, f"{after}^"),
            theirs=await tree_of(git, before),
        )
        if merging.tree is None or merging.tree != await tree_of(git, after):
            return False
    compared = await git(
        "range-diff", "--no-color", "--no-patch", "--no-notes", f"{tip}..{old}", f"{tip}..{new}"
    )
    rows = compared.splitlines()
    pairs = [match.groups() for match in map(_EQUAL.match, rows) if match]
    numbers = [str(each + 1) for each in range(len(olds))]
    return len(rows) == len(olds) and pairs == [(each, each) for each in numbers]
