"""
Approve by a command: `/odyssey approve <sha>`, where the policy takes it, and its withdrawal.
"""

from __future__ import annotations

import logging

from odyssey.domain import comments
from odyssey.domain.approval import why_not_counted
from odyssey.domain.errors import CommandRefused, NotProposable, PermissionDenied
from odyssey.domain.events import IssueCommentDeleted, IssueCommented
from odyssey.domain.identifiers import PullRequestRef
from odyssey.domain.policy import POLICY_PATH
from odyssey.domain.proposal import CommandApproval, Proposal, Status
from odyssey.domain.standing import with_command_approval, without_comment
from odyssey.handlers.authority import authority_of
from odyssey.handlers.prove import with_answers_of_git
from odyssey.handlers.reconcile import lock_key, pull_request_of, settle
from odyssey.ports import Ports

log = logging.getLogger("odyssey.approve")


async def approve_by_command(
    proposal: Proposal, sha: str, event: IssueCommented, ports: Ports
) -> None:
    """
    Keeps the approval of the head that *sha* begins, and reconciles; the status comment answers.

    It counts by the same rules as a review, which are applied here too, so that whoever
    gave one that does not count hears of it.

    Raises:
        NotProposable: the pull request is not open, or its head is another one.
        PermissionDenied: the policy takes no such approval, or not this person's.
        PolicyInvalid: the policy cannot be read, so it allows nothing.
    """
    ref = pull_request_of(proposal)
    async with ports.proposals.lock(lock_key(ref)):
        current = await ports.proposals.get(proposal.id) or proposal
        # An earlier try may have kept it already, and even merged.
        if not any(
            each.comment_id == event.comment_id and each.head_sha.startswith(sha)
            for each in current.command_approvals
        ):
            try:
                current = await _approved(current, sha, event, ports)
            except CommandRefused as refusal:
                # That would be the last word, and a read may lag behind what the person saw.
                log.info("%s: judged on a second read, for %s", ref, refusal)
                current = await _approved(current, sha, event, ports)
            await ports.proposals.put(current)
        await settle(current, ports)


async def _approved(proposal: Proposal, sha: str, event: IssueCommented, ports: Ports) -> Proposal:
    pull = await ports.github.snapshot(pull_request_of(proposal))
    if not pull.is_open:
        raise NotProposable(f"#{pull.ref.number} is not open; only an open proposal is approved.")
    policy = ports.read_policy(pull.policy_text, pull.organisation_policy_text)
    if not policy.approvals.commands:
        raise PermissionDenied(
            f"Approvals by a command do not count here: `{POLICY_PATH}` on "
            f"`{pull.base_branch}` does not say `commands: true` below `approvals`. Approve "
            "with a review: *Files changed*, *Review changes*, *Approve*."
        )
    if not pull.head_sha.startswith(sha):
        raise NotProposable(comments.another_head(sha, pull.head_sha))
    if proposal.is_ambiguous(sha, pull.head_sha):
        raise NotProposable(comments.ambiguous_head(sha, pull.head_sha))
    if event.comment_id in proposal.withdrawn:
        return proposal
    approval = CommandApproval(
        head_sha=pull.head_sha,
        by=event.author,
        comment_id=event.comment_id,
        at=event.created_at,
    )
    proposal = proposal.with_head(pull.head_sha, at=ports.now())
    proposal = await with_answers_of_git(proposal, pull, policy, ports)
    approved = with_command_approval(proposal, approval)
    authority = await authority_of(approved, pull, policy, ports)
    if why_not := why_not_counted(event.author, approved, pull, policy, authority):
        raise PermissionDenied(f"This approval does not count: {why_not}.")
    return approved


async def withdraw(event: IssueCommentDeleted, ports: Ports) -> None:
    """
    Takes back what was approved by a comment that is gone, and reconciles.

    An edited comment changes nothing: it neither gives an approval nor takes one back.
    """
    for ref in await _approved_in(event, ports):
        async with ports.proposals.lock(lock_key(ref)):
            proposal = await ports.proposals.find_by_pull_request(ref)
            if proposal is None or proposal.status is Status.MERGED:
                continue
            changed = without_comment(proposal, event.comment_id)
            await ports.proposals.put(changed)
            if changed.command_approvals != proposal.command_approvals:
                await settle(changed, ports)


async def _approved_in(event: IssueCommentDeleted, ports: Ports) -> list[PullRequestRef]:
    """What the comment may have approved; in an issue, only what is known to be."""
    if event.is_pull_request:
        return [PullRequestRef(event.repository, event.number)]
    newest = await ports.proposals.newest(limit=50, repository=event.repository.full_name)
    return [
        proposal.pull_request
        for proposal in newest
        if any(each.comment_id == event.comment_id for each in proposal.command_approvals)
    ]
