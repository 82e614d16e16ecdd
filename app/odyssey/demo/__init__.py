"""
The demo: plays the main job from an issue comment to a merge, for real, and narrates it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import tempfile
import time
from pathlib import Path

from odyssey.background import end
from odyssey.demo.narrator import Narrator
from odyssey.demo.promises import PROMISES, Broken, Kept
from odyssey.domain.errors import OdysseyError
from odyssey.scenario import Scenario, open_scenario
from odyssey.worker import build_worker

__all__ = ["run_demo"]


async def run_demo(*, keep: bool = False, json_file: Path | None = None) -> int:
    """
    Plays every promise; the exit status: 0 only if all were kept.

    With *keep* everything stays up until Ctrl-C, and the addresses are printed.
    """
    # What is retried or caught up by itself would only disturb the story.
    logging.getLogger("arq").setLevel(logging.WARNING)
    logging.getLogger("odyssey").setLevel(logging.ERROR)
    narrator = Narrator()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="odyssey-demo-") as folder:
        narrator.opening()
        async with open_scenario(Path(folder)) as scenario:
            narrator.addresses(scenario)
            results = [await _play(number, scenario, narrator) for number in PROMISES]
            seconds = time.monotonic() - began
            narrator.table(results, seconds=seconds, calls=len(scenario.simulator.calls))
            if json_file is not None:
                summary = {
                    "promises": [each.summary() for each in results],
                    "kept": sum(each.is_kept for each in results),
                    "broken": sum(not each.is_kept for each in results),
                    "seconds": round(seconds, 1),
                }
                text = json.dumps(summary, indent=2) + "\n"
                await asyncio.to_thread(json_file.write_text, text)
            if keep:
                await _stay(scenario, narrator)
    return 0 if all(each.is_kept for each in results) else 1


async def _play(number: int, scenario: Scenario, narrator: Narrator) -> Kept:
    title, promise = PROMISES[number]
    narrator.promise(number, title)
    began = time.monotonic()
    try:
        evidence = await promise(scenario, narrator)
        result = Kept(number, title, True, evidence, time.monotonic() - began)
    except (Broken, OdysseyError, AssertionError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        result = Kept(number, title, False, reason, time.monotonic() - began)
    narrator.outcome(result)
    return result


async def _stay(scenario: Scenario, narrator: Narrator) -> None:
    """Keeps delivering and working until the person at the terminal has seen enough."""
    narrator.keeping(scenario)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    worker = build_worker(scenario.settings, scenario.ports)
    working = asyncio.create_task(worker.async_run())
    while not stop.is_set():
        await scenario.simulator.outbox.deliver_all()
        try:
            async with asyncio.timeout(0.2):
                await stop.wait()
        except TimeoutError:
            continue
    await end(working)
    await worker.close()
