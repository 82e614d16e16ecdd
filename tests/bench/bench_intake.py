"""
Intake: accepted deliveries a second, and how long each takes, beside a minimal Probot app.

Odyssey is one process that answers when the delivery is on the disk; Probot keeps nothing. Both
servers stand ready the whole time, and the same client loads them in turn, each with the same
10 kB comments and 64 connections, with every core of the machine free to both. The figures are
medians over the rounds.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from bench.figure import Figure, NotMeasurable, tell
from bench.load import Load, Outcome, send_from_another_process
from bench.odyssey_server import WEBHOOK_PATH, odyssey_server
from bench.probot import WEBHOOK_PATH as PROBOT_WEBHOOK_PATH
from bench.probot import probot, version

SECRET = "a secret of the benchmark"
ROUNDS = 3
REQUESTS = 20_000
WARM_UP_REQUESTS = 3_000
P99_BAR_MS = 50.0


async def figures() -> AsyncIterator[Figure]:
    """
    `intake_rate` against Probot's, `intake_p99` against 50 ms, and what stands beside them.
    """
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as folder:
        ours, theirs, missing = await _outcomes(Path(folder))
    their_rate = median(outcome.rate for outcome in theirs) if theirs else None
    if ours:
        rate = median(outcome.rate for outcome in ours)
        if their_rate is None:
            note = f"{rate:.0f} a second, but nothing to hold it against. {missing['probot']}"
            yield Figure("intake_rate", None, "deliveries/s", at_most=False, note=note)
        else:
            yield Figure("intake_rate", rate, "deliveries/s", bar=their_rate, at_most=False)
        yield Figure("intake_p99", median(each.p99_ms for each in ours), "ms", bar=P99_BAR_MS)
        yield Figure("intake_p50", median(each.p50_ms for each in ours), "ms")
    else:
        for name, unit in (("intake_rate", "deliveries/s"), ("intake_p99", "ms")):
            yield Figure(name, None, unit, note=missing["odyssey"])
    if their_rate is not None:
        yield Figure("probot_rate", their_rate, "deliveries/s", note=await version())
        yield Figure("probot_p99", median(each.p99_ms for each in theirs), "ms")
        yield Figure("probot_p50", median(each.p50_ms for each in theirs), "ms")


async def _outcomes(folder: Path) -> tuple[list[Outcome], list[Outcome], dict[str, str]]:
    """
    The outcomes of Odyssey, those of Probot, and for the one that cannot run: why not.
    """
    outcomes: dict[str, list[Outcome]] = {"odyssey": [], "probot": []}
    missing: dict[str, str] = {}
    loads: dict[str, tuple[int, str]] = {}
    async with AsyncExitStack() as running:
        for name, server, path in (
            ("odyssey", odyssey_server, WEBHOOK_PATH),
            ("probot", probot, PROBOT_WEBHOOK_PATH),
        ):
            try:
                program = await running.enter_async_context(server(secret=SECRET, directory=folder))
            except NotMeasurable as reason:
                missing[name] = str(reason)
            else:
                loads[name] = (program.port, path)
        for turn in range(ROUNDS + 1):
            for name, (port, path) in list(loads.items()):
                requests = REQUESTS if turn else WARM_UP_REQUESTS
                load = Load(port=port, path=path, secret=SECRET, requests=requests)
                try:
                    outcome = await send_from_another_process(load)
                except NotMeasurable as reason:
                    missing[name] = str(reason)
                    del loads[name]
                    outcomes[name].clear()
                    continue
                tell(f"{name}: {outcome.rate:.0f} a second, p99 {outcome.p99_ms:.1f} ms")
                if turn:
                    outcomes[name].append(outcome)
    return outcomes["odyssey"], outcomes["probot"], missing
