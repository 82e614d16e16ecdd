"""
Approve: an approval given through the REST API.
"""

from __future__ import annotations

from dataclasses import replace

from odyssey.domain.errors import NotProposable, PermissionDenied
from odyssey.domain.identifiers import HeadSha, PullRequestRef
from odyssey.domain.policy import POLICY_PATH
from odyssey.domain.proposal import ApiApproval, Proposal, Status
from odyssey.handlers.reconcile import lock_key, pull_request_of
from odyssey.ports import Ports

SERVICE_APPROVER = "api_user"
"""What people see as the approver when a service token approved."""

_APPROVABLE = frozenset({Status.VALIDATION_PASSED, Status.USER_APPROVED, Status.MERGE_PENDING})


async def approve(
    proposal: Proposal, ports: Ports, *, by: str, user_token: str | None, sha: str = ""
) -> Proposal:
    """
    The proposal with the approval of its head SHA; a worker then asks the gate.

    With *user_token* a real approving review is submitted as its owner *by*, and
    that review is what the gate counts. Without, it is a service token's
    approval, which is taken only where the policy says `api_approvals`. *sha* is how
    the commit begins that was read; "" for whatever is the head.

    Raises:
        NotProposable: the proposal is not in a state that can be approved, or its head
            is another one.
        PermissionDenied: GitHub refuses the review, or the policy such approvals.
        PolicyInvalid: the policy cannot be read, so it allows nothing.
    """
    ref = pull_request_of(proposal)
    async with ports.proposals.lock(lock_key(ref)):
        current = await ports.proposals.get(proposal.id) or proposal
        head_sha = current.head_sha
        if current.status not in _APPROVABLE or head_sha is None:
            raise NotProposable(
                f"{current.id} is {current.status}; only a proposal that is "
                f"{Status.VALIDATION_PASSED} can be approved."
            )
        _require_head(current, head_sha, sha.lower())
        if user_token is None:
            await _require_api_approvals(ref, ports)
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


def _require_head(proposal: Proposal, head_sha: HeadSha, sha: str) -> None:
    if not head_sha.startswith(sha):
        raise NotProposable(
            f"`{sha[:12]}` is not the last commit of {proposal.id}, so nothing was approved. The "
            f"last one is `{head_sha}`: read it, and approve it."
        )
    if sha and proposal.is_ambiguous(sha, head_sha):
        raise NotProposable(
            f"Two commits of {proposal.id} begin with `{sha[:12]}`, so nothing was approved. Name "
            f"all 40 digits; the last one is `{head_sha}`."
        )


async def _require_api_approvals(ref: PullRequestRef, ports: Ports) -> None:
    # As the gate will read it. Nothing rests on this look: the gate asks again.
    pull = await ports.github.snapshot(ref)
    policy = ports.read_policy(pull.policy_text, pull.organisation_policy_text)
    if not policy.approvals.api_approvals:
        raise PermissionDenied(
            f"A service token's approval does not count in {ref.repository}: `{POLICY_PATH}` on "
            f"`{pull.base_branch}` does not say `api_approvals: true`. Approve with a GitHub user "
            "token, or by a review of the pull request."
        )
