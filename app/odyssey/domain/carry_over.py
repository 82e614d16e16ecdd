"""
Approvals that survive a clean update of the branch, by proof and never by time.

An approval is of one head SHA. When the head moves on, it still counts only where git
has shown, from the two commits themselves, that what was approved is what is there now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from odyssey.domain.identifiers import HeadSha


class ProofKind(StrEnum):
    """What was found equal."""

    EQUAL_TREE = "equal tree"
    CLEAN_MERGE = "clean merge"
    EQUAL_RANGE_DIFF = "equal range-diff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """
    That `to_head` holds what was approved at `from_head`, and nothing else but the base branch.

    `base_sha` is the tip of the base branch against which it was shown: what the head holds
    of the base branch is nobody's change only as long as the base branch holds it too.
    `steps` are the merges one after the other, each as old head, merged commit, new head.
    """

    kind: ProofKind
    from_head: HeadSha
    to_head: HeadSha
    base_branch: str
    base_sha: str
    steps: tuple[tuple[str, str, str], ...] = ()

    @property
    def sentence(self) -> str:
        """What was compared, in Markdown, without the full stop."""
        old, new, base = self.from_head[:7], self.to_head[:7], self.base_branch
        match self.kind:
            case ProofKind.EQUAL_TREE:
                return (
                    f"`{new}` has the same files as `{old}` and leaves `{base}` at the same commit"
                )
            case ProofKind.CLEAN_MERGE:
                return f"`{new}` is `{old}` with `{base}` merged into it without conflict, no more"
            case ProofKind.EQUAL_RANGE_DIFF:
                return f"`{new}` is `{old}` rebased onto `{base}`, every commit equal"

    @property
    def command(self) -> str:
        """A command with which a person can check it in a clone that has both commits."""
        old, new, base = self.from_head[:12], self.to_head[:12], self.base_sha[:12]
        match self.kind:
            case ProofKind.EQUAL_TREE:
                bases = f"git merge-base -a {base} {old}; git merge-base -a {base} {new}"
                return f"git diff --exit-code {old} {new}; {bases}"
            case ProofKind.CLEAN_MERGE:
                return " && ".join(
                    f"git diff --exit-code {after[:12]} "
                    f"$(git merge-tree --write-tree {before[:12]} {merged[:12]})"
                    for before, merged, after in self.steps
                )
            case ProofKind.EQUAL_RANGE_DIFF:
                return f"git range-diff {base} {old} {new}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedApproval:
    """
    What git was asked about two heads, and answered; kept so that it is asked once.

    `proof` is None where it found none. The answer holds for one base branch at one commit.
    """

    from_head: HeadSha
    to_head: HeadSha
    base_branch: str
    base_sha: str
    proof: Proof | None
    at: datetime

    @property
    def kind(self) -> ProofKind | None:
        """What was found equal; None for nothing."""
        return self.proof.kind if self.proof else None


def find_carried(
    carried: Iterable[CarriedApproval],
    *,
    from_head: HeadSha,
    to_head: HeadSha,
    base_branch: str,
    base_sha: str,
) -> CarriedApproval | None:
    """The answer about these two heads on this base; None when git was not asked yet."""
    wanted = (from_head, to_head, base_branch, base_sha)
    for each in carried:
        if (each.from_head, each.to_head, each.base_branch, each.base_sha) == wanted:
            return each
    return None
