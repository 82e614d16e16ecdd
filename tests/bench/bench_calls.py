"""
GitHub calls of each event in the steady state: of a server that knows its repositories.

Each event is made on the simulated GitHub as people make it, all deliveries that follow from it
are worked off, and the App's requests are counted: REST, GraphQL, and apart from both those that
were conditional (`If-None-Match`) and answered 304, which GitHub does not count. Runs are decided
by a script in place of act, which makes no difference to Odyssey. Git's own transports (fetch,
push) are no API calls, and a token is asked for once an hour: neither is counted. The table of
every call goes to standard error.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure, tell
from odyssey.scenario import Scenario, open_scenario
from odyssey.simulator.gateway import Call, ExchangeRequest, ExchangeResponse
from schedules.executor import VERDICT_FILE, ScriptedExecutor, Verdict

OURS = ("odyssey[bot]", "app:odyssey")
TOKEN = "/access_tokens"


def note(name: str) -> str:
    """A change that adds a file of that name."""
    return f"`docs/{name}.md`\n```markdown\nA note called {name}.\n```"


class Conditional:
    """Counts the requests that asked whether something changed, and were told no."""

    def __init__(self) -> None:
        self.count = 0

    def exchange(self, request: ExchangeRequest, response: ExchangeResponse) -> None:
        """Sees every exchange with the simulator."""
        self.count += response.status == 304

    def webhook(self, event: str, payload: dict[str, object]) -> None:
        """Webhooks do not matter here."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something people do, with the name of its figure."""

    name: str
    do: Callable[[Scenario], Awaitable[object]]


HAPPENINGS = (
    Happening("comment", lambda s: s.comment(1, "Nice weather.")),
    Happening("help", lambda s: s.comment(1, "/odyssey help")),
    Happening("status", lambda s: s.comment(2, "/odyssey status")),
    Happening("issue_opened", lambda s: s.open_issue("Something else")),
    Happening("pull_request_of_a_person", lambda s: _open_pull(s)),
    Happening("proposal_until_validated", lambda s: s.comment(
        1, f"/odyssey propose Second note\n\n{note('second')}"
    )),
    Happening("validate_again", lambda s: s.comment(2, "/odyssey validate")),
    Happening("review_that_comments", lambda s: s.person("ben").review(
        s.repository, 2, "comment", "I read it."
    )),
    Happening("push_to_a_proposal", lambda s: _push(s)),
    Happening("approval_until_merged", lambda s: s.approve(2)),
    Happening("rejection", lambda s: _reject(s)),
)  # fmt: skip


async def figures() -> AsyncIterator[Figure]:
    """`calls_<event>` for each event; what was conditional is in its note."""
    conditional = Conditional()
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as folder:
        async with open_scenario(
            Path(folder),
            embeds=False,
            observers=[conditional],
            executor=ScriptedExecutor(),
            files={VERDICT_FILE: Verdict.PASS},
        ) as scenario:
            issue = await scenario.open_issue("Notes")
            await scenario.comment(issue, f"/odyssey propose First note\n\n{note('first')}")
            await scenario.settle()
            for happening in HAPPENINGS:
                before, free = len(scenario.simulator.calls), conditional.count
                await happening.do(scenario)
                await scenario.settle()
                calls = [each for each in scenario.simulator.calls[before:] if _counts(each)]
                yield _figure(happening.name, calls, conditional.count - free)


def _figure(name: str, calls: list[Call], conditional: int) -> Figure:
    for (method, template, status), count in Counter(
        (each.method, each.template, each.status) for each in calls
    ).items():
        tell(f"{name}: {count} x {method} {template} ({status})")
    graphql = sum(each.path == "/graphql" for each in calls)
    rest = len(calls) - graphql - conditional
    told = f"{rest} REST, {graphql} GraphQL; {conditional} more answered 304, which are free"
    return Figure(f"calls_{name}", rest + graphql, "calls", note=told)


def _counts(call: Call) -> bool:
    return call.actor in OURS and not call.path.endswith(TOKEN)


async def _open_pull(scenario: Scenario) -> None:
    await scenario.push("somebodys-branch", {"docs/own.md": "# Own\n"})
    await scenario.person("ada").request(
        "POST",
        f"/repos/{scenario.repository}/pulls",
        {"head": "somebodys-branch", "base": "main", "title": "My own"},
    )


async def _push(scenario: Scenario) -> None:
    first = await scenario.pull(2)
    await scenario.push(first["head"]["ref"], {"docs/first.md": "Another note.\n"})


async def _reject(scenario: Scenario) -> None:
    newest = await scenario.newest()
    await scenario.comment(newest.pull_request.number, "/odyssey reject No more notes")
