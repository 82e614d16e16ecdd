"""
Checks that GitHub requires beside Odyssey's own: named while they are missing, and waited for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from odyssey.domain.proposal import Proposal, Status
from odyssey.scenario import Scenario
from odyssey.simulator import Person
from odyssey.simulator.hosting import Host
from scenarios.changes import note
from scenarios.stage import BOT, calls_of, count_of, on_stage
from schedules.executor import ScriptedExecutor

OURS = "Odyssey validation"


@asynccontextmanager
async def played(root: Path, *, policy: str = "{}\n", **rules: Any) -> AsyncIterator[Scenario]:
    """A scenario whose runs pass without a container, and whose `main` has *rules*."""
    async with on_stage(
        root,
        None,
        embeds=False,
        durable=False,
        executor=ScriptedExecutor(),
        files={"verdict.txt": "pass\n"},
        policy=policy,
    ) as scenario:
        scenario.simulator.protect(scenario.repository, "main", **rules)
        yield scenario


@asynccontextmanager
async def listener() -> AsyncIterator[str]:
    """The address of a server that takes every delivery and does nothing with it."""

    async def take(_: Request) -> Response:
        return Response(status_code=202)

    host = Host()
    await host.start(Starlette(routes=[Route("/", take, methods=["POST"])]))
    yield host.url
    await host.stop()


async def approved(scenario: Scenario) -> Proposal:
    """A proposal that adds a page, validated and approved."""
    proposal = await scenario.propose(note("door"), title="Describe the door")
    await scenario.approve(proposal.pull_request.number)
    await scenario.settle()
    return await scenario.get(proposal)


async def said(scenario: Scenario, proposal: Proposal) -> str:
    """The status comment."""
    [status] = await scenario.comments_of(BOT, proposal.pull_request.number)
    return status


async def set_status(scenario: Scenario, proposal: Proposal, context: str, state: str) -> None:
    """Some service tells how *context* stands at the head."""
    path = f"/repos/{scenario.repository}/statuses/{proposal.head_sha}"
    await scenario.person("ben").request("POST", path, {"context": context, "state": state})
    await scenario.settle()


async def test_a_required_status_that_comes_after_the_approval_merges_without_a_push(
    tmp_path: Path,
) -> None:
    """Missing, pending, failing, passed: named each time, never sent to GitHub before it passed."""
    async with played(tmp_path, checks=["build"]) as scenario:
        proposal = await approved(scenario)
        missing = await said(scenario, proposal)
        await set_status(scenario, proposal, "build", "failure")
        failing = await said(scenario, proposal)
        await set_status(scenario, proposal, "lint", "success")
        assert "`build` has not reported" in missing
        assert "`build` is failing" in failing
        assert count_of(scenario, "PUT", "/merge", is_success=False) == 0

        await set_status(scenario, proposal, "build", "success")
        assert (await scenario.get(proposal)).status is Status.MERGED
        assert count_of(scenario, "PUT", "/merge") == 1


async def test_another_app_s_required_check_run_is_waited_for(tmp_path: Path) -> None:
    """Also where a ruleset requires it; its `check_run` event is what makes Odyssey look again."""
    async with listener() as url, played(tmp_path) as scenario:
        other = scenario.simulator.add_app(
            "linter",
            permissions={"checks": "write", "metadata": "read"},
            events=(),
            webhook_url=url,
            webhook_secret="x",
        )
        installation = scenario.simulator.install(other, "acme", [scenario.repository])
        token = scenario.simulator.mint_token(installation)
        linter = Person(scenario.simulator, other.bot, token.value)
        await scenario.person("ada").request(
            "POST",
            f"/repos/{scenario.repository}/rulesets",
            {
                "name": "lint",
                "target": "branch",
                "enforcement": "active",
                "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
                "rules": [
                    {
                        "type": "required_status_checks",
                        "parameters": {
                            "strict_required_status_checks_policy": False,
                            "required_status_checks": [{"context": "lint"}],
                        },
                    }
                ],
            },
        )
        proposal = await approved(scenario)
        assert "`lint` has not reported" in await said(scenario, proposal)

        path = f"/repos/{scenario.repository}/check-runs"
        sent = {"name": "lint", "head_sha": proposal.head_sha, "status": "in_progress"}
        made = await linter.request("POST", path, sent)
        await scenario.person("dora").review(
            scenario.repository, proposal.pull_request.number, "comment", "Hm."
        )
        await scenario.settle()
        assert "`lint` is still running" in await said(scenario, proposal)
        assert count_of(scenario, "PUT", "/merge", is_success=False) == 0

        await linter.request("PATCH", f"{path}/{made['id']}", {"conclusion": "success"})
        await scenario.settle()
        assert (await scenario.get(proposal)).status is Status.MERGED


async def test_odyssey_s_own_required_check_does_not_stand_in_its_own_way(
    tmp_path: Path,
) -> None:
    """Approved before the sandbox was done: the check run turns green first, then it merges."""
    async with played(tmp_path, policy="approvals: {mode: auto}\n", checks=[OURS]) as scenario:
        since = len(scenario.simulator.calls)
        proposal = await scenario.propose(note("door"), title="Describe the door")

        assert proposal.status is Status.MERGED
        assert count_of(scenario, "PUT", "/merge", is_success=False) == 0
        assert len(calls_of(scenario, since, graphql=True)) <= 8


async def test_a_merge_that_github_refused_is_tried_again_when_something_happens(
    tmp_path: Path,
) -> None:
    """A rule that only GitHub judges: refused once, and once more with the next review."""
    async with played(tmp_path, approvals=2) as scenario:
        proposal = await approved(scenario)
        refused = count_of(scenario, "PUT", "/merge", is_success=False)
        assert proposal.status is Status.MERGE_FAILED
        assert refused == 1
        assert "review or finished check makes Odyssey try again" in await said(scenario, proposal)

        await scenario.approve(proposal.pull_request.number, by="dora")
        await scenario.settle()
        assert (await scenario.get(proposal)).status is Status.MERGED
        assert count_of(scenario, "PUT", "/merge", is_success=False) == 1
