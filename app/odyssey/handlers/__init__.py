"""
One module for each thing Odyssey does; `handle` leads each event to its own.
"""

from __future__ import annotations

import logging

from odyssey.domain.commands import Validate
from odyssey.domain.errors import CommandRefused
from odyssey.domain.events import (
    CheckFinished,
    CheckRunRerequested,
    Event,
    IssueCommentDeleted,
    IssueCommented,
    PullRequestChanged,
    ReconcileAsked,
    WorkflowRunProgressed,
)
from odyssey.domain.identifiers import PullRequestRef, find_proposal_id
from odyssey.domain.proposal import Proposal, Status
from odyssey.handlers.approve_command import withdraw
from odyssey.handlers.authority import require_permission
from odyssey.handlers.once import obey_once
from odyssey.handlers.rebuild import know, rebuild_missing
from odyssey.handlers.reconcile import reconcile, validate_again
from odyssey.handlers.validated import validated
from odyssey.ports import Ports

log = logging.getLogger("odyssey.handle")


async def handle(event: Event, ports: Ports, *, again: bool = False, swept: bool = False) -> None:
    """
    Does what *event* asks for.

    *again* says that an earlier try may have left something behind: what it
    wrote is looked for before it is written once more. *swept* says that a sweep
    made its delivery.
    """
    match event:
        case IssueCommented():
            await obey_once(event, ports, again=again, swept=swept)
        case IssueCommentDeleted():
            await withdraw(event, ports)
        case PullRequestChanged() if event.sender == ports.app.bot_login:
            # Our own doing: whoever did it has reconciled already, but for its side effects.
            if event.action == "closed" and await _was_not_meant(event.ref, ports):
                await reconcile(event.ref, ports)
        case PullRequestChanged():
            await know(event.ref.repository, ports)
            if find_proposal_id(event.head_branch):
                await _find_again(event.ref, ports)
            await reconcile(event.ref, ports, reopened=event.action == "reopened")
        case WorkflowRunProgressed():
            if event.event == "workflow_dispatch":
                await know(event.repository, ports)
            await validated(event, ports)
        case CheckRunRerequested():
            await know(event.repository, ports)
            proposal = await ports.proposals.find_by_head_sha(event.repository, event.head_sha)
            if proposal is None or proposal.pull_number is None or proposal.status.is_final:
                return
            if proposal.head_sha == event.head_sha and await _may_validate(event, proposal, ports):
                request = f"check run {event.external_id}"
                await validate_again(proposal.pull_request, ports, request=request)
        case CheckFinished():
            await _check_finished(event, ports)
        case ReconcileAsked():
            await _find_again(event.ref, ports)
            await reconcile(event.ref, ports)


async def _may_validate(event: CheckRunRerequested, proposal: Proposal, ports: Ports) -> bool:
    """Whether who pressed "re-run" may give the command for it; nobody is told, as it is none."""
    try:
        await require_permission(
            Validate.word, event.sender, event.repository, proposal.base_branch, ports
        )
    except CommandRefused as refusal:
        log.info("%s: not validated again: %s", proposal.pull_request, refusal)
        return False
    return True


async def _was_not_meant(ref: PullRequestRef, ports: Ports) -> bool:
    """
    Whether Odyssey set out neither to merge nor to close *ref*, a proposal.

    GitHub counts every pull request as merged whose head a push brings into its base branch,
    and a merge is such a push.
    """
    proposal = await ports.proposals.find_by_pull_request(ref)
    if proposal is None or proposal.rejection is not None:
        return False
    return proposal.merge is None or proposal.merge.failure is not None


async def _check_finished(event: CheckFinished, ports: Ports) -> None:
    """
    A check of a proposal's head has ended: it may be what the merge waited for.

    Odyssey's own tells nothing new, except where GitHub refused a merge that it requires it for.
    """
    proposal = await ports.proposals.find_by_head_sha(event.repository, event.head_sha)
    if proposal is None or proposal.pull_number is None or proposal.head_sha != event.head_sha:
        return
    is_ours = event.reporter == ports.app.bot_login
    if proposal.status.is_final or (is_ours and proposal.status is not Status.MERGE_FAILED):
        return
    await reconcile(proposal.pull_request, ports)


async def _find_again(ref: PullRequestRef, ports: Ports) -> None:
    """Rebuilds the proposal of *ref* if the store lost it."""
    if await ports.proposals.find_by_pull_request(ref) is None:
        await rebuild_missing(ref, ports)
