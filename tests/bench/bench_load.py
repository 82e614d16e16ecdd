"""
Load: 200 repositories, 5,000 deliveries at 500 a second, one server, two workers.

The repositories are on the simulated GitHub, each with an owner and an installation of its own.
One delivery in ten is a command (`/odyssey help`), whose first effect is the reaction to its
comment; nine are what an App hears all day and has nothing to do for, which the intake sorts
out: other comments, and pull requests of people. They are sent in a shuffled order by a process
of its own, at a steady rate, whether or not the earlier ones are worked; `odyssey serve`, two
`odyssey work` and Redis are processes of their own, as in production. Before, two commands of
each repository are worked off, so that the workers have tokens and know the repositories, as
those of a running service do.

The time of a command runs from when its delivery is sent to when its reaction is answered.
GitHub is no part of what is measured, but here it takes a core of the same machine: its own time
is the processor time that the simulator's process used between these two moments, whoever it
worked for, and `load_first_effect_p99` is what is left. The whole time stands beside it. A
delivery is lost when it was not answered with 202, a command also when it has no answer in the
end.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
import uuid
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from bench.figure import Figure, tell
from bench.paced import send_paced
from odyssey.scenario import Scenario, open_scenario
from odyssey.simulator.gateway import ExchangeRequest, ExchangeResponse
from odyssey.simulator.outbox import Delivery, headers_of
from scenarios.programs import quiet, server, worker

REPOSITORIES = 200
DELIVERIES = 5_000
RATE = 500.0
COMMANDS_OF_TEN = 1
WARM_UPS = 2
WARM_UP_RATE = 50.0
BAR_S = 1.0
HELP = "/odyssey help"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is sent, to how many repositories, how many a second."""

    repositories: int = REPOSITORIES
    deliveries: int = DELIVERIES
    rate: float = RATE


class Watch:
    """
    When each comment got its reaction, and the processor time of this process all along.
    """

    def __init__(self) -> None:
        self.reacted_at: dict[int, float] = {}
        self.answers = 0
        self._times: list[float] = []
        self._used: list[float] = []

    def exchange(self, request: ExchangeRequest, response: ExchangeResponse) -> None:
        """Sees every exchange with the simulator."""
        self.sample()
        parts = request.path.split("/")
        if request.method != "POST" or response.status >= 300:
            return
        if parts[-1] == "reactions":
            self.reacted_at.setdefault(int(parts[-2]), time.perf_counter())
        elif parts[-1] == "comments":
            self.answers += 1

    def webhook(self, event: str, payload: dict[str, object]) -> None:
        """Webhooks do not matter here."""

    def sample(self) -> None:
        """Notes how much processor time this process has used by now."""
        self._times.append(time.perf_counter())
        self._used.append(time.process_time())

    def own_time(self, since: float, until: float) -> float:
        """The seconds of processor time used between the two moments."""
        return self._used_at(until) - self._used_at(since)

    def _used_at(self, moment: float) -> float:
        return self._used[max(0, bisect_right(self._times, moment) - 1)]


async def figures() -> AsyncIterator[Figure]:
    """`load_lost`, `load_first_effect_p99`, and what stands beside them."""
    async for figure in load_figures(Size()):
        yield figure


