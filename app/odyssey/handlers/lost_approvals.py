"""
Lost approvals: an approval by command is worth nothing once its comment is gone.

The delivery that tells of a deletion may be late or lost, so GitHub is asked whenever the gate is.
"""

from __future__ import annotations

from odyssey.domain.errors import Conflict
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import Proposal
from odyssey.domain.standing import command_approvals, without_comment
from odyssey.handlers.asked import SEEN_WITHIN
from odyssey.ports import Ports


async def without_lost_approvals(proposal: Proposal, policy: Policy, ports: Ports) -> Proposal:
    """
    *proposal* without the approvals whose comment is not there any more.

    A call for each person, whose newest is the one that counts; for one that is gone, one more.

    Raises:
        Conflict: one is so new that GitHub may not show it yet; call again.
    """
    asked: set[str] = set()
    approvals = command_approvals(proposal, policy)
    for approval in sorted(approvals, key=lambda each: each.at, reverse=True):
        if approval.by in asked:
            continue
        if await ports.overview.comment(proposal.repository, approval.comment_id) is not None:
            asked.add(approval.by)
            continue
        if ports.now() - approval.at < SEEN_WITHIN:
            raise Conflict(f"comment {approval.comment_id} is not to be seen yet")
        proposal = without_comment(proposal, approval.comment_id)
    return proposal
