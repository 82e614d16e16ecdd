"""
Rebuild a validation: which run judged a head, and with what result, from what GitHub holds.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from odyssey.domain import comments
from odyssey.domain.errors import PolicyInvalid
from odyssey.domain.events import WorkflowRunProgressed, parse_event
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import PullRequest
from odyssey.domain.record import read_record
from odyssey.domain.validation import Validation
from odyssey.handlers.publish import check_run_digest
from odyssey.handlers.validated import completed, is_ours
from odyssey.ports import Ports
from odyssey.ports.healing import FoundCheckRun, FoundRun, Traces

_NONCE = re.compile(r"\bprop_[a-z2-7]{10}\b.*\b([0-9a-f]{16})\b")
"""In the name of a run, where the workflow puts it behind the proposal's id."""


async def with_validation(
    proposal: Proposal, pull: PullRequest, traces: Traces, ports: Ports
) -> Proposal:
    """
    The proposal with the validation that its newest check run tells of, and that run's result.

    Where they do not fit together there is none, and the head is validated again.
    """
    ours = [each for each in traces.check_runs if each.external_id.startswith(f"{proposal.id}/")]
    newest = max(ours, key=lambda each: each.id, default=None)
    if newest is None:
        return await _with_first_run(proposal, pull, traces, ports)
    record = read_record(newest.summary)
    if record is None or record.head_sha != proposal.head_sha:
        return proposal
    validation = record.validation
    nonce = validation.nonce if validation else "unvalidated"
    if newest.external_id != f"{proposal.id}/{nonce}":
        return proposal
    known = replace(
        proposal,
        check_run_id=newest.id,
        check_run_head_sha=proposal.head_sha,
        check_run_subject=newest.external_id,
    )
    if validation is None:
        return known
    found = await ports.overview.find_run(
        proposal.repository, workflow=validation.workflow, nonce=validation.nonce
    )
    if found is None:
        # Not dispatched yet, if the check run is still open; else the run is gone.
        return proposal if newest.conclusion else replace(known, validation=validation)
    ended = await _with_result(replace(known, validation=validation), found, ports)
    if ended is None:
        return proposal
    return _as_published(ended, newest)


def nonce_in(title: str) -> str | None:
    """The nonce in a run's name; None where its workflow does not name it as it should."""
    found = _NONCE.search(title)
    return found[1] if found else None


async def _with_first_run(
    proposal: Proposal, pull: PullRequest, traces: Traces, ports: Ports
) -> Proposal:
    """
    The proposal with the run that was dispatched before its check run was made, if there is one.

    Nobody pushed yet, so a run of this proposal can be about no other head. Which head it was
    about is in its report, and that is what counts.
    """
    described = read_record(traces.description.body)
    if not traces.description.is_ours_alone or described is None or not pull.is_open:
        return proposal
    if described.head_sha != pull.head_sha:
        return proposal
    try:
        policy = ports.read_policy(pull.policy_text, pull.organisation_policy_text)
    except PolicyInvalid:
        return proposal
    workflow = policy.validation.workflow
    found = await ports.overview.find_run(proposal.repository, workflow=workflow, nonce=proposal.id)
    nonce = nonce_in(json.loads(found.body)["workflow_run"]["display_title"]) if found else None
    if found is None or nonce is None:
        return proposal
    validation = Validation(
        head_sha=pull.head_sha,
        nonce=nonce,
        workflow=workflow,
        requested_at=proposal.created_at,
        base_branch=pull.base_branch,
    )
    return await _with_result(replace(proposal, validation=validation), found, ports) or proposal


async def _with_result(proposal: Proposal, found: FoundRun, ports: Ports) -> Proposal | None:
    event = parse_event("workflow_run", json.loads(found.body))
    validation = proposal.validation
    assert validation is not None
    if not isinstance(event, WorkflowRunProgressed) or not is_ours(
        event, proposal, validation, bot_login=ports.app.bot_login
    ):
        return None
    validation = validation.on_run(
        event.run_id,
        url=event.url,
        attempt=event.run_attempt,
        started=event.status != "queued",
    )
    if event.status == "completed":
        validation = await completed(event, proposal, validation, ports)
    return replace(proposal, validation=validation)


def _as_published(proposal: Proposal, check_run: FoundCheckRun) -> Proposal:
    """
    The proposal with its check run known to be up to date, if it is.

    A second write of the same result would show its annotations twice.
    """
    said = comments.check_run(proposal)
    if said is None or check_run.conclusion is None:
        return proposal
    if said.conclusion != check_run.conclusion:
        # The report is gone by now, or was never the reason: in doubt it is validated again.
        return replace(
            proposal,
            validation=None,
            check_run_id=None,
            check_run_head_sha=None,
            check_run_subject="",
        )
    return replace(proposal, check_run_digest=check_run_digest(said))
