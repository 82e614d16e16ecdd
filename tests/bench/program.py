"""
A server under measurement: a real process with a port, its log, and its end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.figure import NotMeasurable


@dataclass(frozen=True, slots=True)
class Program:
    """
    A running server that takes connections on *port* of the loopback.
    """

    name: str
    pid: int
    port: int

    def resident_mb(self) -> float:
        """
        Resident memory of the process and its children, in units of 1,000,000 bytes.
        """
        return sum(_resident_kib(pid) for pid in [self.pid, *_descendants(self.pid)]) * 1024 / 1e6


def free_port() -> int:
    """
    A loopback port nobody listens on at this moment.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    env: Mapping[str, str],
    directory: Path,
    timeout_s: float = 60,
) -> AsyncIterator[Program]:
    """
    *command* as a process in *directory*, from when its port answers; ended afterwards.

    Raises:
        NotMeasurable: it ended, or its port did not answer within *timeout_s*.
    """
    log = directory / f"{name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, **env},
            start_new_session=True,
        )
    try:
        give_up_at = time.monotonic() + timeout_s
        while not await _listens(port):
            if process.returncode is not None or time.monotonic() > give_up_at:
                said = "\n  ".join(log.read_text(errors="replace").splitlines()[-5:])
                raise NotMeasurable(f"{name} does not answer on port {port}; it said:\n  {said}")
            await asyncio.sleep(0.05)
        yield Program(name=name, pid=process.pid, port=port)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), timeout=5)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return True


def _resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        raise NotMeasurable("resident memory is read from /proc, which only Linux has")
    lines = status.read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, children) for found in (child, *_descendants(child))]
