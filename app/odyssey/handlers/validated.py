"""
Validated: takes the result of a workflow run, if it is the run Odyssey dispatched.

The run's identity comes from GitHub's signed delivery; the report comes from a
runner that executed proposed code, and is data.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace

from odyssey.domain.errors import MalformedPayload, NotFound, PermissionDenied
from odyssey.domain.events import WorkflowRunProgressed
from odyssey.domain.identifiers import ProposalId
from odyssey.domain.proposal import Proposal, Status
from odyssey.domain.report import parse_report
from odyssey.domain.validation import Validation
from odyssey.domain.verdict import evidence_digest
from odyssey.handlers.reconcile import lock_key, settle
from odyssey.ports import Ports

log = logging.getLogger("odyssey.validated")

_PROPOSAL_ID = re.compile(r"\bprop_[a-z2-7]{10}\b")


async def validated(event: WorkflowRunProgressed, ports: Ports) -> None:
    """
    Notes that a dispatched run started, or takes its report and reconciles.

    A run that Odyssey did not dispatch is ignored, whatever it claims. Where somebody ran it
    once more, the result of the newest attempt counts, as on GitHub; until there is one, the
    last.
    """
    found = await _find(event, ports)
    if found is None or found.pull_number is None:
        return
    async with ports.proposals.lock(lock_key(found.pull_request)):
        proposal = await ports.proposals.get(found.id)
        validation = proposal.validation if proposal else None
        if (
            proposal is None
            or validation is None
            or not is_ours(event, proposal, validation, bot_login=ports.app.bot_login)
        ):
            return
        if event.run_attempt < validation.run_attempt:
            return
        is_merged = proposal.status is Status.MERGED
        is_news = event.run_attempt > validation.run_attempt and event.status == "completed"
        if validation.conclusion is not None and (is_merged or not is_news):
            # A second delivery of the same end, after a first that got this far.
            await settle(proposal, ports)
            return
        validation = validation.on_run(
            event.run_id,
            url=event.url,
            attempt=event.run_attempt,
            started=event.status != "queued",
        )
        if event.status != "completed":
            await ports.proposals.put(replace(proposal, validation=validation))
            return
        validation = await completed(event, proposal, validation, ports)
        log.info(
            "%s: run %d of %s ended as %s: %.300r",
            proposal.pull_request,
            event.run_id,
            validation.head_sha[:7],
            validation.conclusion,
            validation.reason,
        )
        await settle(replace(proposal, validation=validation), ports)


def is_ours(
    event: WorkflowRunProgressed, proposal: Proposal, validation: Validation, *, bot_login: str
) -> bool:
    """
    Whether *event* is about the run that was dispatched for *validation*.

    The run's event, workflow path and ref must be the dispatched ones, and its
    id the one GitHub answered; while that answer is outstanding, its name must
    carry the nonce, and Odyssey have begun it: the nonce is no secret.
    """
    if validation.run_id is None:
        is_same_run = validation.nonce in event.title and event.actor == bot_login
    else:
        is_same_run = validation.run_id == event.run_id
    return (
        is_same_run
        and event.event == "workflow_dispatch"
        and event.path == f".github/workflows/{validation.workflow}"
        and event.head_branch == (validation.base_branch or proposal.base_branch)
    )


async def _find(event: WorkflowRunProgressed, ports: Ports) -> Proposal | None:
    if event.event != "workflow_dispatch":
        return None
    proposal = await ports.proposals.find_by_run(event.repository, event.run_id)
    if proposal is not None:
        return proposal
    # The webhook was faster than the dispatch's HTTP answer.
    named = _PROPOSAL_ID.search(event.title)
    found = await ports.proposals.get(ProposalId(named[0])) if named else None
    same = found is not None and found.repository.full_name == event.repository.full_name
    return found if same else None


async def completed(
    event: WorkflowRunProgressed, proposal: Proposal, validation: Validation, ports: Ports
) -> Validation:
    """The validation with the report of its run, or with why there is none."""
    now = ports.now()
    conclusion = event.conclusion or "failure"
    try:
        data = await ports.github.report(
            proposal.repository, event.run_id, artifact=ports.app.validation_artifact
        )
        report = parse_report(data)
    except (NotFound, PermissionDenied, MalformedPayload) as error:
        ended = "failure" if conclusion == "success" else conclusion
        return validation.ended(ended, f"The run left no usable report: {error}", at=now)
    if report.head_sha != validation.head_sha:
        reason = f"The report is about {report.head_sha[:12]!r}, not about this commit."
        return validation.ended("failure", reason, at=now)
    if report.is_success and conclusion != "success":
        # The report alone proves nothing: the job that wrote it must have succeeded too.
        return validation.ended(conclusion, f"The run ended as {conclusion}.", at=now)
    evidence = evidence_digest(data, run_id=event.run_id, head_sha=validation.head_sha)
    return validation.completed(report, evidence=evidence, at=now)
