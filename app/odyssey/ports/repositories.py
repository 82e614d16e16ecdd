"""
Real git: what proposals are made with, and what proves that two of them are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from odyssey.domain.carry_over import Proof
from odyssey.domain.change import Change
from odyssey.domain.identifiers import HeadSha, RepositoryRef
from odyssey.domain.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseTree:
    """
    The base branch at one commit, as far as a proposal needs it.

    `policy_text` and `workflows` (file names) are read from this very commit.
    """

    branch: str
    sha: str
    policy_text: str | None
    workflows: tuple[str, ...]


class UpdateMethod(StrEnum):
    """How a branch takes up what its base branch gained."""

    MERGE = "merge"
    REBASE = "rebase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """
    Where a branch is after an update: at the old head when it held the base's tip already.
    """

    head_sha: HeadSha
    base_sha: str
    method: UpdateMethod


class Repositories(Protocol):
    """Real git: fetches a base branch, commits a change on it, pushes it."""

    async def base(self, repository: RepositoryRef, branch: str) -> BaseTree:
        """
        The present tip of *branch*. Repeatable.

        Raises:
            NotFound: no such branch.
        """
        ...

    async def commit(
        self,
        repository: RepositoryRef,
        change: Change,
        *,
        base: BaseTree,
        policy: Policy,
        message: str,
        at: datetime,
    ) -> Commit:
        """
        A commit with *change* on top of *base*; nothing leaves this machine yet. Repeatable:
        the same arguments give the same SHA.

        Raises:
            ChangeRefused: does not apply, is empty, too large, or touches what no
                change may (see its subclasses).
        """
        ...

    async def reverse(
        self,
        repository: RepositoryRef,
        *,
        merge_sha: str,
        head_sha: HeadSha,
        base: BaseTree,
        policy: Policy,
        message: str,
        at: datetime,
    ) -> Commit:
        """
        A commit on top of *base* that takes back what merging *head_sha* as *merge_sha* brought.

        Nothing leaves this machine yet. Repeatable: the same arguments give the same SHA.

        Raises:
            MergeConflict: later changes touch the same places; names the files.
            NotProposable: the merge is not on the branch, or its beginning cannot be told.
            NotFound: GitHub has the merge commit no more.
            ChangeRefused: see `commit`; for instance nothing is left to take back.
        """
        ...

    async def find_branch(self, repository: RepositoryRef, branch: str) -> HeadSha | None:
        """Where *branch* is now; None when there is none. Repeatable."""
        ...

    async def push(self, repository: RepositoryRef, commit: Commit, branch: str) -> None:
        """
        Creates *branch* at *commit*. Repeatable: a branch already there at this commit is fine.

        Raises:
            BranchExists: the branch is there with other content.
            NotProposable: the branch's prefix is itself a branch.
            PermissionDenied: GitHub refuses the push (workflow files, a ruleset); says why.
        """
        ...

    async def update(
        self,
        repository: RepositoryRef,
        *,
        branch: str,
        head_sha: HeadSha,
        base_branch: str,
        method: UpdateMethod,
        message: str,
        at: datetime,
    ) -> Updated:
        """
        Brings *branch*, which is at *head_sha*, up to the tip of *base_branch*, and pushes it.

        A merge has *head_sha* as its first parent and *message*; a rebase keeps the commits'
        own. Repeatable: the same arguments and base tip give the same SHA, and one that is
        there already is fine.

        Raises:
            MergeConflict: git cannot do it alone; names the files.
            NotProposable: the branch cannot be rebased; says why.
            HeadShaChanged: the branch is elsewhere by now.
            NotFound: one of the branches is gone.
            PermissionDenied: GitHub refuses the push; says why.
        """
        ...

    async def conflicts(
        self, repository: RepositoryRef, *, base_branch: str, head_sha: HeadSha
    ) -> tuple[str, ...]:
        """
        The files in which *head_sha* conflicts with the tip of *base_branch*, at most 100.

        () also where the two have no common history. Repeatable.

        Raises:
            NotFound: the branch or the commit is gone.
        """
        ...

    async def ancestor(
        self, repository: RepositoryRef, *, branch: str, sha: str, generation: int
    ) -> str:
        """
        The commit that many first parents before *sha*, a commit of *branch*. Repeatable.

        Raises:
            NotFound: the branch or the commit is gone, or the history is not that long.
        """
        ...

    async def merged_tree(
        self, repository: RepositoryRef, *, base_branch: str, base_sha: str, head_sha: HeadSha
    ) -> str:
        """
        The tree that merging *head_sha* into *base_sha*, a commit of *base_branch*, gives.

        Nothing is pushed. Repeatable.

        Raises:
            MergeConflict: there is none; names the files.
            NotFound: the branch or one of the commits is gone.
        """
        ...

    async def carry_over(
        self, repository: RepositoryRef, *, from_head: HeadSha, to_head: HeadSha, base_branch: str
    ) -> Proof | None:
        """
        The proof that *to_head* is *from_head* brought up to date with *base_branch*, no more.

        None when git finds none, or one of the commits is gone. Repeatable.
        """
        ...

    async def delete_branch(
        self, repository: RepositoryRef, branch: str, *, head_sha: HeadSha
    ) -> bool:
        """Deletes *branch* if it still is at *head_sha*; whether it is gone now. Repeatable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """
    A commit made on this machine.

    `patch_id` is equal for equal changes, whatever they are based on
    (git patch-id --stable). `paths` are all paths it touches.
    """

    sha: HeadSha
    patch_id: str
    paths: tuple[str, ...]
    lines: int
