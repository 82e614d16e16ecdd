"""
Reconcile: reads one pull request afresh, asks the gate, and does what it says.

Every event about a pull request leads here, so lost, doubled and reordered
deliveries cost time and never correctness. Nothing merges but what is decided here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from odyssey.domain import gate
from odyssey.domain.alarm import gate_is_closed
from odyssey.domain.errors import Conflict, NotProposable, PolicyInvalid
from odyssey.domain.identifiers import PullRequestRef
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import Approved, Proposal, Status
from odyssey.domain.pull_request import PullRequest
from odyssey.handlers.asked import SEEN_WITHIN
from odyssey.handlers.audit_merge import audit_merge
from odyssey.handlers.authority import authority_of
from odyssey.handlers.dispatch import dispatch, is_unanswered, validate
from odyssey.handlers.ending import close, closed, delete_branch, deletes_branch, merged
from odyssey.handlers.lost_approvals import without_lost_approvals
from odyssey.handlers.merge import bring_up_to_date, merge
from odyssey.handlers.prove import with_answers_of_git
from odyssey.handlers.publish import publish, publish_check_run
from odyssey.handlers.remember import retain_outcome
from odyssey.handlers.remember_said import retain_said
from odyssey.ports import Ports

OLDEST_READ = timedelta(minutes=5)
"""GitHub's reads lag behind its writes by seconds at most."""


def lock_key(ref: PullRequestRef) -> str:
    """What is locked while the facts of a pull request are changed."""
    return f"pull:{ref.repository.full_name.lower()}#{ref.number}"


def pull_request_of(proposal: Proposal) -> PullRequestRef:
    """
    The proposal's pull request.

    Raises:
        NotProposable: it has none yet, or was refused and never will; says which.
    """
    if proposal.pull_number is not None:
        return proposal.pull_request
    if proposal.rejection:
        raise NotProposable(f"{proposal.id} was refused, so it has no pull request: propose anew.")
    raise NotProposable(f"{proposal.id} has no pull request yet; try again shortly.")


async def reconcile(
    ref: PullRequestRef, ports: Ports, *, reopened: bool = False
) -> Proposal | None:
    """
    Brings the proposal of *ref* in line with GitHub; None for a pull request of somebody else.

    Raises:
        Conflict: the world moved meanwhile; call again.
    """
    async with ports.proposals.lock(lock_key(ref)):
        proposal = await ports.proposals.find_by_pull_request(ref)
        return None if proposal is None else await settle(proposal, ports, reopened=reopened)


async def validate_again(
    ref: PullRequestRef, ports: Ports, *, request: str
) -> tuple[gate.Condition, ...]:
    """
    Forgets the present validation of *ref* and reconciles, which dispatches another.

    *request* names who asked; worked once more, the same one dispatches nothing. The
    conditions that keep the head from being validated are told; none when it is, or will be.

    Raises:
        NotProposable: the pull request is closed or merged.
    """
    async with ports.proposals.lock(lock_key(ref)):
        proposal = await ports.proposals.find_by_pull_request(ref)
        if proposal is None:
            return ()
        if proposal.status.is_final:
            raise NotProposable(
                f"#{ref.number} is {proposal.status}; only an open proposal is validated."
            )
        validation = proposal.current_validation
        if validation is None or validation.request != request:
            proposal = replace(proposal, validation=None)
        proposal, decision = await _settle(proposal, ports, request=request)
        if proposal.current_validation is not None or not isinstance(decision, gate.Blocked):
            return ()
        return gate.hindering_validation(decision.conditions)


async def look(proposal: Proposal, ports: Ports) -> tuple[Proposal, tuple[gate.Condition, ...]]:
    """The proposal as its pull request is now, with the gate's conditions; changes nothing."""
    pull = await ports.github.snapshot(proposal.pull_request)
    proposal, _, decision = await _judged(proposal, pull, ports)
    return proposal, _conditions(decision)


async def settle(
    proposal: Proposal, ports: Ports, *, reopened: bool = False, request: str = ""
) -> Proposal:
    """
    What `reconcile` does, for a caller that holds the lock.

    *request* is kept with a validation that this starts.
    """
    proposal, _ = await _settle(proposal, ports, reopened=reopened, request=request)
    return proposal


