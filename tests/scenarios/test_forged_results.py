"""
Forged results: nobody but the run that Odyssey dispatched can turn a proposal green.

The forgers have write permission and use GitHub's own API; the runs are real.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from odyssey.adapters.embedding import Embedder
from odyssey.domain.proposal import Proposal, Status
from odyssey.scenario import Scenario
from scenarios.changes import BRIEFER, note
from scenarios.stage import BOT, calls_of, check_runs_of, on_stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRUSTED = "odyssey-validate.yml"

# Says what Odyssey likes to hear, in an artifact of the right name, without running anything.
LIAR = """name: Odyssey validation
run-name: "Odyssey validation of ${{ inputs.proposal_id }} at ${{ inputs.head_sha }} (${{ inputs.nonce }})"
on:
  workflow_dispatch:
    inputs:
      proposal_id: {type: string, required: true}
      head_sha: {type: string, required: true}
      nonce: {type: string, required: true}
jobs:
  validate:
    runs-on: ubuntu-latest
    steps:
      - name: Lie
        run: >-
          echo '{"schema": 1, "proposal_id": "${{ inputs.proposal_id }}",
          "head_sha": "${{ inputs.head_sha }}", "conclusion": "success", "reason": "",
          "tests": {"passed": 99, "failed": 0, "skipped": 0}, "failures": []}' > report.json
      - uses: actions/upload-artifact@v4
        with:
          name: odyssey-report
          path: report.json
"""  # noqa: E501  # a workflow file keeps its lines


@dataclass(slots=True)
class Forgery:
    """A proposal that failed validation, and what its run was asked with."""

    scenario: Scenario
    proposal: Proposal
    inputs: dict[str, str]

    async def dispatch(self, workflow: str, *, ref: str = "main", **changed: str) -> str:
        """The conclusion of a run that ben started with the known inputs, some of them changed."""
        answer = await self.scenario.person("ben").request(
            "POST",
            f"/repos/{self.scenario.repository}/actions/workflows/{workflow}/dispatches",
            {"ref": ref, "inputs": {**self.inputs, **changed}},
        )
        await self.scenario.settle()
        run = self.scenario.simulator.actions.runs[answer["workflow_run_id"]]
        return str(run.conclusion)

    async def assert_unmoved(self) -> None:
        """It failed before, and failed it has; an approval cannot merge it."""
        scenario, number = self.scenario, self.proposal.pull_request.number
        await scenario.settle()
        now = await scenario.get(self.proposal)
        assert now.status is Status.VALIDATION_FAILED
        [check_run] = await check_runs_of(scenario, self.proposal.head_sha or "")
        assert check_run["conclusion"] == "failure"
        [status] = await scenario.comments_of(BOT, number)
        assert "Validation failed" in status
        assert not (await scenario.pull(number))["merged"]
        assert not [each for each in calls_of(scenario) if each.path.endswith("/merge")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def forgery(
    tmp_path_factory: pytest.TempPathFactory, embedder: Embedder
) -> AsyncIterator[Forgery]:
    """
    A proposal that breaks a test and is approved all the same: only a result is missing.
    """
    files = {".github/workflows/liar.yml": LIAR}
    async with on_stage(tmp_path_factory.mktemp("forged"), embedder, files=files) as scenario:
        proposal = await scenario.propose(BRIEFER, title="Greet more briefly")
        [run] = scenario.simulator.actions.runs.values()
        await scenario.approve(proposal.pull_request.number)
        forgery = Forgery(scenario, proposal, dict(run.inputs))
        await forgery.assert_unmoved()
        yield forgery


async def test_the_trusted_workflow_dispatched_by_somebody_else_does_not_count(
    forgery: Forgery,
) -> None:
    """Not even with the proposal's own nonce, for a commit that passes: it is another run."""
    main = await forgery.scenario.person("ben").request(
        "GET", f"/repos/{forgery.scenario.repository}/branches/main"
    )

    assert await forgery.dispatch(TRUSTED, head_sha=main["commit"]["sha"]) == "success"
    await forgery.assert_unmoved()


async def test_another_workflow_of_the_base_branch_does_not_count(forgery: Forgery) -> None:
    """It says success with the right words, in the right artifact, from the wrong path."""
    assert await forgery.dispatch("liar.yml") == "success"
    await forgery.assert_unmoved()


async def test_the_trusted_path_on_another_branch_does_not_count(forgery: Forgery) -> None:
    """Whoever may push may write a liar over the workflow there, and have it run."""
    await forgery.scenario.push("liars", {f".github/workflows/{TRUSTED}": LIAR}, by="ben")

    assert await forgery.dispatch(TRUSTED, ref="liars") == "success"
    await forgery.assert_unmoved()


async def test_the_run_itself_repeated_by_somebody_counts_for_what_it_finds(
    forgery: Forgery,
) -> None:
    """ "Re-run all jobs" is the same run: it fails again, and nothing is merged."""
    [first, *_] = forgery.scenario.simulator.actions.runs
    await forgery.scenario.person("ben").request(
        "POST", f"/repos/{forgery.scenario.repository}/actions/runs/{first}/rerun"
    )

    await forgery.assert_unmoved()


async def test_a_report_counts_only_for_its_commit_and_from_a_run_that_succeeded(
    tmp_path: Path, embedder: Embedder
) -> None:
    """The dispatched run itself reports another commit, then success before it fails."""
    workflow = f".github/workflows/{TRUSTED}"
    about_another = LIAR.replace('"head_sha": "${{ inputs.head_sha }}"',
                                 '"head_sha": "${{ github.sha }}"')  # fmt: skip
    then_fails = f"{LIAR}      - run: exit 1\n"
    assert about_another != LIAR
    async with on_stage(tmp_path, embedder, files={workflow: about_another}) as scenario:
        proposal = await scenario.propose(note("notes"), title="Start the notes")
        number = proposal.pull_request.number
        await scenario.approve(number)
        await scenario.settle()
        [run] = scenario.simulator.actions.runs.values()
        assert run.conclusion == "success"
        assert (await scenario.get(proposal)).status is Status.VALIDATION_FAILED
        [status] = await scenario.comments_of(BOT, number)
        assert "not about this commit" in status

        await scenario.push("main", {workflow: then_fails})
        await scenario.comment(number, "/odyssey validate", by="ben")
        await scenario.settle()
        [_, run] = scenario.simulator.actions.runs.values()
        assert (run.conclusion, len(run.artifacts)) == ("failure", 1)
        assert (await scenario.get(proposal)).status is Status.VALIDATION_FAILED
        assert await scenario.check_conclusion(proposal) == "failure"
        assert not (await scenario.pull(number))["merged"]

        # The same words of a run that did succeed are believed: nothing else was in the way.
        await scenario.push("main", {workflow: LIAR})
        await scenario.comment(number, "/odyssey validate", by="ben")
        await scenario.settle()
        assert (await scenario.pull(number))["merged"]
