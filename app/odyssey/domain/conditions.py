"""
The seven conditions of the merge gate, each judged on one read of the pull request.

`gate.evaluate` lists them and says what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from odyssey.domain.markup import code, plain
from odyssey.domain.policy import ApprovalMode, Policy
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import PullRequest, Review, ReviewState, decisive_reviews

CLOCK_SKEW = timedelta(seconds=60)
"""GitHub's clock and ours may differ; an approval this much before the head counts as after it."""


class State(StrEnum):
    """How one condition stands."""

    MET = "met"
    WAITING = "waiting"
    UNMET = "unmet"


@dataclass(frozen=True, slots=True)
class Condition:
    """
    One numbered condition of the gate.

    `sentence` says how it stands; `remedy` who can change that, and how ("" when met).
    """

    number: int
    name: str
    state: State
    sentence: str
    remedy: str = ""


AUTOMATIC = "system_auto_approval"
"""The approver people see where mode `auto` opened the gate."""


def open_pull_request(pull: PullRequest) -> Condition:
    """(1) the pull request is open, from this repository, and no draft."""
    name = "open pull request"
    if pull.is_cross_repository:
        return Condition(
            1, name, State.UNMET, "The branch comes from a fork.",
            "Push it to a branch of this repository and open the pull request from there.",
        )  # fmt: skip
    if pull.is_draft:
        return Condition(
            1, name, State.UNMET, "The pull request is a draft.",
            "Anyone who may push: press “Ready for review”.",
        )  # fmt: skip
    return Condition(1, name, State.MET, "The pull request is open.")


def unreadable_policy(problem: str) -> Condition:
    """(2) not met: an unreadable policy closes the gate; it never opens it."""
    return Condition(
        2,
        "policy",
        State.UNMET,
        problem,
        "Mend the file on the base branch; nothing merges before.",
    )


def limits(pull: PullRequest, policy: Policy) -> Condition:
    """(3) the change is within the policy's limits, and all its files are known."""
    name = "limits"
    lines = sum(each.additions + each.deletions for each in pull.files)
    files = _count(len(pull.files), "file")
    if not pull.files_complete:
        return Condition(
            3, name, State.UNMET,
            f"The change touches more than the {files} that one read shows.",
            "Split the change; what is not seen is not merged.",
        )  # fmt: skip
    if len(pull.files) > policy.limits.files:
        return Condition(
            3, name, State.UNMET,
            f"The change touches {files}; the policy allows {policy.limits.files}.",
            "Split the change, or raise `limits.files` in the policy.",
        )  # fmt: skip
    if lines > policy.limits.lines:
        return Condition(
            3, name, State.UNMET,
            f"The change has {_count(lines, 'line')}; the policy allows {policy.limits.lines}.",
            "Split the change, or raise `limits.lines` in the policy.",
        )  # fmt: skip
    return Condition(3, name, State.MET, f"{files}, {_count(lines, 'line')}.")


def validation(proposal: Proposal, pull: PullRequest) -> Condition:
    """
    (4) the sandbox passed exactly this head SHA, by the workflow of this base branch.

    A validation of another commit, or against another base branch, is none.
    """
    name, short = "validation", pull.head_sha[:7]
    validation = proposal.validation_of(pull.head_sha, pull.base_branch)
    if validation is None:
        earlier = proposal.validation
        elsewhere = earlier is not None and earlier.head_sha == pull.head_sha
        return Condition(
            4, name, State.WAITING,
            f"`{short}` was validated against another base branch."
            if elsewhere
            else f"`{short}` is not validated yet.",
            "Odyssey: it follows.",
        )  # fmt: skip
    if validation.conclusion is None:
        return Condition(
            4, name, State.WAITING, f"`{short}` is being validated.", "Odyssey: it follows."
        )
    if not validation.is_success:
        return Condition(
            4, name, State.UNMET, f"Validation of `{short}` ended as {validation.conclusion}.",
            "Anyone who may push: push a mended commit, or comment `/odyssey validate`.",
        )  # fmt: skip
    sentence = f"The sandbox passed `{short}`."
    if validation.measure:
        shown = plain("; ".join(validation.measure[:4]))
        sentence += f" It changes its own measure: {shown}."
    return Condition(4, name, State.MET, sentence)


