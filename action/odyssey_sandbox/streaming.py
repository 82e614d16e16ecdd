"""
Runs one program and takes in what it prints, within limits of time and size.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from odyssey_sandbox.logs import ClippedLog

_READ = 1024 * 1024
_F_SETPIPE_SZ = 1031  # Linux; <linux/fcntl.h>
_TICK_S = 0.25

Outcome = Literal["exited", "timed_out", "output_limit", "stopped"]


class Watcher(Protocol):
    """
    Is told of each program while it runs, so that it can be ended when this process is gone.
    """

    def started(self, pid: int) -> None:
        """
        The program *pid* runs, as the leader of its own process group.
        """

    def ended(self, pid: int) -> None:
        """
        The program *pid* is over.
        """

    def made_image(self, image: str) -> None:
        """
        A step of a build says that it made *image*, which has no name yet.
        """


@dataclass(frozen=True, slots=True)
class Ended:
    """
    How a program ended; `exit_code` is None where it was not left to end by itself.

    `why` is what the watcher answered, for the outcome `stopped`.
    """

    outcome: Outcome
    exit_code: int | None
    duration_s: float
    why: str = ""


def stream(
    arguments: Sequence[str],
    log: ClippedLog,
    *,
    environ: Mapping[str, str],
    timeout_s: float,
    max_output: int,
    watch: Callable[[bytes], str] | None = None,
    watcher: Watcher | None = None,
) -> Ended:
    """
    Run *arguments* with standard output and error fed into *log*.

    *watch* is called with each new piece of output, and with nothing at least four times a
    second; the text it answers, if any, stops the program. A program that is stopped gets
    SIGTERM, and SIGKILL two seconds later; so do all it started in its own process group.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environ),
        start_new_session=True,
    )
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    if watcher is not None:
        watcher.started(process.pid)
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _READ)
    os.set_blocking(pipe, False)
    outcome: Outcome = "exited"
    why = ""
    try:
        with process.stdout, selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            deadline = started + timeout_s
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    outcome = "timed_out"
                    break
                piece = b""
                if selector.select(min(left, _TICK_S)):
                    piece = os.read(pipe, _READ)
                    if not piece:
                        break
                    log.feed(piece)
                if watch is not None and (why := watch(piece)):
                    outcome = "stopped"
                    break
                if log.size > max_output:
                    outcome = "output_limit"
                    break
        if outcome == "exited":
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            if process.poll() is None:
                outcome = "timed_out"
    finally:
        end(process)
        if watcher is not None:
            watcher.ended(process.pid)
    code = process.returncode if outcome == "exited" else None
    return Ended(outcome, code, time.monotonic() - started, why)


def end(process: subprocess.Popen[bytes]) -> None:
    """
    End *process* and its group: SIGTERM, then SIGKILL after two seconds; nothing if it ended.
    """
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
