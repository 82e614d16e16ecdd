"""
One module for each thing Odyssey does; `handle` leads each event to its own.
"""

from __future__ import annotations

from odyssey.domain.events import (
    CheckRunRerequested,
    Event,
    IssueCommented,
    PullRequestChanged,
    ReconcileAsked,
    WorkflowRunProgressed,
)
from odyssey.handlers.obey import obey
from odyssey.handlers.reconcile import reconcile, validate_again
from odyssey.handlers.validated import validated
from odyssey.ports import Ports


async def handle(event: Event, ports: Ports, *, again: bool = False) -> None:
    """
    Does what *event* asks for.

    *again* says that an earlier try may have left something behind: what it
    wrote is looked for before it is written once more.
    """
    match event:
        case IssueCommented():
            await obey(event, ports, again=again)
        case PullRequestChanged() if event.sender == ports.app.bot_login:
            pass  # our own doing: whoever did it has reconciled already
        case PullRequestChanged():
            await reconcile(event.ref, ports, reopened=event.action == "reopened")
        case WorkflowRunProgressed():
            await validated(event, ports)
        case CheckRunRerequested():
            proposal = await ports.proposals.find_by_head_sha(event.repository, event.head_sha)
            if proposal is None or proposal.pull_number is None or proposal.status.is_final:
                return
            if proposal.head_sha == event.head_sha:
                request = f"check run {event.external_id}"
                await validate_again(proposal.pull_request, ports, request=request)
        case ReconcileAsked():
            await reconcile(event.ref, ports)
