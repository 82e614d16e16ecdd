"""
The merge gate: may this head SHA merge now, and if not, why and who can change it.

Pure: it reads values and returns one. What it says is done by `handlers.reconcile`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from odyssey.domain import conditions as judge
from odyssey.domain.approval import AUTOMATIC, approvals
from odyssey.domain.authority import Authority
from odyssey.domain.conditions import Condition, State
from odyssey.domain.identifiers import HeadSha
from odyssey.domain.policy import ApprovalMode, MergeMethod, Policy
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import PullRequest
from odyssey.domain.verdict import Verdict, policy_digest

__all__ = [
    "AUTOMATIC", "Blocked", "Close", "Closed", "Condition", "Decision", "Merge", "Merged",
    "State", "Update", "Validate", "evaluate", "hindering_validation",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Validate:
    """This head SHA has not been judged by the sandbox: dispatch the workflow."""

    conditions: tuple[Condition, ...]
    head_sha: HeadSha


@dataclass(frozen=True, slots=True)
class Update:
    """
    It is ready but for the base branch, which moved on: merge `base_sha` into the head.

    What comes of it is a new head, which is validated before it merges.
    """

    conditions: tuple[Condition, ...]
    head_sha: HeadSha
    base_branch: str
    base_sha: str


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
    """Every condition is met: merge exactly `head_sha`, as long as `verdict` still holds."""

    conditions: tuple[Condition, ...]
    head_sha: HeadSha
    base_branch: str
    method: MergeMethod
    deletes_branch: bool
    approved_by: tuple[str, ...]
    automatic: bool
    verdict: Verdict


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


UNASKED = Authority()
"""Nothing was asked about anybody."""

Decision = Validate | Update | Blocked | Merge | Merged | Close | Closed


def evaluate(
    proposal: Proposal,
    pull: PullRequest,
    policy: Policy | str,
    *,
    default_mode: ApprovalMode = ApprovalMode.MANUAL,
    authority: Authority = UNASKED,
    alarm: str | None = None,
) -> Decision:
    """
    What must happen to *pull* now.

    A merge needs every one of these, judged on one read of the pull request:

    (1) the pull request is open, from this repository, and no draft;
    (2) the policy on its base branch can be read;
    (3) it changes something, within the policy's limits, all its files known, and
        it touches no path that the policy refuses;
    (4) the trusted workflow of this base branch passed exactly this head SHA;
    (5) enough permitted people, who neither requested nor pushed it, approve
        exactly this head SHA, each as their latest decisive review, given after
        it became the head and the present base branch was chosen, among them
        an owner of each path that CODEOWNERS gives owners, and two people where
        the policy wants a second; or, in mode `auto`, no protected or owned path
        is touched, no file renamed, and nothing changed that measures the change;
    (6) nobody who may push requests changes, no review thread is open, and
        there are no more of both than could be read;
    (7) it merges into the base branch without conflict, and with `merge.strict`
        the head contains the tip of the base branch;
    (8) of the other checks that GitHub requires none is failing, missing or
        still running;
    (9) the repository's merge gate is open: no alarm stands.

    *policy* is a sentence instead of a policy when the file is invalid.
    *authority* is what was asked of GitHub about the reviewers, *alarm* a sentence
    that says why the repository's gate is closed.

    Where only the tip of the base branch is missing, `Update` follows: never for
    a change that something else holds up, and never while the sandbox is at work
    on its present head.
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
    approvers, approval = approvals(proposal, pull, policy, mode, authority)
    conditions = (
        judge.open_pull_request(pull),
        Condition(2, "policy", State.MET, "The policy on the base branch is valid."),
        judge.limits(pull, policy, authority),
        judge.validation(proposal, pull),
        approval,
        judge.objections(pull),
        judge.base(pull, policy, proposal.conflict),
        judge.required_checks(pull),
        judge.open_gate(alarm),
    )
    awaited = {each.number for each in conditions if each.state is State.WAITING}
    unmet = {each.number for each in conditions if each.state is State.UNMET}
    needs_run = 4 in awaited and proposal.validation_of(pull.head_sha, pull.base_branch) is None
    if not unmet and 7 in awaited and awaited <= ({4, 7} if needs_run else {7}):
        return Update(conditions, pull.head_sha, pull.base_branch, pull.base_sha)
    if needs_run and not hindering_validation(conditions):
        return Validate(conditions, pull.head_sha)
    if all(each.state is State.MET for each in conditions):
        return Merge(
            conditions,
            pull.head_sha,
            pull.base_branch,
            policy.merge.method,
            policy.merge.delete_branch,
            approvers,
            automatic=not any(each for each in approvers if each != AUTOMATIC),
            verdict=_verdict(proposal, pull, policy, mode, approvers),
        )
    return Blocked(conditions)


def hindering_validation(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """
    Those for which the head is not validated: what is no change, or not allowed, costs no run.
    """
    return tuple(each for each in conditions if each.number <= 3 and each.state is State.UNMET)


def _verdict(
    proposal: Proposal,
    pull: PullRequest,
    policy: Policy,
    mode: ApprovalMode,
    approvers: tuple[str, ...],
) -> Verdict:
    validation = proposal.validation_of(pull.head_sha, pull.base_branch)
    return Verdict(
        head_sha=pull.head_sha,
        head_tree=pull.head_tree,
        base_branch=pull.base_branch,
        base_sha=pull.base_sha,
        method=str(policy.merge.method),
        policy_digest=policy_digest(policy, mode),
        evidence_digest=validation.evidence if validation else "",
        approvals=approvers,
    )
