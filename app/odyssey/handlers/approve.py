"""
Approve: an approval given through the REST API.
"""

from __future__ import annotations

from dataclasses import replace

from odyssey.domain.errors import NotProposable
from odyssey.domain.proposal import ApiApproval, Proposal, Status
from odyssey.handlers.reconcile import lock_key
from odyssey.ports import Ports

SERVICE_APPROVER = "api_user"
"""What people see as the approver when a service token approved."""

_APPROVABLE = frozenset({Status.VALIDATION_PASSED, Status.USER_APPROVED, Status.MERGE_PENDING})


async def approve(proposal: Proposal, ports: Ports, *, by: str, user_token: str | None) -> Proposal:
    """
    The proposal with the approval of its head SHA; a worker then asks the gate.

    With *user_token* a real approving review is submitted as its owner *by*, and
    that review is what the gate counts. Without, it is a service token's
    approval, which the gate counts only where the policy says `api_approvals`.

    Raises:
        NotProposable: the proposal is not in a state that can be approved.
        PermissionDenied: GitHub refuses the review.
    """
    if proposal.pull_number is None:
        raise NotProposable(f"{proposal.id} has no pull request yet; try again shortly.")
    ref = proposal.pull_request
    async with ports.proposals.lock(lock_key(ref)):
        current = await ports.proposals.get(proposal.id) or proposal
        head_sha = current.head_sha
        if current.status not in _APPROVABLE or head_sha is None:
            raise NotProposable(
                f"{current.id} is {current.status}; only a proposal that is "
                f"{Status.VALIDATION_PASSED} can be approved."
            )
        if user_token is None:
            approval = ApiApproval(head_sha=head_sha, by=SERVICE_APPROVER, at=ports.now())
            current = replace(current, service_approval=approval)
        else:
            await ports.github.approve_as(
                user_token,
                ref,
                head_sha=head_sha,
                body=f"Approved through Odyssey's API at {head_sha[:7]}.",
            )
            approval = ApiApproval(head_sha=head_sha, by=by, at=ports.now())
            current = replace(current, user_approval=approval)
        await ports.proposals.put(current)
    await ports.inbox.ask_reconcile(ref)
    return current
