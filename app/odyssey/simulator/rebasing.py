"""Rebase without a work tree: each commit is merged onto the new tip by its own change."""

from __future__ import annotations

from odyssey.simulator.git import Git, Signature

_NOBODY = Signature("simulator", "simulator@localhost", "2000-01-01T00:00:00+00:00")


def rebase(git: Git, onto: str, head: str, *, committer: Signature | None) -> str | None:
    """
    The tip of the commits of *head* replayed on *onto*; None at the first conflict.

    Authors and messages are kept; *committer* None keeps the committer too (for a trial).
    Merge commits are left out, as GitHub's rebase does.
    """
    tip = onto
    for commit in git.log("--no-merges", f"{onto}..{head}"):
        if commit.parents[:1] == (tip,):
            tree: str | None = commit.tree  # it stands there already
        else:
            parent = git.commit(commit.parents[0]).tree if commit.parents else None
            tree = _replayed(git, parent, git.commit(tip).tree, commit.tree)
        if tree is None:
            return None
        tip = git.commit_tree(
            tree,
            [tip],
            commit.message,
            author=commit.author,
            committer=committer or commit.committer,
        )
    return tip


def _replayed(git: Git, base: str | None, ours: str, theirs: str) -> str | None:
    # git 2.39 has no `merge-tree --merge-base`, so two made-up commits share the base as parent.
    empty = git.write_tree(None, []) if base is None else base
    root = git.commit_tree(empty, [], "base", author=_NOBODY, committer=_NOBODY)
    one = git.commit_tree(ours, [root], "ours", author=_NOBODY, committer=_NOBODY)
    other = git.commit_tree(theirs, [root], "theirs", author=_NOBODY, committer=_NOBODY)
    tree, clean = git.merge_tree(one, other)
    return tree if clean else None
