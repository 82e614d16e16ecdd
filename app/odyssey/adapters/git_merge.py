"""
Merging, rebasing and reverting in a bare repository: from commits to trees, nothing else.

`git merge-tree` needs no work tree and no index, so nothing of a repository can act: no hook,
no filter, no merge driver. Attributes are not read at all (`environment`), `merge=union` neither;
GitHub's own merges pay no heed to it, and where both differ, ours conflicts more often.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from odyssey.adapters.git_command import EMPTY_TREE, Git, GitFailed
from odyssey.domain.errors import MergeConflict, NotFound, NotProposable
from odyssey.domain.markup import code

MAX_COMMITS = 50
"""Commits of one branch that are rebased; a proposal has one."""
MAX_PATHS_KEPT = 100
MAX_PATHS_SAID = 10
BASE = "refs/odyssey/base"

_SHA = re.compile(r"[0-9a-f]{40}")
_NOBODY = {
    f"GIT_{who}_{what}": text
    for who in ("AUTHOR", "COMMITTER")
    for what, text in (("NAME", "n"), ("EMAIL", "n@localhost"), ("DATE", "@0 +0000"))
}


@dataclass(frozen=True, slots=True)
class Merging:
    """
    What came of putting two commits together: `tree`, or the paths that conflict.

    `tree` is None after a conflict: what git writes then holds conflict markers.
    """

    tree: str | None
    conflicts: tuple[str, ...] = ()


async def fetch_whole(git: Git, branch: str, *shas: str) -> str:
    """
    The tip of *branch*, fetched with all of its history, and *shas* with theirs.

    Raises:
        NotFound: there is no such branch, or one of *shas* is gone.
    """
    for sha in shas:
        if not _SHA.fullmatch(sha):
            raise NotFound(f"{sha[:60]!r} is no commit")
    is_shallow = (await git("rev-parse", "--is-shallow-repository")).strip() == "true"
    try:
        await git(
            "fetch", "--quiet", "--no-tags", *(["--unshallow"] if is_shallow else []), git.url,
            f"+refs/heads/{branch}:{BASE}", *shas,
        )  # fmt: skip
    except GitFailed as error:
        if "couldn't find remote ref" in error.stderr:
            raise NotFound(f"There is no branch `{branch}`") from error
        if missing := [each for each in shas if f"not our ref {each}" in error.stderr]:
            raise NotFound(f"GitHub has no commit {missing[0]} any more") from error
        raise
    return (await git("rev-parse", f"{BASE}^{{commit}}")).strip()


async def merge_tree(git: Git, ours: str, theirs: str) -> Merging:
    """What *theirs* merged into *ours* gives, by git's own three-way merge of the two commits."""
    try:
        output = await git.bytes(
            "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs
        )
    except GitFailed as error:
        if "unrelated histories" in error.stderr:
            return Merging(None)
        if error.status != 1:
            raise
        names = error.stdout.decode("utf-8", "replace").split("\0")[1:]
        return Merging(None, tuple(dict.fromkeys(filter(None, names))))
    return Merging(output.decode().partition("\0")[0].strip())


async def merge_with_base(git: Git, *, base: str, ours: str, theirs: str) -> Merging:
    """
    What the way from *base* to *theirs* gives on top of *ours*; all three are trees.

    A rebase and a revert are that. git 2.39 finds merge bases from commits only, so
    commits are made of the trees, which nothing will ever refer to.
    """
    root = await _unnamed_commit(git, base)
    one = await _unnamed_commit(git, ours, root)
    other = await _unnamed_commit(git, theirs, root)
    return await merge_tree(git, one, other)


async def _unnamed_commit(git: Git, tree: str, *parents: str) -> str:
    dated = git.with_environment(**_NOBODY)
    given = [part for each in parents for part in ("-p", each)]
    return (await dated("commit-tree", tree, *given, "-m", "-")).strip()


async def merged(
    git: Git, *, head_sha: str, base_sha: str, base_branch: str, message: str,
    author: Mapping[str, str],
) -> str:  # fmt: skip
    """
    The merge of *base_sha* into *head_sha*, in this order of parents; its SHA.

    Raises:
        MergeConflict: git cannot do it alone.
    """
    merging = await merge_tree(git, head_sha, base_sha)
    if merging.tree is None:
        raise conflict_with(base_branch, merging.conflicts)
    dated = git.with_environment(**author)
    text = message.strip().encode() + b"\n"
    made = await dated(
        "commit-tree", merging.tree, "-p", head_sha, "-p", base_sha, "-F", "-", stdin=text
    )
    return made.strip()


async def rebased(
    git: Git, *, head_sha: str, base_sha: str, base_branch: str, author: Mapping[str, str]
) -> str:
    """
    The commits of *head_sha* one after the other on top of *base_sha*; the last one's SHA.

    Each keeps its author, date and message; *author* becomes its committer. A commit that
    changes nothing there any more is left out, as `git rebase` does.

    Raises:
        MergeConflict: one of them does not apply.
        NotProposable: the branch holds merges or too many commits, or nothing is left of it.
    """
    tip = base_sha
    for commit in await linear_commits(git, base_sha, head_sha):
        trees = [await tree_of(git, each) for each in (f"{commit}^", tip, commit)]
        merging = await merge_with_base(git, base=trees[0], ours=trees[1], theirs=trees[2])
        if merging.tree is None:
            raise conflict_with(base_branch, merging.conflicts)
        if merging.tree != trees[1]:
            tip = await _again(git, commit, merging.tree, tip, author)
    if tip == base_sha:
        raise NotProposable(
            f"{code(base_branch)} holds everything this branch changes, so a rebase would leave "
            "nothing of it. Close it with `/odyssey reject <reason>`."
        )
    return tip