async def _settle(
    proposal: Proposal, ports: Ports, *, reopened: bool = False, request: str = ""
) -> tuple[Proposal, gate.Decision]:
    pull = await ports.github.snapshot(proposal.pull_request)
    if proposal.merge and proposal.merge.sha and not pull.is_merged:
        raise Conflict(f"{pull.ref}: this read is older than the merge")
    if pull.is_open and (reopened or _was_reopened(proposal, ports)):
        proposal = replace(proposal, rejection=None, retained="")
    begun = proposal.merge if proposal.merge and proposal.merge.is_unanswered else None
    proposal, policy, decision = await _judged(proposal, pull, ports)
    # A merge that is sent once more does no harm: GitHub answers what became of the first.
    is_harmless = isinstance(decision, gate.Merge) or not pull.is_open
    if begun and not is_harmless and ports.now() - begun.at < SEEN_WITHIN:
        raise Conflict(f"{pull.ref}: this read may be older than a merge that was begun")
    match decision:
        case gate.Validate():
            proposal = await validate(proposal, policy, ports, request=request)
        case gate.Update():
            proposal = await bring_up_to_date(proposal, decision, ports)
        case gate.Merge():
            # GitHub may require the check run, and it may still say that the sandbox is at work.
            proposal = await publish_check_run(proposal, decision.conditions, ports)
            proposal = await merge(proposal, decision, ports, judge=partial(_decision, ports=ports))
            pull = await _after_merge(proposal, pull, ports)
        case gate.Merged():
            proposal = await merged(proposal, pull, decision, ports)
        case gate.Close():
            proposal = await close(proposal, ports)
        case gate.Closed() if proposal.rejection is None:
            proposal = replace(proposal, rejection=closed(pull, ports))
        case gate.Blocked() if is_unanswered(proposal):
            proposal = await dispatch(proposal, ports, look_first=True)
        case _:
            pass
    proposal = await audit_merge(proposal, pull, ports)
    proposal = await publish(proposal, _conditions(decision), ports)
    if proposal.status is Status.MERGED and deletes_branch(proposal, policy):
        # Before it counts as told: whoever is cut off here is followed by a sweep.
        await delete_branch(proposal, ports)
    proposal = await retain_outcome(proposal, ports)
    proposal = await retain_said(proposal, pull, ports)
    proposal = replace(proposal, updated_at=ports.now())
    await ports.proposals.put(proposal)
    return proposal, decision


def _was_reopened(proposal: Proposal, ports: Ports) -> bool:
    """
    Whether it is open long after it was closed: somebody reopened it, and no delivery said so.

    A read that is older than the closing shows it open too; none is as old as this.
    """
    rejection = proposal.rejection
    if rejection is None or not rejection.is_carried_out:
        return False
    return ports.now() - rejection.at > OLDEST_READ


async def _judged(
    proposal: Proposal, pull: PullRequest, ports: Ports
) -> tuple[Proposal, Policy | str, gate.Decision]:
    """The proposal with what *pull* tells of it, the policy, and what must happen."""
    proposal = replace(proposal, base_branch=pull.base_branch)
    proposal = proposal.with_head(pull.head_sha, at=ports.now())
    policy = _policy(pull, ports)
    proposal = await with_answers_of_git(proposal, pull, policy, ports)
    judged = proposal
    if pull.is_open and isinstance(policy, Policy):
        # Of this judgement only: GitHub may have failed to show what is there.
        judged = await without_lost_approvals(proposal, policy, ports)
    decision = gate.evaluate(
        judged,
        pull,
        policy,
        default_mode=ports.app.approval_mode,
        authority=await authority_of(judged, pull, policy, ports),
        alarm=await _alarm(pull, ports),
    )
    return _noted(proposal, decision), policy, decision


async def _alarm(pull: PullRequest, ports: Ports) -> str | None:
    """
    Why the repository's gate is closed; None where it is open.

    By an alarm that GitHub shows or one that was kept: whoever may label issues can take the
    one out of sight, and the other goes with a lost store.
    """
    standing = set(await ports.notes.alarms(pull.ref.repository))
    if pull.alarm_issue is not None:
        standing.add(pull.alarm_issue)
    return gate_is_closed(min(standing)) if standing else None


async def _decision(proposal: Proposal, pull: PullRequest, ports: Ports) -> gate.Decision:
    return (await _judged(proposal, pull, ports))[2]


def _conditions(decision: gate.Decision) -> tuple[gate.Condition, ...]:
    match decision:
        case gate.Validate() | gate.Update() | gate.Blocked() | gate.Merge():
            return decision.conditions
    return ()


def _policy(pull: PullRequest, ports: Ports) -> Policy | str:
    try:
        return ports.read_policy(pull.policy_text, pull.organisation_policy_text)
    except PolicyInvalid as error:
        return str(error)


def _noted(proposal: Proposal, decision: gate.Decision) -> Proposal:
    match decision:
        case gate.Merge(head_sha=head_sha, approved_by=by, automatic=automatic):
            return replace(
                proposal, approved=Approved(head_sha=head_sha, by=by, automatic=automatic)
            )
        case gate.Blocked() | gate.Update() | gate.Validate():
            merge = proposal.merge
            # It is open: a merge that was begun and never answered came to nothing. What was
            # refused was said of one head.
            if merge and (merge.failure is None or merge.head_sha != proposal.head_sha):
                merge = None
            return replace(proposal, approved=None, merge=merge)
    return proposal


async def _after_merge(proposal: Proposal, pull: PullRequest, ports: Ports) -> PullRequest:
    """What the pull request is once it is merged, for the audit; *pull* where GitHub refused."""
    if proposal.merge is None or proposal.merge.sha is None:
        return pull
    pull = await ports.github.snapshot(pull.ref)
    if not pull.is_merged:
        raise Conflict(f"{pull.ref}: this read is older than the merge")
    return pull
