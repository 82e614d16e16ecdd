"""
One GitHub with two `odyssey work` processes, in which one round after the other is played.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from redis.asyncio import Redis

from kill_points.nursery import Nursery, kill
from kill_points.trap import Trap, TrapDoor, When
from odyssey.adapters.redis_connection import command, connect
from odyssey.scenario import Scenario, open_scenario
from scenarios.programs import environment_of
from schedules.executor import VERDICT_FILE, ScriptedExecutor

PATIENCE_S = 60.0
NO_PUSH_S = 3.0
"""Who takes over and has not pushed in this time will not."""
INBOX_OPEN = "odyssey:inbox:open"


@dataclass(slots=True)
class Lane:
    """A scenario whose work is done by two real processes, each behind a trap door."""

    scenario: Scenario
    nursery: Nursery
    folder: Path
    doors: tuple[TrapDoor, TrapDoor]
    _redis: Redis
    pids: list[int] = field(default_factory=lambda: [0, 0])
    started: int = 0

    async def start(self, place: int) -> None:
        """A new process at *place*."""
        door = self.doors[place]
        door.is_dead = False
        environment = {
            **environment_of(self.scenario),
            "ODYSSEY_GITHUB_API_URL": door.host.url,
            "ODYSSEY_GITHUB_WEB_URL": door.host.url,
            "ODYSSEY_LOG_LEVEL": "WARNING",
        }
        self.started += 1
        log = self.folder / f"worker{self.started}.log"
        self.pids[place] = await self.nursery.start(environment, log)

    def arm(self, number: int | None, when: When) -> Trap:
        """
        A trap that springs at write *number* from now on.

        The second worker is stopped until then, so that it is the first that is caught.
        """
        trap = Trap(number, when)
        for door in self.doors:
            door.trap = trap
        if number is not None:
            os.kill(self.pids[1], signal.SIGSTOP)
        return trap

    async def take_over(self, trap: Trap) -> float:
        """
        Kills the worker that the trap caught; seconds until the other had its delivery.

        A process takes the dead one's place meanwhile.
        """
        async with asyncio.timeout(PATIENCE_S):
            await trap.sprung.wait()
        killed_at = time.perf_counter()
        kill(self.pids[0], with_children=trap.when is not When.LATE)
        held = await self._taken()
        os.kill(self.pids[1], signal.SIGCONT)
        while held.items() <= (await self._taken()).items():
            if time.perf_counter() - killed_at > PATIENCE_S:
                raise TimeoutError(f"nobody took over after {trap.name}")
            await asyncio.sleep(0.005)
        seconds = time.perf_counter() - killed_at
        if trap.when is When.LATE:
            await self._outrun(trap)
        await self.start(0)
        return seconds

    async def _outrun(self, trap: Trap) -> None:
        """Lets the dead worker's git go on once another has made its push, or makes none."""
        count, give_up_at = trap.writes.count(trap.name), time.perf_counter() + NO_PUSH_S
        while trap.writes.count(trap.name) == count:
            await asyncio.sleep(0.005)
            if time.perf_counter() > give_up_at:
                break
        trap.let_late.set()

    async def _taken(self) -> dict[bytes, bytes]:
        """How often each delivery was taken that is leased now."""
        redis, found = self._redis, {}
        for id in await redis.zrange(INBOX_OPEN, 0, -1):
            state, taken = await command(redis, "HMGET", b"odyssey:inbox:" + id, "state", "taken")
            if state == b"leased":
                found[id] = taken
        return found

    async def settle(self) -> None:
        """Delivers until both sides are quiet; the processes do the work."""
        give_up_at = time.monotonic() + PATIENCE_S
        simulator, inbox = self.scenario.simulator, self.scenario.ports.inbox
        while True:
            delivered = await simulator.outbox.deliver_all()
            if not delivered and await inbox.is_quiet():
                await simulator.actions.wait_until_idle()
                if not simulator.outbox.due():
                    return
            if time.monotonic() > give_up_at:
                raise TimeoutError("the two sides did not come to rest")
            await asyncio.sleep(0.005)


@asynccontextmanager
async def open_lane(nursery: Nursery, folder: Path) -> AsyncIterator[Lane]:
    """A lane below *folder*, open until the block ends."""
    async with AsyncExitStack() as exits:
        scenario = await exits.enter_async_context(
            open_scenario(
                folder / "scenario",
                executor=ScriptedExecutor(),
                embeds=False,
                files={VERDICT_FILE: "pass\n"},
            )
        )
        gateway = scenario.simulator.application.state.gateway
        doors = (TrapDoor(gateway), TrapDoor(gateway))
        for door in doors:
            await door.host.start(door)
            exits.push_async_callback(door.host.stop)
        redis = connect(scenario.settings.redis_url)
        exits.push_async_callback(redis.aclose)
        lane = Lane(scenario, nursery, folder, doors, redis)
        try:
            for place in (0, 1):
                await lane.start(place)
            yield lane
        finally:
            for pid in filter(None, lane.pids):
                with suppress(ProcessLookupError):
                    kill(pid)
            # What waits for the dead at a door is told that nobody will come.
            for door in doors:
                door.trap.let_late.set()