async def load_figures(size: Size) -> AsyncIterator[Figure]:
    """The figures of a load of that size."""
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as name:
        folder = Path(name)
        async with open_scenario(folder, embeds=False, observers=[watch]) as scenario:
            issues = await _repositories(scenario, size)
            async with (
                server(scenario, folder / "serve.log") as url,
                worker(scenario, folder / "one.log") as _,
                worker(scenario, folder / "two.log") as _,
                _sampled(watch),
            ):
                address = urlsplit(url)
                to = (int(address.port or 0), address.path)
                tell("warming up")
                for _ in range(WARM_UPS):
                    first, _ = await _deliveries(scenario, issues, replace(size, deliveries=0))
                    await send_paced(*to, _as_sent(first), rate=WARM_UP_RATE)
                    await quiet(scenario)
                deliveries, commands = await _deliveries(scenario, issues, size)
                watch.answers = 0
                tell(f"sending {len(deliveries)} at {size.rate:.0f} a second")
                sent = await send_paced(*to, _as_sent(deliveries), rate=size.rate)
                await quiet(scenario)
                ended_at = time.perf_counter()
    refused = sum(status != 202 for _, status in sent)
    sent_at = {each.guid: at for each, (at, _) in zip(deliveries, sent, strict=True)}
    pairs = [
        (sent_at[guid], watch.reacted_at[comment_id])
        for guid, comment_id in commands.items()
        if comment_id in watch.reacted_at
    ]
    whole = [until - since for since, until in pairs]
    beyond = [until - since - watch.own_time(since, until) for since, until in pairs]
    began_at = min(at for at, _ in sent)
    yield Figure("load_lost", refused + len(commands) - watch.answers, "deliveries", bar=0)
    yield Figure("load_first_effect_p99", _p99(beyond), "s", bar=BAR_S)
    yield Figure("load_first_effect_p99_with_github", _p99(whole), "s")
    yield Figure("load_sent_in", max(at for at, _ in sent) - began_at, "s")
    yield Figure("load_worked_in", ended_at - began_at, "s")
    yield Figure("load_github_own", watch.own_time(began_at, ended_at), "s")


async def _repositories(scenario: Scenario, size: Size) -> dict[str, int]:
    """The repositories, each with an issue to comment on."""
    simulator = scenario.simulator
    tell(f"making {size.repositories} repositories")
    issues = {}
    for number in range(size.repositories):
        owner, name = f"owner{number}", f"owner{number}/project"
        simulator.add_user(owner, kind="Organization")
        await simulator.add_repository(name, {"README.md": "# Project\n"})
        simulator.add_collaborator(name, "ada", "admin")
        simulator.install(scenario.app, owner, [name])
        issues[name] = int((await scenario.person("ada").open_issue(name, "Load", ""))["number"])
    return issues


async def _deliveries(
    scenario: Scenario, issues: dict[str, int], size: Size
) -> tuple[list[Delivery], dict[str, int]]:
    """
    Deliveries in the order they are sent, and the comment of each command's.

    Every repository has at least one command.
    """
    outbox = scenario.simulator.outbox
    commands_of = max(1, size.deliveries * COMMANDS_OF_TEN // 10 // size.repositories)
    outbox.pending.clear()
    for name, number in issues.items():
        for _ in range(commands_of):
            await scenario.person("ada").comment(name, number, HELP)
    commands = [each for each in outbox.pending if each.event == "issue_comment"]
    outbox.pending.clear()
    idle = [each for like in commands for each in (_small_talk(like), _push_to_a_pull(like))]
    many = [
        replace(idle[number % len(idle)], guid=str(uuid.uuid4()))
        for number in range(size.deliveries - len(commands))
    ]
    deliveries = [*commands, *many]
    random.Random(4).shuffle(deliveries)  # the same order each time
    return deliveries, {each.guid: each.payload["comment"]["id"] for each in commands}


def _as_sent(deliveries: list[Delivery]) -> list[tuple[dict[str, str], str]]:
    return [(headers_of(each), each.body.decode()) for each in deliveries]


def _small_talk(command: Delivery) -> Delivery:
    payload = command.payload
    payload["comment"]["body"] = "Nice weather."
    return replace(command, body=json.dumps(payload).encode())


def _push_to_a_pull(comment: Delivery) -> Delivery:
    """What GitHub says of a push to somebody's pull request, as far as Odyssey reads it."""
    payload = comment.payload
    pull = {
        "number": 7,
        "updated_at": payload["comment"]["created_at"],
        "head": {"sha": "0" * 40, "ref": "somebodys-branch"},
    }
    body = {
        "action": "synchronize",
        "pull_request": pull,
        **{key: payload[key] for key in ("repository", "installation", "sender")},
    }
    return replace(
        comment, event="pull_request", action="synchronize", body=json.dumps(body).encode()
    )


@asynccontextmanager
async def _sampled(watch: Watch) -> AsyncIterator[None]:
    async def keep_sampling() -> None:
        while True:
            watch.sample()
            await asyncio.sleep(0.01)

    sampling = asyncio.create_task(keep_sampling())
    try:
        yield
    finally:
        sampling.cancel()


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100)[98]
