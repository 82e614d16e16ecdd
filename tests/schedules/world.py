"""
One GitHub, one Redis, one web process and two workers for many schedules.

What costs time is opened once; each schedule gets a fresh repository, an emptied Redis, and
workers that are alive again.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from redis.asyncio import Redis
from starlette.types import Receive, Scope, Send

from odyssey.adapters.redis_connection import connect
from odyssey.bootstrap import AUDIT
from odyssey.scenario import Scenario, open_scenario
from odyssey.simulator import Fault, Person
from odyssey.simulator.gateway import Observer
from odyssey.simulator.hosting import Host
from odyssey.simulator.state import PullRequest, Repository
from schedules.audit import AuditTrail
from schedules.door import Door, Passage
from schedules.executor import VERDICT_FILE, ScriptedExecutor
from schedules.policies import POLICIES
from schedules.workers import Hand, dismiss, hired

TEMPLATE = "acme/template"
BOT = "odyssey[bot]"
WORKFLOW = Path(__file__).parents[2] / ("app/odyssey/sample/.github/workflows/odyssey-validate.yml")
PEOPLE = {"ada": "admin", "ben": "write", "dora": "write", "eve": "read"}
OTHER_BRANCH = "next"
QUIET_AFTER_S = 0.25
"""Without a request for so long, a worker waits for something a schedule does not control."""
GIVE_UP_S = 60.0
TICK_S = 0.005
POLL = timedelta(milliseconds=20)
"""As in earnest: more often, and looking for work takes more of the processor than the work."""


class Unsettled(AssertionError):
    """The two sides did not come to rest."""


class Complaints(logging.Handler):
    """What was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one record."""
        self.messages.append(self.format(record))


class Entrance:
    """An address of GitHub's for one worker after the other; the door is the present one's."""

    def __init__(self) -> None:
        self.host = Host()
        self.url = self.host.url
        self.door: Door | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request of the present worker."""
        assert self.door is not None
        await self.door(scope, receive, send)


