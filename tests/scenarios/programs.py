"""
`odyssey serve` and `odyssey work` as processes of their own, beside a scenario.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from odyssey.scenario import Scenario
from odyssey.simulator.gateway import ExchangeRequest, ExchangeResponse

PATIENCE_S = 60.0


def environment_of(scenario: Scenario) -> dict[str, str]:
    """
    The scenario's settings as an operator writes them, without a model: it takes long to load.
    """
    settings = scenario.settings
    return {
        **os.environ,
        "ODYSSEY_GITHUB_API_URL": settings.github_api_url,
        "ODYSSEY_GITHUB_WEB_URL": settings.github_web_url,
        "ODYSSEY_APP_ID": settings.app_id,
        "ODYSSEY_APP_SLUG": settings.app_slug,
        "ODYSSEY_PRIVATE_KEY": settings.private_key.get_secret_value().replace("\n", "\\n"),
        "ODYSSEY_WEBHOOK_SECRET": settings.webhook_secret.get_secret_value(),
        "ODYSSEY_REDIS_URL": settings.redis_url,
        "ODYSSEY_DATA_DIR": str(settings.data_dir),
        # Sweeps would make calls of their own.
        "ODYSSEY_DELIVERY_SWEEP": "PT0S",
        "ODYSSEY_PROPOSAL_SWEEP": "PT0S",
        "EMBEDDING_MODEL_NAME": "",
    }


class Program:
    """
    A running process of ours: it can be stopped, continued and killed; *log* has its output.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    def freeze(self) -> None:
        """Stops it where it is, as a machine does that runs out of time."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self.process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Ends it without a chance to say a word, and waits until it is gone."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def says(self, words: str) -> None:
        """Waits until *words* are in its output."""
        await until(lambda: words in self.log.read_text(), what=f"{self.log.name}: {words!r}")


@asynccontextmanager
async def odyssey(
    *arguments: str, scenario: Scenario, log: Path, **environment: str
) -> AsyncIterator[Program]:
    """
    `odyssey ARGUMENTS` until the block ends; *environment* is added to the scenario's.
    """
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("odyssey")),
            *arguments,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env={**environment_of(scenario), **environment},
        )
    program = Program(process, log)
    try:
        yield program
    finally:
        await program.kill()


@asynccontextmanager
async def worker(scenario: Scenario, log: Path, **environment: str) -> AsyncIterator[Program]:
    """
    `odyssey work`, from when it works.
    """
    async with odyssey("work", scenario=scenario, log=log, **environment) as program:
        # What arq says before its first look at the queue.
        await program.says("Starting worker")
        yield program


@asynccontextmanager
async def server(scenario: Scenario, log: Path) -> AsyncIterator[str]:
    """
    `odyssey serve`, from when it listens; its address for webhooks.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    async with odyssey("serve", scenario=scenario, log=log, ODYSSEY_PORT=str(port)) as program:
        await program.says("Uvicorn running")
        yield f"http://127.0.0.1:{port}/webhooks/github"


class Arrivals:
    """
    Notes when each request to the simulator was answered, by the clock of `time.perf_counter`.
    """

    def __init__(self) -> None:
        self.answered: list[tuple[float, str, str]] = []

    def exchange(self, request: ExchangeRequest, response: ExchangeResponse) -> None:
        """Sees every exchange with the simulator."""
        self.answered.append((time.perf_counter(), request.method, request.path))

    def webhook(self, event: str, payload: dict[str, object]) -> None:
        """Webhooks do not matter here."""


async def until(is_so: Callable[[], bool], *, what: str) -> None:
    """Waits until *is_so*; *what* that is, is told when it takes too long."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {what}")
        await asyncio.sleep(0.005)


async def quiet(scenario: Scenario) -> None:
    """Waits until nothing is waiting or being worked."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not await scenario.ports.inbox.is_quiet():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"the inbox is not quiet within {PATIENCE_S:.0f} s")
        await asyncio.sleep(0.02)


def logged(folder: Path) -> list[str]:
    """Every line that the programs with their logs in *folder* wrote."""
    return [line for log in folder.glob("*.log") for line in log.read_text().splitlines()]
