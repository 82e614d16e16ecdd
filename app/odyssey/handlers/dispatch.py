"""
Dispatch: has the trusted workflow judge one head SHA, once.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from odyssey.domain import comments
from odyssey.domain.errors import NotFound
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import Proposal
from odyssey.domain.validation import Validation
from odyssey.ports import Ports


async def validate(
    proposal: Proposal, policy: Policy | str, ports: Ports, *, request: str
) -> Proposal:
    """The proposal with a new validation of its head; *request* is kept with it."""
    assert proposal.head_sha is not None and isinstance(policy, Policy)
    now = ports.now()
    seed = f"{proposal.id}\x1f{proposal.head_sha}\x1f{now.isoformat()}"
    validation = Validation(
        head_sha=proposal.head_sha,
        nonce=hashlib.sha256(seed.encode()).hexdigest()[:16],
        workflow=policy.validation.workflow,
        requested_at=now,
        base_branch=proposal.base_branch,
        request=request,
    )
    proposal = replace(proposal, validation=validation)
    # Kept before the dispatch: the run's first webhook may be faster than its HTTP answer.
    await ports.proposals.put(proposal)
    return await dispatch(proposal, ports)


def is_unanswered(proposal: Proposal) -> bool:
    """Whether a run was asked for and GitHub's answer never came."""
    validation = proposal.current_validation
    return validation is not None and validation.run_id is None and not validation.conclusion


async def dispatch(proposal: Proposal, ports: Ports, *, look_first: bool = False) -> Proposal:
    """The proposal with the id of the run that judges it, or with why there can be none."""
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
