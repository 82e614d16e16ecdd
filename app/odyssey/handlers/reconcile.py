"""
Reconcile: reads one pull request afresh, asks the gate, and does what it says.

Every event about a pull request leads here, so lost, doubled and reordered
deliveries cost time and never correctness. This is the only place that merges.
"""

from __future__ import annotations

from dataclasses import replace

from odyssey.domain import comments, gate
from odyssey.domain.errors import (
    Conflict,
    NotMergeable,
    NotProposable,
    PolicyInvalid,
)
from odyssey.domain.identifiers import PullRequestRef
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import (
    Approved,
    MergeAttempt,
    Proposal,
    Rejection,
    Status,
)
from odyssey.domain.pull_request import PullRequest, ReviewState
from odyssey.handlers.dispatch import dispatch, is_unanswered, validate
from odyssey.handlers.publish import publish
from odyssey.handlers.remember import retain_outcome
from odyssey.ports import Ports


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


async def validate_again(ref: PullRequestRef, ports: Ports, *, request: str) -> None:
    """
    Forgets the present validation of *ref* and reconciles, which dispatches another.

    *request* names who asked; worked once more, the same one dispatches nothing.

    Raises:
        NotProposable: the pull request is closed or merged.
    """
    async with ports.proposals.lock(lock_key(ref)):
        proposal = await ports.proposals.find_by_pull_request(ref)
        if proposal is None:
            return
        if proposal.status.is_final:
            raise NotProposable(
                f"#{ref.number} is {proposal.status}; only an open proposal is validated."
            )
        validation = proposal.current_validation
        if validation is None or validation.request != request:
            proposal = replace(proposal, validation=None)
        await settle(proposal, ports, request=request)


async def look(proposal: Proposal, ports: Ports) -> tuple[Proposal, tuple[gate.Condition, ...]]:
    """The proposal as its pull request is now, with the gate's conditions; changes nothing."""
    pull = await ports.github.snapshot(proposal.pull_request)
    proposal, _, decision = _judged(proposal, pull, ports)
    return proposal, _conditions(decision)


async def settle(
    proposal: Proposal, ports: Ports, *, reopened: bool = False, request: str = ""
) -> Proposal:
    """
    What `reconcile` does, for a caller that holds the lock.

    *request* is kept with a validation that this starts.
    """
    pull = await ports.github.snapshot(proposal.pull_request)
    if proposal.merge and proposal.merge.sha and not pull.is_merged:
        raise Conflict(f"{pull.ref}: this read is older than the merge")
    if reopened and pull.is_open:
        proposal = replace(proposal, rejection=None, retained="")
    proposal, policy, decision = _judged(proposal, pull, ports)
    match decision:
        case gate.Validate():
            proposal = await validate(proposal, policy, ports, request=request)
        case gate.Merge():
            proposal = await _merge(proposal, decision, ports)
        case gate.Merged():
            proposal = _merged(proposal, decision, ports)
        case gate.Close():
            proposal = await _close(proposal, ports)
        case gate.Closed() if proposal.rejection is None:
            proposal = replace(proposal, rejection=_closed(pull, ports))
        case gate.Blocked() if is_unanswered(proposal):
            proposal = await dispatch(proposal, ports, look_first=True)
        case _:
            pass
    proposal = await publish(proposal, _conditions(decision), ports)
    proposal = await retain_outcome(proposal, ports)
    proposal = replace(proposal, updated_at=ports.now())
    await ports.proposals.put(proposal)
    is_merged = proposal.status is Status.MERGED
    if is_merged and isinstance(policy, Policy) and policy.merge.delete_branch:
        await _delete_branch(proposal, ports)
    return proposal


def _judged(
    proposal: Proposal, pull: PullRequest, ports: Ports
) -> tuple[Proposal, Policy | str, gate.Decision]:
    """The proposal with what *pull* tells of it, the policy, and what must happen."""
    proposal = replace(proposal, base_branch=pull.base_branch)
    proposal = proposal.with_head(pull.head_sha, at=ports.now())
    policy = _policy(pull, ports)
    decision = gate.evaluate(proposal, pull, policy, default_mode=ports.app.approval_mode)
    return _noted(proposal, decision), policy, decision


