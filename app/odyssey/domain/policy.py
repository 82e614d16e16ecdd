"""
The policy of a repository: `.github/odyssey.yml` on the base branch.

A missing file means the organisation's, and without that the defaults below,
which are the careful ones. An invalid file closes the gate; it never opens it.
`policy_reading` reads one, `docs/policy.md` explains each key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from odyssey.domain.globs import named_by
from odyssey.domain.pull_request import Permission

POLICY_PATH = ".github/odyssey.yml"

ALWAYS_PROTECTED = ("/.github/", "/CODEOWNERS", "/docs/CODEOWNERS", "Dockerfile")
"""Paths that `auto` never merges, whatever the policy says: they measure the change itself."""


class ApprovalMode(StrEnum):
    """Who opens the gate once validation has passed."""

    MANUAL = "manual"
    AUTO = "auto"


class MergeMethod(StrEnum):
    """GitHub's three ways to merge."""

    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """
    How many approvals of the head SHA are needed, and whose count.

    `mode` None leaves the mode to the server's `SELF_MOD_APPROVAL_MODE`. Where
    `teams` or `users` name anybody, only they count. `codeowners` asks for an
    owner of each path that a CODEOWNERS file gives owners. `commands` lets
    `/odyssey approve <sha>` count, `carry_over` an approval of an older head
    that is proven to be the same change.
    """

    mode: ApprovalMode | None = None
    required: int = 1
    requester_counts: bool = False
    api_approvals: bool = False
    commands: bool = False
    carry_over: bool = True
    permission: Permission = Permission.WRITE
    teams: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    codeowners: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest change a proposal may be."""

    files: int = 50
    lines: int = 2_000
    file_bytes: int = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRules:
    """
    How an approved proposal is merged.

    With `strict` the head must contain the tip of the base branch.
    """

    method: MergeMethod = MergeMethod.SQUASH
    delete_branch: bool = True
    strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRules:
    """Which workflow validates: a file name in `.github/workflows` of the base branch."""

    workflow: str = "odyssey-validate.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRules:
    """The least permission that each command takes; those that only read are everybody's."""

    propose: Permission = Permission.WRITE
    validate: Permission = Permission.WRITE
    reject: Permission = Permission.WRITE
    update: Permission = Permission.WRITE
    revert: Permission = Permission.WRITE
    approve: Permission = Permission.WRITE
    remember: Permission = Permission.WRITE
    recall: Permission = Permission.READ
    forget: Permission = Permission.MAINTAIN

    def needed(self, word: str) -> Permission:
        """What the command *word* takes; one the policy does not know takes admin."""
        return getattr(self, word) if word in self.__slots__ else Permission.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """
    How much people are asked to look at at once.

    `open_proposals` in the repository; of `reviewers`, the one with the fewest
    is asked to review, and none has more than `per_reviewer`.
    """

    open_proposals: int = 20
    reviewers: tuple[str, ...] = ()
    per_reviewer: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """After how many days without anybody doing anything a proposal is closed; 0 for never."""

    days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    What may merge in one repository, as its base branch says.

    The three tuples of patterns say what more their paths need, each on its own:
    a person; a second person; and nothing helps.
    """

    approvals: Approvals = field(default_factory=Approvals)
    protected_paths: tuple[str, ...] = ()
    second_approver_paths: tuple[str, ...] = ()
    refused_paths: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    merge: MergeRules = field(default_factory=MergeRules)
    validation: ValidationRules = field(default_factory=ValidationRules)
    commands: CommandRules = field(default_factory=CommandRules)
    attention: Attention = field(default_factory=Attention)
    expiry: Expiry = field(default_factory=Expiry)

    def protected(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of *paths* that the policy or Odyssey itself protects, in the order given."""
        return named_by(
            (
                *ALWAYS_PROTECTED,
                *self.protected_paths,
                *self.second_approver_paths,
                *self.refused_paths,
            ),
            tuple(paths),
        )

    def needing_second_approver(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of *paths* that two people have to approve."""
        return named_by(self.second_approver_paths, tuple(paths))

    def refused(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of *paths* that no proposal may touch."""
        return named_by(self.refused_paths, tuple(paths))