async def linear_commits(git: Git, base_sha: str, head_sha: str) -> list[str]:
    """
    The commits of *head_sha* that *base_sha* does not contain, oldest first.

    Raises:
        NotProposable: there is a merge among them, or there are more than 50.
    """
    listed = (await git("rev-list", "--parents", "--reverse", f"{base_sha}..{head_sha}")).split(
        "\n"
    )
    rows = [each.split() for each in listed if each]
    if any(len(each) != 2 for each in rows):
        raise NotProposable(
            "The branch holds a merge (or a commit without a parent), so it cannot be rebased "
            "commit by commit. Write `/odyssey update`, which merges."
        )
    if len(rows) > MAX_COMMITS:
        raise NotProposable(
            f"The branch has {len(rows)} commits; at most {MAX_COMMITS} are rebased. Write "
            "`/odyssey update`, which merges."
        )
    return [each[0] for each in rows]


async def reversed_tree(git: Git, *, before: str, after: str, tip: str) -> str:
    """
    The tree of *tip* without what changed from commit *before* to commit *after*.

    Raises:
        MergeConflict: later changes touch the same places.
    """
    old, new, now = [await tree_of(git, each) for each in (before, after, tip)]
    merging = await merge_with_base(git, base=new, ours=now, theirs=old)
    if merging.tree is None:
        raise MergeConflict(
            f"What came after touches the same places: {paths_said(merging.conflicts)}. "
            "Revert it by hand: `git revert`, and resolve the conflict.",
            paths=merging.conflicts,
        )
    return merging.tree


async def tree_of(git: Git, commit: str) -> str:
    """The tree of *commit*."""
    return (await git("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")).strip()


async def parents_of(git: Git, commit: str) -> list[str]:
    """The parents of *commit*, in order."""
    return (await git("rev-list", "--parents", "--max-count=1", commit)).split()[1:]


async def contains(git: Git, descendant: str, commit: str) -> bool:
    """Whether *commit* is *descendant* or one of its ancestors."""
    try:
        await git("merge-base", "--is-ancestor", commit, descendant)
    except GitFailed as error:
        if error.status == 1:
            return False
        raise
    return True


def conflict_with(branch: str, paths: Sequence[str]) -> MergeConflict:
    """That the branch and *branch* meet in *paths*, and what to do."""
    if not paths:
        return MergeConflict(
            f"The branch and {code(branch)} have no common history. Propose the change anew."
        )
    return MergeConflict(
        f"The branch and {code(branch)} change the same places: {paths_said(paths)}. Merge "
        f"{code(branch)} into the branch by hand, resolving the conflict, and push.",
        paths=tuple(paths[:MAX_PATHS_KEPT]),
    )


def paths_said(paths: Sequence[str]) -> str:
    """The first of *paths* as code spans, and how many more there are."""
    more = len(paths) - MAX_PATHS_SAID
    shown = ", ".join(code(each) for each in paths[:MAX_PATHS_SAID])
    return f"{shown} and {more} more" if more > 0 else shown


async def _again(
    git: Git, commit: str, tree: str, parent: str, committer: Mapping[str, str]
) -> str:
    """*commit* with another tree on another parent; its author, date and message are kept."""
    shown = await git("show", "--no-patch", "--format=%an%x00%ae%x00@%at %ad%x00%B",
                      "--date=format:%z", "--encoding=UTF-8", commit)  # fmt: skip
    name, email, date, message = shown.split("\0", 3)
    dated = git.with_environment(
        **{
            **committer,
            "GIT_AUTHOR_NAME": name.strip() or committer["GIT_COMMITTER_NAME"],
            "GIT_AUTHOR_EMAIL": email.strip() or committer["GIT_COMMITTER_EMAIL"],
            "GIT_AUTHOR_DATE": date,
        }
    )
    text = message.strip("\n").encode("utf-8", "surrogateescape") + b"\n"
    return (await dated("commit-tree", tree, "-p", parent, "-F", "-", stdin=text)).strip()


def author_of(name: str, at: datetime) -> dict[str, str]:
    """git's environment for commits made by *name* at *at*, so that equal ones get one SHA."""
    stamp = f"{int(at.timestamp())} +0000"
    email = f"{name}@users.noreply.github.com"
    return {
        f"GIT_{who}_{what}": text
        for who in ("AUTHOR", "COMMITTER")
        for what, text in (("NAME", name), ("EMAIL", email), ("DATE", stamp))
    }


__all__ = [
    "BASE", "EMPTY_TREE", "MAX_COMMITS", "Merging", "author_of", "conflict_with", "contains",
    "fetch_whole", "linear_commits", "merge_tree", "merge_with_base", "merged", "parents_of",
    "paths_said", "rebased", "reversed_tree", "tree_of",
]  # fmt: skip
