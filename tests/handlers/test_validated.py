"""
The result of a run counts for its newest attempt, of every proposal that is not merged.
"""

from __future__ import annotations

import json

from handlers.conftest import FILES, REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.domain.events import WorkflowRunProgressed, parse_event
from odyssey.domain.identifiers import RunId
from odyssey.domain.proposal import Proposal, Status
from odyssey.handlers.propose import propose
from odyssey.handlers.reconcile import reconcile
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


async def test_a_merged_proposal_keeps_the_result_it_was_merged_with(desk: Desk) -> None:
    """What was validated when it merged is what is on record."""
    proposal, run_id, _ = await cancelled(desk)
    await desk.person("ada").merge(REPOSITORY, proposal.pull_request.number)
    await reconcile(proposal.pull_request, desk.ports)
    second = await run_again(desk, run_id)
    await validated(second, desk.ports)
    after = await now(desk, proposal)

    assert second.conclusion == "success"
    assert after.status is Status.MERGED
    assert after.validation is not None
    assert (after.validation.conclusion, after.validation.run_attempt) == ("cancelled", 1)


async def test_a_run_that_is_run_again_while_the_proposal_is_closed_counts_once_it_is_reopened(
    desk: Desk,
) -> None:
    """Closed is not over: nobody tells of that end a second time."""
    proposal, run_id, _ = await cancelled(desk)
    number = proposal.pull_request.number
    await desk.person("ben").close(REPOSITORY, number)
    await reconcile(proposal.pull_request, desk.ports)
    second = await run_again(desk, run_id)
    await validated(second, desk.ports)
    while_closed = await now(desk, proposal)
    await desk.person("ben").request(
        "PATCH", f"/repos/{REPOSITORY}/issues/{number}", {"state": "open"}
    )
    await reconcile(proposal.pull_request, desk.ports, reopened=True)

    assert while_closed.status is Status.REJECTED
    assert (await now(desk, proposal)).status is Status.VALIDATION_PASSED