def _conditions(decision: gate.Decision) -> tuple[gate.Condition, ...]:
    match decision:
        case gate.Validate() | gate.Blocked() | gate.Merge():
            return decision.conditions
    return ()


def _policy(pull: PullRequest, ports: Ports) -> Policy | str:
    try:
        return ports.read_policy(pull.policy_text)
    except PolicyInvalid as error:
        return str(error)


def _noted(proposal: Proposal, decision: gate.Decision) -> Proposal:
    match decision:
        case gate.Merge(head_sha=head_sha, approved_by=by, automatic=automatic):
            return replace(
                proposal, approved=Approved(head_sha=head_sha, by=by, automatic=automatic)
            )
        case gate.Blocked() | gate.Validate():
            merge = proposal.merge
            # It is open: a merge that was begun and never answered came to nothing.
            if merge and merge.failure is None:
                merge = None
            return replace(proposal, approved=None, merge=merge)
    return proposal


async def _merge(proposal: Proposal, decision: gate.Merge, ports: Ports) -> Proposal:
    attempt = MergeAttempt(
        head_sha=decision.head_sha,
        approved_by=decision.approved_by,
        automatic=decision.automatic,
        at=ports.now(),
    )
    proposal = replace(proposal, merge=attempt)
    await ports.proposals.put(proposal)
    try:
        sha = await ports.github.merge(
            proposal.pull_request,
            head_sha=decision.head_sha,
            method=decision.method,
            title=f"{proposal.title} (#{proposal.pull_number})",
            message=comments.merge_message(proposal),
        )
    except Conflict:
        await ports.proposals.put(replace(proposal, merge=None))
        raise
    except NotMergeable as error:
        # The first read may have been before GitHub knew of a conflict; the gate says that better.
        if (await ports.github.snapshot(proposal.pull_request)).mergeable is False:
            await ports.proposals.put(replace(proposal, merge=None))
            raise Conflict(f"{proposal.pull_request} conflicts with its base branch") from error
        return replace(proposal, merge=replace(attempt, failure=str(error)))
    return replace(proposal, merge=replace(attempt, sha=sha))


def _merged(proposal: Proposal, decision: gate.Merged, ports: Ports) -> Proposal:
    merge = proposal.merge
    if merge and merge.sha == decision.merge_sha:
        return proposal
    if merge is None or merge.head_sha != proposal.head_sha or decision.by != ports.app.bot_login:
        assert proposal.head_sha is not None
        merge = MergeAttempt(
            head_sha=proposal.head_sha,
            approved_by=(decision.by,),
            automatic=False,
            at=ports.now(),
        )
    return replace(proposal, merge=replace(merge, sha=decision.merge_sha, failure=None))


async def _close(proposal: Proposal, ports: Ports) -> Proposal:
    assert proposal.rejection is not None
    await ports.github.close_pull_request(proposal.pull_request)
    await _delete_branch(proposal, ports)
    return replace(proposal, rejection=replace(proposal.rejection, is_carried_out=True))


def _closed(pull: PullRequest, ports: Ports) -> Rejection:
    words = [
        each
        for each in pull.reviews
        if each.state is ReviewState.CHANGES_REQUESTED and each.body.strip()
    ]
    last = max(words, key=lambda each: each.submitted_at, default=None)
    return Rejection(
        by=last.author if last else "a person on GitHub",
        reason=last.body.strip() if last else "closed without a reason",
        at=ports.now(),
        is_carried_out=True,
    )


async def _delete_branch(proposal: Proposal, ports: Ports) -> None:
    if proposal.head_sha:
        await ports.repositories.delete_branch(
            proposal.repository, proposal.branch, head_sha=proposal.head_sha
        )
