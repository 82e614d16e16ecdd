"""
What people do with a proposal, in steps whose writes are killed one by one.

A flow prepares undisturbed; the writes of its act are those of the table. What is left on GitHub
when all is quiet is written down as values, which must be the same with and without a kill.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from kill_points.lane import Lane
from scenarios.changes import a_file
from schedules.truth import WORKFLOW_PATH

BOT = "odyssey[bot]"
Outcome = dict[str, Any]


@dataclass(slots=True)
class Round:
    """One proposal in one lane, named so that no other is meant."""

    lane: Lane
    name: str
    issue: int = 0
    pull: int = 0

    async def ask(self) -> None:
        """An issue with the command on it, not delivered yet."""
        scenario = self.lane.scenario
        self.issue = await scenario.open_issue(f"Wish {self.name}")
        change = a_file(f"docs/{self.name}.md", f"{self.name}.\n")
        await scenario.comment(self.issue, f"/odyssey propose Note {self.name}\n\n{change}")

    async def opened(self) -> None:
        """A proposal that waits for its approval."""
        await self.ask()
        await self.lane.settle()
        self.pull = self._find(f"Note {self.name}").number

    async def merged(self) -> None:
        """A proposal that is merged."""
        await self.opened()
        await self.lane.scenario.approve(self.pull)
        await self.lane.settle()

    def _find(self, title: str) -> Any:
        pulls = self.lane.scenario.simulator.repository(self.lane.scenario.repository).pulls
        found = [each for each in pulls.values() if each.issue.title == title]
        if len(found) != 1:
            repository = self.lane.scenario.simulator.repository(self.lane.scenario.repository)
            said = [
                c.body[:300] for c in repository.comments.values() if c.issue_number == self.issue
            ]
            raise ValueError(f"{len(found)} pull requests are called {title!r}; said was {said}")
        return found[0]

    async def outcome(self) -> Outcome:
        """What is there of this proposal, and of what came of it, as plain values."""
        scenario = self.lane.scenario
        repository = scenario.simulator.repository(scenario.repository)
        pulls = [p for p in repository.pulls.values() if self.name in p.issue.title]
        numbers = {self.issue, *(p.number for p in pulls)}
        comments = [c for c in repository.comments.values() if c.issue_number in numbers]
        branches = await scenario.branches()
        runs = scenario.simulator.actions.runs.values()
        commits = await scenario.person("ada").request(
            "GET", f"/repos/{scenario.repository}/commits?per_page=100"
        )
        messages = [each["commit"]["message"] for each in commits]
        return {
            "pull requests": [(p.issue.state, p.merged) for p in pulls],
            "merges": [sum(f"(#{p.number})" in each for each in messages) for p in pulls],
            "branches": [p.head_branch in branches for p in pulls],
            "runs": [
                sum(
                    run.inputs.get("head_sha") == p.head_sha and run.workflow.path == WORKFLOW_PATH
                    for run in runs
                )
                for p in pulls
            ],
            "check runs": [
                sorted(
                    str(c.conclusion)
                    for c in repository.check_runs.values()
                    if c.head_sha == p.head_sha and c.app is scenario.app
                )
                for p in pulls
            ],
            "comments": [
                sum(c.issue_number == number and c.user.login == BOT for c in comments)
                for number in sorted(numbers)
            ],
            "reactions": [
                sum(r.user.login == BOT for r in c.reactions)
                for c in comments
                if c.body.startswith("/odyssey")
            ],
            "reviewers": [len(p.requested_reviewers) for p in pulls],
        }


Step = Callable[[Round], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Flow:
    """What comes before, and the act; *quiets* says after which acts all comes to rest."""

    name: str
    before: Step | None
    acts: tuple[Step, ...]


async def _ask(round: Round) -> None:
    await round.ask()


async def _approve(round: Round) -> None:
    round.pull = round._find(f"Note {round.name}").number
    await round.lane.scenario.approve(round.pull)


async def _reject(round: Round) -> None:
    await round.lane.scenario.comment(round.pull, "/odyssey reject It is not wanted.")


async def _why(round: Round) -> None:
    await round.lane.scenario.comment(round.issue, "/odyssey why")


async def _revert(round: Round) -> None:
    await round.lane.scenario.comment(round.pull, "/odyssey revert It did not help.")


async def _update(round: Round) -> None:
    await round.lane.scenario.comment(round.pull, "/odyssey update")


async def _behind(round: Round) -> None:
    await round.opened()
    files = {f"docs/main_{round.name}.md": "Main went on.\n"}
    await round.lane.scenario.push("main", files, by="ben")
    await round.lane.settle()


async def _opened(round: Round) -> None:
    await round.opened()


async def _merged(round: Round) -> None:
    await round.merged()


FLOWS = (
    Flow("propose to merge", None, (_ask, _approve)),
    Flow("reject", _opened, (_reject,)),
    Flow("a question", _opened, (_why,)),
    Flow("update, then merge", _behind, (_update, _approve)),
    Flow("strict base", _behind, (_approve,)),
    Flow("revert", _merged, (_revert,)),
)
