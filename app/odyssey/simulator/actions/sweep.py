"""
What a run leaves behind: processes and containers, found by the run's own mark.

The mark is the value of `RUNNER_TRACKING_ID`, which GitHub's runner sets for the same purpose, and
part of the name of the run's folder. It is in the environment of every process a step starts, or in
its working folder. A container counts as the run's when one of its labels has the mark as value.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

_DOCKER_TIMEOUT_S = 30


def signal_processes(
    mark: str,
    number: signal.Signals,
    *,
    but: int | None = None,
    only: Collection[int] | None = None,
) -> list[int]:
    """Send *number* to the processes with *mark*, *but* not to that one; the ids of those."""
    reached = []
    for pid in _marked(mark, but):
        if only is None or pid in only:
            with contextlib.suppress(OSError):  # it is gone by now
                os.kill(pid, number)
                reached.append(pid)
    return reached


async def wait_for_children(mark: str, parent: int, *, at_most_s: float) -> None:
    """Return when *parent* has no child with *mark* any more, or after *at_most_s* seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            while any(  # noqa: ASYNC110  # act's children, not ours: no one tells
                _parent_of(pid) == parent for pid in _marked(mark, parent)
            ):
                await asyncio.sleep(0.05)


def _parent_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/stat").read_text()
        # The program's name stands in brackets and may hold anything; state and parent follow.
        return int(status.rpartition(")")[2].split()[1])
    return None


def _marked(mark: str, but: int | None) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's process, or one that is gone
            environment = (process / "environ").read_bytes()
            folder = str((process / "cwd").readlink())
            if int(process.name) != but and (mark.encode() in environment or mark in folder):
                yield int(process.name)


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
