"""
One proposal on the simulated GitHub: its REST calls, and the time from an approval to the merge.

The calls are those of the App from the comment's delivery to the closed pull request, for the
first proposal of a repository (with the token exchange, and the look at what an earlier Odyssey
may have left there) and for a later one. The time runs from handing the approval's delivery to
Odyssey's port until its `PUT merge` arrives, less the simulator's own time for the requests in
between; a worker is waiting, as `odyssey work` does, with its default poll delay.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.figure import Figure, tell
from odyssey.demo.promises import FAREWELL
from odyssey.scenario import Scenario, open_scenario
from odyssey.settings import Settings
from odyssey.simulator import Call, ExchangeRequest, ExchangeResponse
from odyssey.worker import build_worker

MOST_CALLS = 14
NOTE = "`docs/note.md`\n```markdown\nA note.\n```"
MERGES = 10
BAR_MS = 50.0
PATIENCE_S = 30.0


class MergeWatch:
    """Notes when a merge call was answered."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        self.at = 0.0

    def exchange(self, request: ExchangeRequest, response: ExchangeResponse) -> None:
        """Sees every exchange with the simulator."""
        if request.method == "PUT" and request.path.endswith("/merge"):
            self.at = perf_counter()
            self.answered.set()

    def webhook(self, event: str, payload: dict[str, object]) -> None:
        """Webhooks do not matter here."""


async def figures() -> AsyncIterator[Figure]:
    """`rest_calls`, `graphql_calls` and `approval_to_merge`."""
    watch = MergeWatch()
    poll_delay: timedelta = Settings.model_fields["worker_poll_delay"].default
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as folder:
        async with open_scenario(Path(folder), observers=[watch]) as scenario:
            scenario.settings.worker_poll_delay = poll_delay
            first, _ = await _count_calls(scenario, FAREWELL, title="Say goodbye too")
            yield Figure("rest_calls_first", first, "calls")
            rest, graphql = await _count_calls(scenario, NOTE, title="Add a note")
            yield Figure("rest_calls", rest, "calls", bar=MOST_CALLS)
            yield Figure("graphql_calls", graphql, "calls")
            times = [await _merge_time(scenario, watch, index) for index in range(MERGES)]
            yield Figure("approval_to_merge", 1000 * median(times), "ms", bar=BAR_MS)
            yield Figure("approval_to_merge_worst", 1000 * max(times), "ms")


async def _count_calls(scenario: Scenario, change: str, *, title: str) -> tuple[int, int]:
    """The REST and the GraphQL calls of one proposal, from the comment to the merge."""
    before = len(scenario.simulator.calls)
    proposal = await scenario.propose(change, title=title)
    await scenario.approve(proposal.pull_request.number)
    await scenario.settle()
    merged = (await scenario.pull(proposal.pull_request.number))["merged"]
    if not merged:
        raise RuntimeError(f"{proposal.id} was not merged, so its calls say nothing")
    ours = [each for each in scenario.simulator.calls[before:] if _is_ours(each)]
    for (method, template), count in Counter((each.method, each.template) for each in ours).items():
        tell(f"{count} x {method} {template}")
    rest = [each for each in ours if each.path != "/graphql"]
    return len(rest), len(ours) - len(rest)


def _is_ours(call: Call) -> bool:
    return call.actor in ("odyssey[bot]", "app:odyssey")


async def _merge_time(scenario: Scenario, watch: MergeWatch, index: int) -> float:
    """Seconds from an approval's delivery to the merge of a proposal on the tip of its base."""
    block = f"`docs/note-{index}.md`\n```markdown\nNote {index}.\n```"
    number = (await scenario.propose(block, title=f"Add note {index}")).pull_request.number
    worker = build_worker(scenario.settings, scenario.ports)
    working = asyncio.create_task(worker.async_run())
    try:
        await scenario.approve(number)
        watch.answered.clear()
        before = len(scenario.simulator.calls)
        began = perf_counter()
        await scenario.simulator.outbox.deliver_all()
        async with asyncio.timeout(PATIENCE_S):
            await watch.answered.wait()
        calls = scenario.simulator.calls[before:]
        simulator = sum(each.duration for each in calls)
        took = watch.at - began - simulator
        tell(f"#{number}: {1000 * took:.1f} ms, and {1000 * simulator:.1f} ms of GitHub")
        await _quiet(scenario)
        # The inbox is quiet before arq has noted its job as finished.
        await asyncio.gather(*worker.tasks.values())
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await worker.close()
    return took


async def _quiet(scenario: Scenario) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while scenario.simulator.outbox.due() or not await scenario.ports.inbox.is_quiet():
            await scenario.simulator.outbox.deliver_all()
            await asyncio.sleep(0.01)
