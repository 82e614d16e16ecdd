"""
The policy at work: owners, second approvers, teams, the organisation's file, and the budget.

The sandbox is played by a script here; what it does for real has scenarios of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from odyssey.domain.gate import State
from odyssey.domain.proposal import Proposal
from odyssey.handlers.reconcile import look
from odyssey.scenario import REPOSITORY, Scenario
from scenarios.changes import a_file, note
from scenarios.stage import BOT, on_stage
from schedules.executor import VERDICT_FILE, ScriptedExecutor, Verdict

POLICY = ".github/odyssey.yml"


@asynccontextmanager
async def on_quick_stage(
    root: Path, *, files: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[Scenario]:
    """A stage without a container engine and without an embedding model; each run passes."""
    files = {VERDICT_FILE: Verdict.PASS, **(files or {})}
    async with on_stage(
        root, None, files=files, embeds=False, executor=ScriptedExecutor(), **options
    ) as scenario:
        yield scenario


async def is_merged(scenario: Scenario, proposal: Proposal) -> bool:
    """Whether the pull request is merged once all is quiet."""
    await scenario.settle()
    return bool((await scenario.pull(proposal.pull_request.number))["merged"])


async def status(scenario: Scenario, proposal: Proposal) -> str:
    """The status comment."""
    [said] = await scenario.comments_of(BOT, proposal.pull_request.number)
    return said


async def test_an_owned_path_waits_for_one_of_its_owners(tmp_path: Path) -> None:
    """
    CODEOWNERS of the base branch counts: what the proposal itself writes into one does not.
    """
    files = {".github/CODEOWNERS": "/docs/ @dora @acme/writers\n"}
    async with on_quick_stage(tmp_path, files=files) as scenario:
        proposal = await scenario.propose(note("notes"), title="Start the notes")
        number = proposal.pull_request.number
        await scenario.approve(number, by="ben")

        assert not await is_merged(scenario, proposal)
        said = await status(scenario, proposal)
        assert "No owner of `docs/notes.md` has approved: dora" in said
        assert "acme/writers" in said
        assert "Members: read" in said
        await scenario.push(proposal.branch, {".github/CODEOWNERS": "* @ben\n"}, by="ada")
        await scenario.settle()
        await scenario.approve(number, by="ben")
        assert not await is_merged(scenario, proposal)
        await scenario.approve(number, by="dora")
        assert await is_merged(scenario, proposal)


async def test_a_team_owns_and_approves_once_the_app_may_read_members(tmp_path: Path) -> None:
    """
    Nobody counts as a member before; then the same approval does.
    """
    policy = "approvals: {teams: [writers]}\n"
    files = {"CODEOWNERS": "* @acme/writers\n"}
    async with on_quick_stage(tmp_path, policy=policy, files=files) as scenario:
        scenario.simulator.add_team("acme", "writers", ["dora"])
        proposal = await scenario.propose(note("notes"), title="Start the notes")
        number = proposal.pull_request.number
        await scenario.approve(number, by="dora")

        assert not await is_merged(scenario, proposal)
        assert "is not shown to the App" in await status(scenario, proposal)
        scenario.installation.permissions["members"] = "read"
        for token in scenario.simulator.state.tokens.values():
            if token.installation is not None:
                token.revoked = True
        await scenario.approve(number, by="ben")
        assert await is_merged(scenario, proposal)
        merged = await status(scenario, proposal)
        assert "**dora**" in merged
        assert "**ben**" not in merged


async def test_some_paths_take_two_people_and_some_take_nobody(tmp_path: Path) -> None:
    """
    A refused path is refused before there is a branch, and blocks when it is pushed later.
    """
    policy = (
        "protected_paths:\n  - {path: /docs/law/, needs: second_approver}\n"
        "  - {path: '*.lock', needs: refused}\n"
    )
    async with on_quick_stage(tmp_path, policy=policy) as scenario:
        issue = await scenario.open_issue("Lock it")
        locked = a_file("some.lock", "1\n")
        await scenario.comment(issue, f"/odyssey propose Lock it\n\n{locked}")
        law = await scenario.propose(a_file("docs/law/a.md", "# A\n"), title="Write the law")
        number = law.pull_request.number
        [refusal] = await scenario.comments_of(BOT, issue)

        assert "The policy lets no proposal touch `some.lock`" in refusal
        await scenario.approve(number, by="ben")
        assert not await is_merged(scenario, law)
        assert "Two people have to approve a change of `docs/law/a.md`" in await status(
            scenario, law
        )
        await scenario.push(law.branch, {"some.lock": "1\n"}, by="ada")
        await scenario.settle()
        assert "no proposal touch `some.lock`" in await status(scenario, law)
        await scenario.push(law.branch, {"some.lock": None}, by="ada")
        await scenario.settle()
        await scenario.approve(number, by="ben")
        assert not await is_merged(scenario, law)
        await scenario.approve(number, by="dora")
        assert await is_merged(scenario, law)


async def test_the_organisation_s_policy_counts_until_the_repository_has_its_own(
    tmp_path: Path,
) -> None:
    """
    A broken one closes the gate, asks for action in the check run, and is named; mended, all
    goes on.
    """
    async with on_quick_stage(tmp_path) as scenario:
        await scenario.push("main", {POLICY: None}, by="ada")
        await scenario.simulator.add_repository(
            "acme/.github", {POLICY: "approvals: {required: 2}\n"}, private=False
        )
        scenario.simulator.add_collaborator("acme/.github", "ada", "admin")
        proposal = await scenario.propose(note("notes"), title="Start the notes")
        number = proposal.pull_request.number
        await scenario.approve(number, by="ben")
        assert not await is_merged(scenario, proposal)
        assert "1 of 2 approvals" in await status(scenario, proposal)

        ada = scenario.person("ada")
        await ada.push("acme/.github", "main", {POLICY: "approvals: 2\n"}, message="Break it")
        await scenario.approve(number, by="dora")
        assert not await is_merged(scenario, proposal)
        said = await status(scenario, proposal)
        assert "of the organisation's `.github` repository: `approvals` takes" in said
        assert await scenario.check_conclusion(proposal) == "action_required"
        assert "approvals" in (await scenario.check_run(proposal))["output"]["title"]

        await scenario.push("main", {POLICY: "merge: {strict: false}\n"}, by="ada")
        await scenario.comment(number, "/odyssey validate", by="ben")
        assert await is_merged(scenario, proposal)
        assert await scenario.check_conclusion(proposal) == "success"


async def test_the_attention_budget_and_who_may_command_are_the_policy_s(tmp_path: Path) -> None:
    """
    The reviewer is asked on GitHub; one more than allowed is refused with what is open.
    """
    policy = (
        "commands: {propose: maintain, reject: triage}\n"
        "attention: {open_proposals: 1, reviewers: [dora]}\n"
    )
    async with on_quick_stage(tmp_path, policy=policy) as scenario:
        issue = await scenario.open_issue("Notes")
        text = f"/odyssey propose Start the notes\n\n{note('notes')}"
        await scenario.comment(issue, text, by="ben")
        await scenario.settle()
        [refusal] = await scenario.comments_of(BOT, issue)
        assert "`/odyssey propose` needs maintain permission" in refusal

        first = await scenario.propose(note("notes"), title="Start the notes", by="ada")
        asked = (await scenario.pull(first.pull_request.number))["requested_reviewers"]
        assert [each["login"] for each in asked] == ["dora"]
        await scenario.comment(issue, f"/odyssey propose More\n\n{note('more')}", by="ada")
        await scenario.settle()
        refusal = (await scenario.comments_of(BOT, issue))[-1]
        assert f"pull request {first.pull_number}: `Start the notes`" in refusal

        scenario.simulator.add_collaborator(REPOSITORY, "eve", "triage")
        await scenario.comment(first.pull_request.number, "/odyssey reject Not now", by="eve")
        await scenario.settle()
        second = await scenario.propose(note("more"), title="Start more notes", by="ada")
        _, conditions = await look(second, scenario.ports)
        assert {each.state for each in conditions if each.number in (1, 2, 3)} == {State.MET}
