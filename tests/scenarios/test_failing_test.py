"""
A failing test: said where it is, and never merged.
"""

from __future__ import annotations

from odyssey.domain.proposal import Status
from odyssey.scenario import Scenario
from scenarios.changes import BRIEFER
from scenarios.stage import BOT, check_runs_of, count_of

TESTS = "tests/test_answers.py"
FAILING = "test_a_person_is_greeted_by_name"


async def test_a_failing_test_blocks_until_a_mended_commit_is_approved(scenario: Scenario) -> None:
    """The test is quoted and annotated; only an approval of the mended commit merges."""
    original = await scenario.read("service/answers.py")
    lines = (await scenario.read(TESTS)).splitlines()
    proposal = await scenario.propose(BRIEFER, title="Greet more briefly")
    number, broken = proposal.pull_request.number, proposal.head_sha or ""

    assert proposal.status is Status.VALIDATION_FAILED
    [check_run] = await check_runs_of(scenario, broken)
    assert check_run["conclusion"] == "failure"
    annotations = await scenario.annotations(proposal)
    where = {(each["path"], lines[each["start_line"] - 1].strip())
             for each in annotations if each["path"] == TESTS}  # fmt: skip
    assert (TESTS, 'self.assertEqual("Hello, Ada!", greet("Ada"))') in where
    [status] = await scenario.comments_of(BOT, number)
    assert "Validation failed" in status
    assert FAILING in status
    assert "Hi, Ada!" in status

    # An approval of what fails is an approval, and no merge.
    await scenario.approve(number, by="ben")
    await scenario.settle()
    assert not (await scenario.pull(number))["merged"]
    assert count_of(scenario, "PUT", "/merge", is_success=False) == 0

    mended = original.replace("A greeting for", "A short greeting for", 1)
    sha = await scenario.push(proposal.branch, {"service/answers.py": mended}, by="ada")
    await scenario.settle()

    assert not (await scenario.pull(number))["merged"], "the approval was of another commit"
    [check_run] = await check_runs_of(scenario, sha)
    assert check_run["conclusion"] == "success"
    [run_of_broken, run_of_mended] = scenario.simulator.actions.runs.values()
    assert (run_of_broken.inputs["head_sha"], run_of_mended.inputs["head_sha"]) == (broken, sha)

    await scenario.approve(number, by="ben")
    await scenario.settle()

    assert (await scenario.pull(number))["merged"]
    [status] = await scenario.comments_of(BOT, number)
    assert "Merged" in status
    assert await scenario.remembered(proposal) == ["opened", "validation_failed", "merged"]
