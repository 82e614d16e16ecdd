"""
Publish: one check run for each head SHA and one status comment, written only when they change.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace

from odyssey.domain import comments
from odyssey.domain.change import CheckRun
from odyssey.domain.errors import NotFound, WriteRefused
from odyssey.domain.gate import Condition
from odyssey.domain.proposal import Proposal
from odyssey.domain.record import proposal_record
from odyssey.ports import Ports

log = logging.getLogger("odyssey.publish")

_BEGUN = "begun"
"""A digest's value while its first write may or may not have come through."""


async def publish(proposal: Proposal, conditions: tuple[Condition, ...], ports: Ports) -> Proposal:
    """
    The proposal with its check run and status comment brought up to date on GitHub.

    What GitHub refuses (a locked conversation, a permission taken back) is left out until there
    is something new to say: nothing else waits for it.
    """
    if proposal.pull_number is None or proposal.head_sha is None:
        return proposal
    proposal = await publish_check_run(_witnessed(proposal, ports), conditions, ports)
    return await _status_comment(proposal, conditions, ports)


def _witnessed(proposal: Proposal, ports: Ports) -> Proposal:
    """Once merged, with what proves later that nothing was cut from the audit log's end."""
    merge = proposal.merge
    if merge is None or merge.sha is None or merge.witness:
        return proposal
    return replace(proposal, merge=replace(merge, witness=ports.witness()))


async def publish_check_run(
    proposal: Proposal, conditions: tuple[Condition, ...], ports: Ports
) -> Proposal:
    """The proposal with the check run of its head brought up to date on GitHub."""
    validation = proposal.current_validation
    # One check run for each validation: GitHub appends the annotations of every update, so a
    # second run of the sandbox in the same check run would show the failures of both.
    subject = f"{proposal.id}/{validation.nonce if validation else 'unvalidated'}"
    if (proposal.check_run_subject, proposal.check_run_head_sha) != (subject, proposal.head_sha):
        proposal = replace(
            proposal,
            check_run_id=None,
            check_run_head_sha=proposal.head_sha,
            check_run_subject=subject,
            check_run_digest="",
        )
    check_run = comments.check_run(proposal, conditions)
    if check_run is None:
        return proposal
    digest = check_run_digest(check_run)
    if digest == proposal.check_run_digest:
        return proposal
    look_first = proposal.check_run_id is None and proposal.check_run_digest == _BEGUN
    if proposal.check_run_id is None:
        proposal = replace(proposal, check_run_digest=_BEGUN)
        await ports.proposals.put(proposal)
    try:
        check_run_id = await ports.github.put_check_run(
            proposal.repository,
            # First in the summary, where no foreign word can stand before it.
            replace(
                check_run,
                external_id=subject,
                summary=f"{proposal_record(proposal)}\n\n{check_run.summary}".strip(),
            ),
            check_run_id=proposal.check_run_id,
            look_first=look_first,
        )
    except WriteRefused as error:
        log.warning("%s goes without its check run: %s", proposal.pull_request, error)
        return replace(proposal, check_run_digest=digest)
    return replace(proposal, check_run_id=check_run_id, check_run_digest=digest)


async def _status_comment(
    proposal: Proposal, conditions: tuple[Condition, ...], ports: Ports
) -> Proposal:
    body = comments.status_comment(proposal, conditions)
    digest = _digest(body)
    if digest == proposal.status_comment_digest:
        return proposal
    if proposal.status_comment_id is not None:
        try:
            await ports.github.edit_comment(proposal.repository, proposal.status_comment_id, body)
            return replace(proposal, status_comment_digest=digest)
        except WriteRefused as error:
            log.warning("%s keeps its old status comment: %s", proposal.pull_request, error)
            return replace(proposal, status_comment_digest=digest)
        except NotFound:
            # Somebody deleted it: they get a new one, once.
            proposal = replace(proposal, status_comment_id=None, status_comment_digest="")
    look_first = proposal.status_comment_digest == _BEGUN
    proposal = replace(proposal, status_comment_digest=_BEGUN)
    await ports.proposals.put(proposal)
    try:
        comment_id = await ports.github.post_comment(
            proposal.repository,
            proposal.pull_request.number,
            body,
            marker=comments.status_marker(proposal),
            look_first=look_first,
        )
    except WriteRefused as error:
        log.warning("%s goes without a status comment: %s", proposal.pull_request, error)
        return replace(proposal, status_comment_digest=digest)
    return replace(proposal, status_comment_id=comment_id, status_comment_digest=digest)


def check_run_digest(check_run: CheckRun) -> str:
    """What of a check run makes it worth writing again."""
    said = f"{check_run.conclusion} {check_run.started_at} {check_run.details_url}"
    # What is asked for can change while the conclusion stays.
    asked = f" {check_run.title}" if check_run.conclusion == "action_required" else ""
    return _digest(said + asked)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