@dataclass(slots=True)
class World:
    """
    Everything a schedule plays on; `repository` is its own.

    `hands` are the living workers, each behind a door that is closed while a schedule plays;
    `troubles` are faults that wait for a request of theirs.
    """

    scenario: Scenario
    executor: ScriptedExecutor
    redis: Redis
    entrances: tuple[Entrance, ...]
    complaints: Complaints
    template: Repository
    audit: AuditTrail
    hands: list[Hand] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    watchers: list[Any] = field(default_factory=list)
    troubles: list[Fault] = field(default_factory=list)
    count: int = 0
    passages: int = 0
    _exits: dict[int, AsyncExitStack] = field(default_factory=dict)

    @property
    def simulator(self) -> Any:
        """GitHub."""
        return self.scenario.simulator

    @property
    def name(self) -> str:
        """`owner/name` of the schedule's repository."""
        return self.scenario.repository

    @property
    def repository(self) -> Repository:
        """The schedule's repository, as GitHub knows it."""
        found: Repository = self.simulator.repository(self.name)
        return found

    def pulls(self) -> list[PullRequest]:
        """Odyssey's pull requests, oldest first."""
        return [each for each in self.repository.pulls.values() if each.issue.user.login == BOT]

    async def person(self, login: str, method: str, path: str, json: Any = None) -> Any:
        """
        What GitHub answers somebody; None where it refuses.

        *path* is below the repository. A refusal is part of life: people try things.
        """
        return await self.ask(login, method, f"/repos/{self.name}/{path}", json)

    async def ask(self, login: str, method: str, path: str, json: Any = None) -> Any:
        """The same for any path of the API."""
        try:
            return await self.people[login].request(method, path, json)
        except httpx.HTTPStatusError:
            return None

    # Workers

    async def hire(self, place: int) -> None:
        """A living worker at *place*; whoever was there is gone."""
        if place in self._exits:
            await self._exits.pop(place).aclose()
        exits = AsyncExitStack()
        entrance = self.entrances[place]
        entrance.door = door = Door(
            self.simulator.application.state.gateway,
            before=lambda passage: self._told("before", place, passage),
            after=lambda passage: self._told("after", place, passage),
        )
        hand = await exits.enter_async_context(
            hired(self.scenario.settings, self.redis, entrance.url, door)
        )
        self._exits[place] = exits
        if place < len(self.hands):
            self.hands[place] = hand
        else:
            self.hands.append(hand)

    async def kill(self, place: int, *, with_effect: bool) -> None:
        """
        Kills a worker where it is: what waits at its door is lost, or happens unheard.
        """
        hand = self.hands[place]
        if hand.is_dead:
            return
        await dismiss(hand, self.redis)
        hand.door.end(with_effect=with_effect)
        for _ in range(5):
            await asyncio.sleep(0)  # what may still pass has begun by then
        await hand.door.is_empty.wait()

    async def revive(self) -> None:
        """A new worker for each dead one."""
        for place, hand in enumerate(self.hands):
            if hand.is_dead:
                await self.hire(place)

    def _told(self, moment: str, place: int, passage: Passage) -> None:
        if moment == "before":
            self.passages += passage.counts
            self._befall(passage)
        for watcher in self.watchers:
            getattr(watcher, moment)(place, passage)

    def _befall(self, passage: Passage) -> None:
        # Set right before the request it is for: people's own requests are spared.
        for fault in self.troubles:
            if fault.matches(passage.method, passage.path):
                self.troubles.remove(fault)
                self.simulator.faults.add(fault)
                return

    # Time

    async def advance(self, requests: int, place: int | None = None) -> None:
        """
        Lets the workers (or one) make so many requests, unless they come to rest before.
        """
        hands = [h for i, h in enumerate(self.hands) if not h.is_dead and place in (None, i)]
        goal, idle_since = self.passages + requests, asyncio.get_running_loop().time()
        seen = self.passages
        while self.passages < goal:
            for hand in hands:
                if hand.door.waiting and self.passages < goal:
                    hand.door.let(1)
            await asyncio.sleep(TICK_S)
            now = asyncio.get_running_loop().time()
            if self.passages != seen:
                seen, idle_since = self.passages, now
            if await self.scenario.ports.inbox.is_quiet() or now - idle_since > QUIET_AFTER_S:
                break

    async def settle(self) -> None:
        """Opens every door, delivers and works until nothing is left on either side."""
        for hand in self.hands:
            hand.door.open()
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + GIVE_UP_S
        while True:
            delivered = await self.simulator.outbox.deliver_all()
            if await self.scenario.ports.inbox.is_quiet() and not delivered:
                await self.simulator.actions.wait_until_idle()
                if not self.simulator.outbox.due():
                    return
            if loop.time() > give_up_at:
                raise Unsettled(await self._left())
            await asyncio.sleep(TICK_S)

    async def _left(self) -> str:
        open_ids = await self.redis.zrange("odyssey:inbox:open", 0, -1)
        records = []
        for each in open_ids:
            found = await self.redis.hgetall(b"odyssey:inbox:" + each)  # type: ignore[misc]  # sync or async, say its types
            records.append({k.decode(): v.decode(errors="replace")[:60] for k, v in found.items()})
        due = [each.name for each in self.simulator.outbox.due()]
        return f"not at rest after {GIVE_UP_S:.0f} s; deliveries due: {due}; open: {records}"

    # From one schedule to the next

    async def begin(self) -> None:
        """A fresh repository and an empty Redis; both workers alive, their doors closed."""
        for place in (0, 1):
            if place >= len(self.hands) or self.hands[place].is_dead:
                await self.hire(place)
        self._clear()
        await self.redis.flushall()
        self.count += 1
        self._fresh_repository(f"r{self.count}")
        self.executor.release()
        self.complaints.messages.clear()
        for hand in self.hands:
            hand.door.close()

    def _clear(self) -> None:
        simulator = self.simulator
        state = simulator.state
        for repository in list(state.repositories.values()):
            if repository is not self.template:
                del state.repositories[repository.id]
                shutil.rmtree(repository.git_dir, ignore_errors=True)
                shutil.rmtree(self.scenario.settings.data_dir / "git", ignore_errors=True)
        for token in [t for t in state.tokens.values() if t.run_id is not None]:
            del state.tokens[token.value]
        simulator.actions.runs.clear()
        simulator.actions.workflows.clear()
        simulator.outbox.pending.clear()
        simulator.outbox.log.clear()
        simulator.calls.clear()
        simulator.faults.clear()
        simulator.listeners.clear()
        simulator.limits.allowances.clear()
        self.watchers.clear()
        self.troubles.clear()

    def _fresh_repository(self, name: str) -> None:
        """A copy of the template: making one anew would take twenty processes."""
        state, template = self.simulator.state, self.template
        made = copy.copy(template)
        made.id, made.name = self.simulator.ids.next("repository"), name
        made.git_dir = template.git_dir.with_name(f"{name}.git")
        shutil.copytree(template.git_dir, made.git_dir)
        made.collaborators = dict(template.collaborators)
        made.last_number = 0
        made.issues, made.pulls, made.comments = {}, {}, {}
        made.check_suites, made.check_runs, made.statuses = {}, {}, []
        made.protections, made.rulesets, made.verified_commits = {}, {}, set()
        state.repositories[made.id] = made
        installation = self.scenario.installation
        installation.repository_ids = {made.id}
        self.scenario.repository = made.full_name


