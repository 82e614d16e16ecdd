"""
Where scenarios are played: Odyssey and GitHub, opened for a test and looked over after it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from contract.github.checker import ContractChecker
from odyssey.adapters.embedding import Embedder
from odyssey.scenario import REPOSITORY, Scenario, open_scenario
from odyssey.simulator.gateway import Call

BOT = "odyssey[bot]"


class Complaints(logging.Handler):
    """
    Keeps what Odyssey and the simulator log as errors: nobody may overlook those.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one record."""
        self.messages.append(self.format(record))


@asynccontextmanager
async def on_stage(
    root: Path, embedder: Embedder | None, *, complaint: str | None = None, **options: Any
) -> AsyncIterator[Scenario]:
    """
    A scenario with one more reviewer, `dora` (write), whose end is looked over.

    *options* go to `open_scenario`; *complaint* are words that are to be logged as
    an error. At the end nothing may be left to deliver or to
    do, nothing logged as an error, and every exchange fits GitHub's description.
    """
    checker, complaints = ContractChecker(), Complaints()
    log = logging.getLogger("odyssey")
    level = log.level
    log.addHandler(complaints)
    # A test that fails shows what became of each run, and why.
    log.setLevel(logging.INFO)
    try:
        async with open_scenario(
            root, observers=[checker], embedder=embedder, **options
        ) as scenario:
            scenario.simulator.add_user("dora")
            scenario.simulator.add_collaborator(REPOSITORY, "dora", "write")
            yield scenario
            await assert_quiet(scenario)
    finally:
        log.setLevel(level)
        log.removeHandler(complaints)

    expected = [each for each in complaints.messages if complaint and complaint in each]
    assert [each for each in complaints.messages if each not in expected] == []
    assert bool(expected) is (complaint is not None)
    checker.assert_clean()


async def assert_quiet(scenario: Scenario) -> None:
    """Nothing is on its way, held back, waiting or running; every delivery was accepted."""
    simulator = scenario.simulator
    log = simulator.outbox.log
    answered = [each for each in log if each.status_code or each.status != "timed out"]
    dropped = [each for each in simulator.faults.faults if each.kind == "drop_delivery"]

    assert [each.name for each in simulator.outbox.pending] == []
    assert [(each.name, each.status) for each in answered if each.status_code != 202] == []
    assert len(log) - len(answered) == sum(each.used for each in dropped)
    assert await scenario.ports.inbox.is_quiet()
    assert [each.id for each in simulator.actions.runs.values() if not each.is_completed] == []


def calls_of(scenario: Scenario, since: int = 0, *, graphql: bool = False) -> list[Call]:
    """
    Odyssey's own REST requests (or GraphQL ones) from number *since* on, in order.
    """
    actors = (BOT, f"app:{scenario.app.slug}")
    return [
        each
        for each in scenario.simulator.calls[since:]
        if each.actor in actors and (each.path == "/graphql") is graphql
    ]


def count_of(scenario: Scenario, method: str, ending: str, *, is_success: bool = True) -> int:
    """How many of Odyssey's requests to paths that end so were done (or were not)."""
    return sum(
        each.method == method
        and each.path.endswith(ending)
        and (200 <= each.status < 300) is is_success
        for each in calls_of(scenario)
    )


async def pulls_of(scenario: Scenario) -> list[Any]:
    """Every pull request, oldest first."""
    path = f"/repos/{scenario.repository}/pulls?state=all&per_page=100&direction=asc"
    found: list[Any] = await scenario.person("ada").request("GET", path)
    return sorted(found, key=lambda each: each["number"])


async def reactions_to(scenario: Scenario, comment_id: int) -> list[tuple[str, str]]:
    """Who reacted to a comment, and how."""
    path = f"/repos/{scenario.repository}/issues/comments/{comment_id}/reactions"
    found = await scenario.person("ada").request("GET", path)
    return [(each["user"]["login"], each["content"]) for each in found]


async def check_runs_of(scenario: Scenario, sha: str) -> list[Any]:
    """Odyssey's check runs on a commit."""
    path = f"/repos/{scenario.repository}/commits/{sha}/check-runs"
    found = await scenario.person("ada").request("GET", path)
    return [each for each in found["check_runs"] if each["app"]["slug"] == scenario.app.slug]


async def reviews_of(scenario: Scenario, number: int) -> list[Any]:
    """The reviews of a pull request, oldest first."""
    path = f"/repos/{scenario.repository}/pulls/{number}/reviews"
    found: list[Any] = await scenario.person("ada").request("GET", path)
    return found


async def assert_one_of_each(scenario: Scenario, issue: int, pull: Any) -> None:
    """One run, check run, status comment, merge and reaction; nothing else said, branch gone."""
    number, sha = pull["number"], pull["head"]["sha"]
    repository = f"/repos/{scenario.repository}"
    ada = scenario.person("ada")
    commits = await ada.request("GET", f"{repository}/commits?per_page=100")
    comments = await ada.request("GET", f"{repository}/issues/{issue}/comments")
    runs = scenario.simulator.actions.runs.values()
    pulls = await pulls_of(scenario)

    assert [each["number"] for each in pulls if each["title"] == pull["title"]] == [number]
    assert [each.inputs["head_sha"] for each in runs].count(sha) == 1
    assert [each["conclusion"] for each in await check_runs_of(scenario, sha)] == ["success"]
    [status] = await scenario.comments_of(BOT, number)
    assert "Merged" in status
    assert sum(f"(#{number})" in each["commit"]["message"] for each in commits) == 1
    assert await scenario.comments_of(BOT, issue) == []
    assert await reactions_to(scenario, comments[0]["id"]) == [(BOT, "eyes")]
    assert pull["head"]["ref"] not in await scenario.branches()
