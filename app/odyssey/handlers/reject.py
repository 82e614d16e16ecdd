"""
Reject: closes a proposal without a merge, and keeps the reason.
"""

from __future__ import annotations

from dataclasses import replace

from odyssey.domain.errors import NotProposable
from odyssey.domain.proposal import Proposal, Rejection, Status
from odyssey.handlers.reconcile import lock_key, pull_request_of, settle
from odyssey.ports import Ports


async def reject(proposal: Proposal, ports: Ports, *, by: str, reason: str) -> Proposal:
    """
    The proposal, rejected: pull request closed, branch deleted, reason remembered.

    Raises:
        NotProposable: it is merged already; a merged change is reverted, not rejected.
    """
    async with ports.proposals.lock(lock_key(pull_request_of(proposal))):
        current = await ports.proposals.get(proposal.id) or proposal
        if current.status is not Status.MERGED:
            rejection = current.rejection or Rejection(
                by=by, reason=reason.strip() or "no reason given", at=ports.now()
            )
            current = replace(current, rejection=replace(rejection, is_carried_out=False))
            # The intent is kept: should this end here, the next look carries it out.
            await ports.proposals.put(current)
            current = await settle(current, ports)
    if current.status is Status.MERGED:
        raise NotProposable(f"{current.id} is merged already; it cannot be rejected any more.")
    return current
