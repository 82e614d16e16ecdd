"""
Reconcile: reads one pull request afresh, asks the gate, and does what it says.

Every event about a pull request leads here, so lost, doubled and reordered
deliveries cost time and never correctness. This is the only place that merges.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from odyssey.domain import comments, gate
from odyssey.domain.errors import Conflict, NotFound, NotMergeable, PolicyInvalid
from odyssey.domain.identifiers import PullRequestRef
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import (
    Approved,
    MergeAttempt,
    Proposal,
    Rejection,
    Validation,
)
from odyssey.domain.pull_request import PullRequest, ReviewState
from odyssey.handlers.publish import publish
from odyssey.handlers.remember import retain_outcome
from odyssey.ports import Ports


def lock_key(ref: PullRequestRef) -> str:
    """What is locked while the facts of a pull request are changed."""
    return f"pull:{ref.repository.full_name.lower()}#{ref.number}"


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


async def validate_again(ref: PullRequestRef, ports: Ports) -> Proposal | None:
    """Forgets the present validation of *ref* and reconciles, which dispatches another."""
    async with ports.proposals.lock(lock_key(ref)):
        proposal = await ports.proposals.find_by_pull_request(ref)
        if proposal is None:
            return None
        return await settle(replace(proposal, validation=None), ports)


async def settle(proposal: Proposal, ports: Ports, *, reopened: bool = False) -> Proposal:
    """What `reconcile` does, for a caller that holds the lock."""
    pull = await ports.github.snapshot(proposal.pull_request)
    now = ports.now()
    proposal = replace(proposal, base_branch=pull.base_branch).with_head(pull.head_sha, at=now)
    if reopened and pull.is_open:
        proposal = replace(proposal, rejection=None, retained="")
    policy = _policy(pull, ports)
    decision = gate.evaluate(proposal, pull, policy, default_mode=ports.app.approval_mode)
    proposal = _note_approval(proposal, decision)
    match decision:
        case gate.Validate():
            proposal = await _validate(proposal, policy, ports)
        case gate.Merge():
            proposal = await _merge(proposal, decision, ports)
        case gate.Merged():
            proposal = _merged(proposal, decision, ports)
        case gate.Closed() if proposal.rejection is None:
            proposal = replace(proposal, rejection=_closed(pull, ports))
        case gate.Blocked() if _dispatch_unanswered(proposal):
            proposal = await _dispatch(proposal, ports, look_first=True)
        case _:
            pass
    conditions = getattr(decision, "conditions", ())
    proposal = await publish(proposal, conditions, ports)
    proposal = await retain_outcome(proposal, ports)
    proposal = replace(proposal, updated_at=now)
    await ports.proposals.put(proposal)
    if proposal.merge and proposal.merge.sha and isinstance(policy, Policy):
        await _tidy(proposal, policy, ports)
    return proposal


def _policy(pull: PullRequest, ports: Ports) -> Policy | str:
    try:
        return ports.read_policy(pull.policy_text)
    except PolicyInvalid as error:
        return str(error)


def _note_approval(proposal: Proposal, decision: gate.Decision) -> Proposal:
    match decision:
        case gate.Merge(head_sha=head_sha, approved_by=by, automatic=automatic):
            return replace(
                proposal, approved=Approved(head_sha=head_sha, by=by, automatic=automatic)
            )
        case gate.Blocked() | gate.Validate():
            return replace(proposal, approved=None)
    return proposal


async def _validate(proposal: Proposal, policy: Policy | str, ports: Ports) -> Proposal:
    assert proposal.head_sha is not None and isinstance(policy, Policy)
    now = ports.now()
    seed = f"{proposal.id}\x1f{proposal.head_sha}\x1f{now.isoformat()}"
    validation = Validation(
        head_sha=proposal.head_sha,
        nonce=hashlib.sha256(seed.encode()).hexdigest()[:16],
        workflow=policy.validation.workflow,
        requested_at=now,
        base_branch=proposal.base_branch,
    )
    proposal = replace(proposal, validation=validation)
    # Kept before the dispatch: the run's first webhook may be faster than its HTTP answer.
    await ports.proposals.put(proposal)
    return await _dispatch(proposal, ports)


def _dispatch_unanswered(proposal: Proposal) -> bool:
    validation = proposal.current_validation
    return validation is not None and validation.run_id is None and not validation.conclusion


async def _dispatch(proposal: Proposal, ports: Ports, *, look_first: bool = False) -> Proposal:
    validation = proposal.validation
    assert validation is not None
    try:
        run_id = await ports.github.dispatch(
            proposal.repository,
            workflow=validation.workflow,
            branch=proposal.base_branch,
            inputs={
                "proposal_id": proposal.id,
                "head_sha": validation.head_sha,
                "nonce": validation.nonce,
            },
            nonce=validation.nonce,
            look_first=look_first,
        )
    except NotFound:
        reason = comments.no_workflow(validation.workflow, proposal.base_branch)
        ended = validation.ended("failure", reason, at=ports.now())
        return replace(proposal, validation=ended)
    return replace(proposal, validation=replace(validation, run_id=run_id))


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
    )


async def _tidy(proposal: Proposal, policy: Policy, ports: Ports) -> None:
    if policy.merge.delete_branch and proposal.head_sha:
        await ports.repositories.delete_branch(
            proposal.repository, proposal.branch, head_sha=proposal.head_sha
        )
