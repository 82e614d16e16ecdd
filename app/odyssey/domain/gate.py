"""
The merge gate: may this head SHA merge now, and if not, why and who can change it.

Pure: it reads values and returns one. What it says is done by `handlers.reconcile`.
"""

from __future__ import annotations

from dataclasses import dataclass

from odyssey.domain import conditions as judge
from odyssey.domain.conditions import AUTOMATIC, Condition, State
from odyssey.domain.identifiers import HeadSha
from odyssey.domain.policy import ApprovalMode, MergeMethod, Policy
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import PullRequest

__all__ = [
    "AUTOMATIC", "Blocked", "Close", "Closed", "Condition", "Decision", "Merge", "Merged",
    "State", "Validate", "evaluate",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Validate:
    """This head SHA has not been judged by the sandbox: dispatch the workflow."""

    conditions: tuple[Condition, ...]
    head_sha: HeadSha


@dataclass(frozen=True, slots=True)
class Blocked:
    """Not now; `conditions` says why."""

    conditions: tuple[Condition, ...]

    @property
    def open_conditions(self) -> tuple[Condition, ...]:
        """Those that are not met."""
        return tuple(each for each in self.conditions if each.state is not State.MET)


@dataclass(frozen=True, slots=True)
class Merge:
    """Every condition is met: merge exactly `head_sha`."""

    conditions: tuple[Condition, ...]
    head_sha: HeadSha
    base_branch: str
    method: MergeMethod
    approved_by: tuple[str, ...]
    automatic: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """The pull request is merged; by whom is GitHub's to say."""

    merge_sha: str
    by: str


@dataclass(frozen=True, slots=True)
class Close:
    """The proposal was rejected, and that is not carried out: close the pull request."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The pull request was closed without a merge."""


Decision = Validate | Blocked | Merge | Merged | Close | Closed


def evaluate(
    proposal: Proposal,
    pull: PullRequest,
    policy: Policy | str,
    *,
    default_mode: ApprovalMode = ApprovalMode.MANUAL,
) -> Decision:
    """
    What must happen to *pull* now.

    A merge needs every one of these, judged on one read of the pull request:

    (1) the pull request is open, from this repository, and no draft;
    (2) the policy on its base branch can be read;
    (3) it is within the policy's limits, all its files known;
    (4) the trusted workflow of this base branch passed exactly this head SHA;
    (5) enough permitted people, who neither requested nor pushed it, approve
        exactly this head SHA, each as their latest decisive review, given after
        it became the head; or, in mode `auto`, no protected path is touched and
        no file renamed;
    (6) nobody who may push requests changes, no review thread is open, and
        there are no more of both than could be read;
    (7) it merges into the base branch without conflict.

    *policy* is a sentence instead of a policy when the file is invalid.
    """
    if pull.is_merged:
        return Merged(pull.merge_sha or "", pull.merged_by or "unknown")
    if proposal.rejection and not proposal.rejection.is_carried_out:
        return Close()
    if not pull.is_open:
        return Closed()
    if isinstance(policy, str):
        return Blocked((judge.open_pull_request(pull), judge.unreadable_policy(policy)))
    mode = policy.approvals.mode or default_mode
    approvers, approval = judge.approvals(proposal, pull, policy, mode)
    conditions = (
        judge.open_pull_request(pull),
        Condition(2, "policy", State.MET, "The policy on the base branch is valid."),
        judge.limits(pull, policy),
        judge.validation(proposal, pull),
        approval,
        judge.objections(pull),
        judge.conflict(pull),
    )
    validation = conditions[3]
    blockers = [each for each in conditions if each.state is State.UNMET]
    has_run = proposal.validation_of(pull.head_sha, pull.base_branch) is not None
    needs_run = validation.state is State.WAITING and not has_run
    if needs_run and not any(each.number in (1, 3) for each in blockers):
        return Validate(conditions, pull.head_sha)
    if all(each.state is State.MET for each in conditions):
        return Merge(
            conditions,
            pull.head_sha,
            pull.base_branch,
            policy.merge.method,
            approvers,
            automatic=not any(each for each in approvers if each != AUTOMATIC),
        )
    return Blocked(conditions)
