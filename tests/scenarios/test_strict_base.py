"""
The strict base: what merges contains the tip of its base branch, and was validated with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from odyssey.domain.merge_attempt import AuditOutcome
from odyssey.domain.proposal import Proposal, Status
from odyssey.scenario import Scenario
from scenarios.changes import a_file, diff_of, note
from scenarios.stage import BOT, count_of, on_stage
from schedules.executor import ScriptedExecutor

FEWER_NUMBERS = diff_of("service/answers.py", "MAX_NUMBERS = 1000", "MAX_NUMBERS = 10")
"""Passes the tests there are."""

MANY_NUMBERS = a_file(
    "tests/test_many.py",
    '''"""
Many numbers at once.
"""

import unittest

from service.answers import add


class ManyTest(unittest.TestCase):
    def test_a_hundred_numbers_are_added(self) -> None:
        self.assertEqual(100.0, add(",".join("1" for _ in range(100))))
''',
)
"""Passes with the limit there is, and not with the smaller one."""


@asynccontextmanager
async def played(
    root: Path, policy: str = "{}\n", executor: ScriptedExecutor | None = None
) -> AsyncIterator[Scenario]:
    """A scenario whose runs pass without a container."""
    async with on_stage(
        root,
        None,
        embeds=False,
        durable=False,
        executor=executor or ScriptedExecutor(),
        files={"verdict.txt": "pass\n"},
        policy=policy,
    ) as scenario:
        yield scenario


async def proposed(scenario: Scenario, name: str) -> Proposal:
    """A validated proposal that adds a page."""
    return await scenario.propose(note(name), title=f"Describe the {name}")


async def approved(scenario: Scenario, proposal: Proposal) -> Proposal:
    """The proposal once ben approved its present head and all is quiet."""
    await scenario.approve(proposal.pull_request.number)
    await scenario.settle()
    return await scenario.get(proposal)


async def said(scenario: Scenario, proposal: Proposal) -> str:
    """The status comment."""
    [status] = await scenario.comments_of(BOT, proposal.pull_request.number)
    return status


def runs(scenario: Scenario) -> int:
    """How many runs there were."""
    return len(scenario.simulator.actions.runs)


async def test_two_that_pass_alone_and_break_together_do_not_both_merge(
    scenario: Scenario,
) -> None:
    """
    Approved at one moment, one merges; the other is validated on the base with it, and fails.
    """
    first = await scenario.propose(FEWER_NUMBERS, title="Take fewer numbers")
    second = await scenario.propose(MANY_NUMBERS, title="Test many numbers")
    assert first.status is second.status is Status.VALIDATION_PASSED
    for each in (first, second):
        await scenario.approve(each.pull_request.number)
    await scenario.settle()
    ends = {each.id: await scenario.get(each) for each in (first, second)}
    [other] = [each for each in (first, second) if ends[each.id].status is not Status.MERGED]
    after = ends[other.id]

    assert after.status is Status.VALIDATION_FAILED
    assert after.head_sha != other.head_sha
    assert after.validation is not None
    assert [each.name for each in after.validation.failures]
    assert "test_a_hundred_numbers_are_added" in await said(scenario, other)
    assert runs(scenario) == 3
    assert count_of(scenario, "PUT", "/merge") == 1


async def test_an_approved_proposal_is_brought_up_to_date_validated_and_merged(
    tmp_path: Path,
) -> None:
    """By Odyssey alone: the approval is kept by proof, and what merges is the validated tree."""
    async with played(tmp_path) as scenario:
        first, second = await proposed(scenario, "door"), await proposed(scenario, "roof")
        await approved(scenario, first)
        judged = await scenario.get(second)
        second = await approved(scenario, second)
        assert second.merge is not None
        assert second.merge.verdict is not None
        assert second.merge.audit is not None

        assert judged.head_sha != second.head_sha == second.merge.verdict.head_sha
        assert second.status is Status.MERGED
        assert second.merge.audit.outcome is AuditOutcome.EXACT
        assert second.approved_by == "ben"
        assert runs(scenario) == 3
        assert "Door" in await scenario.read("docs/door.md")
        assert "Roof" in await scenario.read("docs/roof.md")


async def test_what_nobody_approved_is_not_updated_when_the_base_moves(tmp_path: Path) -> None:
    """No commit, no run and no word for it; condition 7 says who would do it, and when."""
    async with played(tmp_path) as scenario:
        proposal = await proposed(scenario, "door")
        await scenario.push("main", {"docs/other.md": "Meanwhile.\n"}, by="ada")
        await scenario.person("dora").review(
            scenario.repository, proposal.pull_request.number, "comment", "Hm."
        )
        await scenario.settle()
        after = await scenario.get(proposal)

        assert after.head_sha == proposal.head_sha
        assert runs(scenario) == 1
        assert "lacks the tip of `main`" in await said(scenario, proposal)
        assert "once nothing else is missing it merges" in await said(scenario, proposal)


async def test_without_strict_it_merges_behind_its_base(tmp_path: Path) -> None:
    """`merge.strict: false`: no second run; the audit knows the clean merge's tree by git."""
    async with played(tmp_path, "merge: {strict: false}\n") as scenario:
        proposal = await proposed(scenario, "door")
        await scenario.push("main", {"docs/other.md": "Meanwhile.\n"}, by="ada")
        after = await approved(scenario, proposal)
        assert after.merge is not None
        assert after.merge.audit is not None

        assert after.status is Status.MERGED
        assert after.head_sha == proposal.head_sha
        assert runs(scenario) == 1
        assert after.merge.audit.outcome is AuditOutcome.EXACT