def approvals(
    proposal: Proposal, pull: PullRequest, policy: Policy, mode: ApprovalMode
) -> tuple[tuple[str, ...], Condition]:
    """
    (5) enough permitted people approve exactly this head SHA; first who they are.

    Mode `auto` takes their place unless a protected path is touched. A renamed
    file counts as one: where it came from is not known here.
    """
    rules, name, short = policy.approvals, "approval", pull.head_sha[:7]
    not_auto = _not_automatic(pull, policy) if mode is ApprovalMode.AUTO else ""
    if mode is ApprovalMode.AUTO and not not_auto:
        return (AUTOMATIC,), Condition(
            5, name, State.MET, "Mode `auto`: no protected path is touched."
        )
    latest = decisive_reviews(pull.reviews).values()
    counting = [each for each in latest if _counts(each, proposal, pull, policy)]
    approvers = [each.author for each in counting]
    service = proposal.service_approval
    if service and service.head_sha == pull.head_sha and rules.api_approvals:
        approvers.append(service.by)
    missing = rules.required - len(approvers)
    if missing <= 0:
        return tuple(approvers), Condition(
            5, name, State.MET, f"Approved at `{short}` by {', '.join(approvers)}."
        )
    stale = [
        _why_not(each, proposal, pull, policy)
        for each in latest
        if each.state is ReviewState.APPROVED and each not in counting
    ]
    sentence = f"{len(approvers)} of {rules.required} approvals of `{short}`."
    if stale:
        sentence += f" Not counted: {', '.join(stale)}."
    but = "" if rules.requester_counts else " but the requester and whoever pushed this commit"
    return tuple(approvers), Condition(
        5, name, State.WAITING, sentence + not_auto,
        f"Anyone with write permission{but}: review the pull request and choose “Approve”.",
    )  # fmt: skip


def _not_automatic(pull: PullRequest, policy: Policy) -> str:
    """Why mode `auto` does not open the gate; "" when it does."""
    if protected := policy.protected(pull.paths):
        return f" Mode `auto` does not merge protected paths: {_paths(protected)}."
    if renamed := [each.path for each in pull.files if each.is_renamed]:
        return (
            " Mode `auto` does not merge renamed files, whose old paths may be protected: "
            f"{_paths(renamed)}."
        )
    return ""


def _counts(review: Review, proposal: Proposal, pull: PullRequest, policy: Policy) -> bool:
    return review.state is ReviewState.APPROVED and not _why_not(review, proposal, pull, policy)


def _why_not(review: Review, proposal: Proposal, pull: PullRequest, policy: Policy) -> str:
    """Why this approval does not count; "" when it does. Logins are compared as GitHub does."""
    who = review.author
    if review.head_sha != pull.head_sha:
        return f"{who} approved {(review.head_sha or 'another commit')[:7]}"
    if review.submitted_at < pull.head_committed_at - CLOCK_SKEW and review.submitted_at < (
        proposal.head_since or pull.head_committed_at
    ):
        return f"{who} approved before this commit was the head"
    if not review.author_is_person:
        return f"{who} is not a person"
    if not review.author_can_push:
        return f"{who} has no write permission"
    if not policy.approvals.requester_counts:
        if who.lower() == proposal.requester.lower():
            return f"{who} requested the change"
        if pull.is_pushed_by(who):
            return f"{who} pushed this commit"
    return ""


def objections(pull: PullRequest) -> Condition:
    """(6) nobody who may push requests changes, no review thread is open, and all are known."""
    name = "objections"
    objectors = [
        login
        for login, review in decisive_reviews(pull.reviews).items()
        if review.state is ReviewState.CHANGES_REQUESTED and review.author_can_push
    ]
    if objectors:
        return Condition(
            6, name, State.UNMET, f"Changes are requested by {', '.join(objectors)}.",
            "They: approve, or dismiss the review, once it is answered.",
        )  # fmt: skip
    threads = pull.unresolved_threads
    if threads:
        return Condition(
            6, name, State.UNMET,
            f"{_count(threads, 'review thread')} {'is' if threads == 1 else 'are'} open.",
            "Whoever opened them: press “Resolve conversation” once they are answered.",
        )  # fmt: skip
    if not pull.reviews_complete:
        return Condition(
            6, name, State.UNMET, "There are more reviews than could be read.",
            "Anyone who may push: merge it by hand, or propose the change anew.",
        )  # fmt: skip
    return Condition(6, name, State.MET, "Nobody requests changes.")


def conflict(pull: PullRequest) -> Condition:
    """(7) it merges without conflict; while GitHub still computes that, the merge call decides."""
    name = "conflicts"
    if pull.mergeable is False:
        return Condition(
            7, name, State.UNMET, f"The branch conflicts with `{pull.base_branch}`.",
            f"Anyone who may push: merge `{pull.base_branch}` into the branch, resolving it.",
        )  # fmt: skip
    return Condition(7, name, State.MET, f"It merges into `{pull.base_branch}`.")


def _paths(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(map(code, paths[:3])) + more


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
