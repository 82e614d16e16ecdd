"""
Reject: closes a proposal without a merge, and keeps the reason.
"""

from __future__ import annotations

from dataclasses import replace

from odyssey.domain.errors import NotProposable
from odyssey.domain.proposal import Proposal, Rejection, Status
from odyssey.handlers.publish import publish
from odyssey.handlers.reconcile import lock_key
from odyssey.handlers.remember import retain_outcome
from odyssey.ports import Ports


async def reject(proposal: Proposal, ports: Ports, *, by: str, reason: str) -> Proposal:
    """
    The proposal, rejected: pull request closed, branch deleted, reason remembered.

    Raises:
        NotProposable: it is merged already; a merged change is reverted, not rejected.
    """
    if proposal.pull_number is None:
        raise NotProposable(f"{proposal.id} has no pull request yet; try again shortly.")
    ref = proposal.pull_request
    async with ports.proposals.lock(lock_key(ref)):
        current = await ports.proposals.get(proposal.id) or proposal
        if current.status is Status.MERGED:
            raise NotProposable(f"{current.id} is merged already; it cannot be rejected any more.")
        if current.rejection is None:
            rejection = Rejection(by=by, reason=reason.strip() or "no reason given", at=ports.now())
            current = replace(current, rejection=rejection, updated_at=ports.now())
            await ports.proposals.put(current)
        await ports.github.close_pull_request(ref)
        if current.head_sha:
            await ports.repositories.delete_branch(
                current.repository, current.branch, head_sha=current.head_sha
            )
        current = await publish(current, (), ports)
        current = await retain_outcome(current, ports)
        await ports.proposals.put(current)
    return current
