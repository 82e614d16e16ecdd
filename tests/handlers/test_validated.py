"""
The result of a run counts for its newest attempt, and for no proposal that is over.
"""

from __future__ import annotations

import json

from handlers.conftest import FILES, REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.domain.events import WorkflowRunProgressed, parse_event
from odyssey.domain.identifiers import RunId
from odyssey.domain.proposal import Proposal, Status
from odyssey.handlers.propose import propose
from odyssey.handlers.reject import reject
from odyssey.handlers.validated import validated
from schedules.executor import VERDICT_FILE, Verdict

WORKFLOW = ".github/workflows/odyssey-validate.yml"
JOBS = "jobs:\n  validate:\n    runs-on: ubuntu-latest\n    steps:\n      - run: 'true'\n"
PASSES = Files({VERDICT_FILE: Verdict.PASS.value})


async def event_of(desk: Desk, run_id: int) -> WorkflowRunProgressed:
    """What a delivery would tell of the run now."""
    found = await desk.ports.overview.run(desk.repository, RunId(run_id))
    assert found is not None
    event = parse_event("workflow_run", json.loads(found.body))
    assert isinstance(event, WorkflowRunProgressed)
    return event


async def cancelled(desk: Desk) -> tuple[Proposal, int, WorkflowRunProgressed]:
    """A proposal whose run somebody cancelled; its id, and what a delivery told of it."""
    workflow = str(FILES[WORKFLOW]).replace("jobs: {}\n", JOBS)
    await desk.person("ada").push(REPOSITORY, "main", {WORKFLOW: workflow}, "Give it a job")
    proposal = await propose(desk.request(PASSES), desk.ports)
    [run_id] = desk.simulator.actions.runs
    await desk.person("ben").request("POST", f"/repos/{REPOSITORY}/actions/runs/{run_id}/cancel")
    await desk.simulator.actions.wait_until_idle()
    event = await event_of(desk, run_id)
    await validated(event, desk.ports)
    return proposal, run_id, event


async def run_again(desk: Desk, run_id: int) -> WorkflowRunProgressed:
    """What a delivery tells of the run after "Re-run all jobs"."""
    await desk.person("ben").request("POST", f"/repos/{REPOSITORY}/actions/runs/{run_id}/rerun")
    desk.executor.release()
    await desk.simulator.actions.wait_until_idle()
    return await event_of(desk, run_id)


async def now(desk: Desk, proposal: Proposal) -> Proposal:
    """The proposal as the store has it."""
    found = await desk.ports.proposals.get(proposal.id)
    assert found is not None
    return found


async def test_a_cancelled_run_that_somebody_runs_again_counts_for_what_it_finds(
    desk: Desk,
) -> None:
    """It is the dispatched run; late words of its first attempt change nothing."""
    proposal, run_id, first = await cancelled(desk)
    before = await now(desk, proposal)
    second = await run_again(desk, run_id)
    await validated(second, desk.ports)
    await validated(first, desk.ports)
    after = await now(desk, proposal)
    [check_run] = (await desk.read(f"commits/{proposal.head_sha}/check-runs"))["check_runs"]

    assert (first.run_attempt, first.conclusion) == (1, "cancelled")
    assert before.status is Status.VALIDATION_FAILED
    assert (second.run_attempt, second.conclusion) == (2, "success")
    assert after.status is Status.VALIDATION_PASSED
    assert after.validation is not None
    assert (after.validation.conclusion, after.validation.run_attempt) == ("success", 2)
    assert after.validation.reason == "All tests passed."
    assert after.validation.evidence
    assert check_run["conclusion"] == "success"


async def test_a_proposal_that_is_over_keeps_the_result_it_ended_with(desk: Desk) -> None:
    """What was validated when it ended is what is on record."""
    proposal, run_id, _ = await cancelled(desk)
    await reject(await now(desk, proposal), desk.ports, reason="Not wanted", by="ben")
    second = await run_again(desk, run_id)
    await validated(second, desk.ports)
    after = await now(desk, proposal)

    assert second.conclusion == "success"
    assert after.validation is not None
    assert (after.validation.conclusion, after.validation.run_attempt) == ("cancelled", 1)