async def test_a_base_that_moves_while_the_sandbox_is_at_work_is_taken_up_after_it(
    tmp_path: Path,
) -> None:
    """The run is waited for: a change that fails is not brought up to date."""
    executor = ScriptedExecutor()
    async with played(tmp_path, "approvals: {mode: auto}\n", executor) as scenario:
        executor.hold()
        issue = await scenario.open_issue("Doors")
        await scenario.comment(issue, f"/odyssey propose Describe the door\n\n{note('door')}")
        await scenario.push("main", {"docs/other.md": "Meanwhile.\n"}, by="ada")
        executor.release()
        await scenario.settle()
        proposal = await scenario.newest()

        assert proposal.status is Status.MERGED
        assert "Meanwhile" in await scenario.read("docs/other.md")


async def test_an_approval_from_before_another_base_was_chosen_does_not_count(
    tmp_path: Path,
) -> None:
    """It was of another difference: it is named as such, and given again."""
    async with played(tmp_path) as scenario:
        await scenario.push("release", {"docs/release.md": "Released.\n"}, by="ada")
        await scenario.settle()
        proposal = await proposed(scenario, "door")
        number = proposal.pull_request.number
        # Odyssey hears of both at once.
        await scenario.approve(number)
        path = f"/repos/{scenario.repository}/pulls/{number}"
        await scenario.person("ada").request("PATCH", path, {"base": "release"})
        await scenario.settle()
        retargeted = await scenario.get(proposal)

        assert retargeted.base_branch == "release"
        assert retargeted.status is Status.VALIDATION_PASSED
        assert "ben approved before `release` became the base branch" in await said(
            scenario, proposal
        )
        # GitHub tells times in seconds: the second approval is in a later one.
        clock = scenario.simulator.clock
        scenario.simulator.clock = lambda: clock() + timedelta(seconds=2)
        assert (await approved(scenario, proposal)).status is Status.MERGED
        assert "Door" in await scenario.read("docs/door.md", ref="release")


async def test_without_carry_over_the_updated_head_is_approved_anew(tmp_path: Path) -> None:
    """The new head is validated and waits; the old approval is named for what it was."""
    async with played(tmp_path, "approvals: {carry_over: false}\n") as scenario:
        proposal = await proposed(scenario, "door")
        await scenario.push("main", {"docs/other.md": "Meanwhile.\n"}, by="ada")
        waiting = await approved(scenario, proposal)
        short = (proposal.head_sha or "")[:7]

        assert waiting.head_sha != proposal.head_sha
        assert waiting.status is Status.VALIDATION_PASSED
        assert f"ben approved {short}, another commit than the head" in await said(
            scenario, proposal
        )
        assert (await approved(scenario, proposal)).status is Status.MERGED