@asynccontextmanager
async def open_world(root: Path, *, observers: tuple[Observer, ...] = ()) -> AsyncIterator[World]:
    """A world below *root*, open until the block ends."""
    executor, complaints = ScriptedExecutor(), Complaints()
    async with AsyncExitStack() as exits:
        scenario = await exits.enter_async_context(
            open_scenario(root, executor=executor, embeds=False, durable=False, observers=observers)
        )
        scenario.settings.worker_poll_delay = POLL
        simulator = scenario.simulator
        simulator.add_user("dora")
        template = await simulator.add_repository(TEMPLATE, _files())
        head = simulator.git(template).find_ref("refs/heads/main")
        assert head is not None
        simulator.git(template).update_ref(f"refs/heads/{OTHER_BRANCH}", head, None)
        for login, role in PEOPLE.items():
            simulator.add_collaborator(TEMPLATE, login, role)
        redis = connect(scenario.settings.redis_url)
        exits.push_async_callback(redis.aclose)
        logging.getLogger("odyssey").addHandler(complaints)
        exits.callback(logging.getLogger("odyssey").removeHandler, complaints)
        # arq tells how a killed worker's jobs ended; nobody would hear that of a dead process.
        arq, uvicorn = logging.getLogger("arq"), logging.getLogger("uvicorn")
        for logger in (arq, uvicorn):
            exits.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        entrances = (Entrance(), Entrance())
        for entrance in entrances:
            await entrance.host.start(entrance)
            exits.push_async_callback(entrance.host.stop)
        audit = AuditTrail(scenario.settings.data_dir / AUDIT)
        world = World(scenario, executor, redis, entrances, complaints, template, audit)
        world.people = {login: simulator.person(login) for login in PEOPLE}
        try:
            yield world
        finally:
            for hand in world.hands:
                hand.door.open()
            for stack in world._exits.values():
                await stack.aclose()


def _files() -> dict[str, str | bytes]:
    return {
        "README.md": "# A service\n",
        VERDICT_FILE: "pass\n",
        "shared.md": "first\n",
        ".github/odyssey.yml": POLICIES[0].text,
        ".github/workflows/odyssey-validate.yml": WORKFLOW.read_bytes(),
    }
