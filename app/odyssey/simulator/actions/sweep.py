"""
What a run leaves behind when it is stopped: processes and containers, found by the run's own mark.

The mark is `RUNNER_TRACKING_ID`, which GitHub's runner sets for the same purpose: it is in the
environment of every process a step starts. A container counts as the run's when one of its labels
has the mark as its value.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

_DOCKER_TIMEOUT_S = 30


def signal_processes(mark: str, number: signal.Signals) -> list[int]:
    """Send *number* to every process whose environment has *mark* as a value; their ids."""
    reached = []
    for pid in _marked(mark):
        with contextlib.suppress(OSError):  # it is gone by now
            os.kill(pid, number)
            reached.append(pid)
    return reached


async def wait_for_end(mark: str, *, at_most_s: float) -> None:
    """Return when no process with *mark* is left, or *at_most_s* seconds have passed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            while any(_marked(mark)):  # noqa: ASYNC110  # act's children, not ours: no one tells
                await asyncio.sleep(0.05)


def _marked(mark: str) -> Iterator[int]:
    needle = f"={mark}\0".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # another user's process, or one that is gone
            pid = int(environment.parent.name)
            if pid != os.getpid() and needle in environment.read_bytes() + b"\0":
                yield pid


async def remove_containers(mark: str) -> None:
    """Remove the containers and networks with a label of the value *mark*; no engine, no work."""
    if shutil.which("docker") is None:
        return
    for kind, remove in (
        (("ps", "--all"), ("rm", "--force", "--volumes")),
        (("network", "ls"), ("network", "rm")),
    ):
        listed = await _docker(*kind, "--format", "{{.ID}} {{.Labels}}")
        for line in listed.splitlines():
            identifier, _, labels = line.partition(" ")
            if mark in (label.partition("=")[2] for label in labels.split(",")):
                await _docker(*remove, identifier)


async def _docker(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "docker", *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_DOCKER_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return output.decode(errors="replace")
