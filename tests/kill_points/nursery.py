"""
Starts `odyssey work` processes quickly: they are forked from one that has loaded everything.

Run as a program (`python -m kill_points.nursery`) it reads one JSON line for each process to
start, its environment and its log, and prints the process's id. Each is a process of its own
that runs the command line's own `main`; only loading the libraries is done once for all.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

_LOADED = (
    "odyssey.__main__", "odyssey.worker", "odyssey.bootstrap", "odyssey.adapters.git",
    "odyssey.adapters.github", "odyssey.adapters.redis_inbox", "odyssey.adapters.sqlite",
)  # fmt: skip


class Nursery:
    """The program's other side: asks it for processes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asking = asyncio.Lock()

    async def start(self, environment: Mapping[str, str], log: Path) -> int:
        """The id of a new `odyssey work` with *environment*, whose output goes to *log*."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"environment": dict(environment), "log": str(log)})
        async with self._asking:
            self._process.stdin.write(line.encode() + b"\n")
            return int(await self._process.stdout.readline())


@asynccontextmanager
async def open_nursery() -> AsyncIterator[Nursery]:
    """A nursery until the block ends; processes it started must be killed by then."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "kill_points.nursery",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield Nursery(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


def kill(pid: int, *, with_children: bool = True) -> None:
    """SIGKILL: not a word more from it, nor from a git it has started."""
    if with_children:
        os.killpg(pid, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)


def _serve() -> None:
    for name in _LOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are nobody's to wait for
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become_worker(order["environment"], order["log"])
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become_worker(environment: dict[str, str], log: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # it waits for its gits itself
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, place)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["odyssey", "work"]
    from odyssey.__main__ import main

    status = 1
    try:
        main()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
