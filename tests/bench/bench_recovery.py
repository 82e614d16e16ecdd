"""
Recovery: the time from a worker's SIGKILL until another process goes on with its delivery.

Two `odyssey work` processes stand beside the simulated GitHub, with their default settings and
no embedding model. One is stopped (SIGSTOP) while the other takes a delivery and makes a write
whose answer the simulator holds back; then the first goes on, is given half a second, and the
other is killed. The time ends when the simulator has answered the survivor's first request; it
includes that answer. Each of the 20 rounds has a new victim and a new delivery.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

from bench.figure import Figure, tell
from odyssey.scenario import Scenario, open_scenario
from odyssey.simulator import late_answer
from scenarios.programs import Arrivals, Program, quiet, until, worker

KILLS = 20
BAR_S = 2.0
SETTLED_S = 0.5
"""What a process that was stopped needs to be at its usual work again."""
COMMENTS = r".*/issues/\d+/comments"


async def figures() -> AsyncIterator[Figure]:
    """`recovery_median` and `recovery_worst`, both against 2 s."""
    arrivals = Arrivals()
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as folder:
        async with open_scenario(Path(folder), embeds=False, observers=[arrivals]) as scenario:
            times = await recovery_times(scenario, arrivals, Path(folder), kills=KILLS)
    yield Figure("recovery_median", median(times), "s", bar=BAR_S)
    yield Figure("recovery_worst", max(times), "s", bar=BAR_S)


async def recovery_times(
    scenario: Scenario, arrivals: Arrivals, folder: Path, *, kills: int
) -> list[float]:
    """Seconds of each recovery; every command was answered once, or it is an error."""
    issue = await scenario.open_issue("Recovery")
    times = []
    async with worker(scenario, folder / "survivor.log") as survivor:
        for number in range(kills):
            async with worker(scenario, folder / f"victim{number}.log") as victim:
                times.append(await _recovery(scenario, arrivals, issue, survivor, victim))
            tell(f"{times[-1]:.2f} s")
            await quiet(scenario)
    answers = await scenario.comments_of("odyssey[bot]", issue)
    if len(answers) != kills:
        raise RuntimeError(f"{kills} commands have {len(answers)} answers")
    return times


async def _recovery(
    scenario: Scenario, arrivals: Arrivals, issue: int, survivor: Program, victim: Program
) -> float:
    reached, let_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await let_go.wait()

    survivor.freeze()
    await scenario.comment(issue, "/odyssey help")
    scenario.simulator.faults.add(late_answer(COMMENTS, hold, method="POST"))
    await scenario.simulator.outbox.deliver_all()
    async with asyncio.timeout(60):
        await reached.wait()
    survivor.thaw()
    await asyncio.sleep(SETTLED_S)
    before = len(arrivals.answered)
    killed_at = time.perf_counter()
    await victim.kill()
    await until(lambda: len(arrivals.answered) > before, what="the survivor goes on")
    taken_over_at = arrivals.answered[before][0]
    let_go.set()
    return taken_over_at - killed_at
