"""
A small process that outlives a killed run and removes what the run left.

It waits on its standard input. The run tells it there which programs it has started and, at
the end, `done`; if the input ends without that word, the run was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from odyssey_sandbox.engine import Engine
from odyssey_sandbox.names import RunId

_START = (
    "import sys;sys.path.insert(0,sys.argv[1]);"
    "data=sys.stdin.buffer.read();"
    "sys.exit(0) if data.endswith(b'done\\n') else None;"
    "from odyssey_sandbox.reaper import reap;reap(data,sys.argv[2])"
)


class Reaper:
    """
    The run's end of the pipe.
    """

    def __init__(self, engine: Engine, run: RunId, folder: Path) -> None:
        order = json.dumps(
            {
                "run": str(run),
                "folder": str(folder),
                "since": time.time(),
                "name": engine.name,
                "program": list(engine.program),
            }
        )
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _START, str(Path(__file__).parents[1]), order],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # The runner ends what carries its tracking variable; this must live longer.
            env=dict(engine.environ),
            cwd="/",
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._pipe: IO[bytes] = self._process.stdin

    def started(self, pid: int) -> None:
        """
        The program *pid* runs, as the leader of its own process group.
        """
        self._tell(f"started {pid}\n")

    def ended(self, pid: int) -> None:
        """
        The program *pid* is over.
        """
        self._tell(f"ended {pid}\n")

    def made_image(self, image: str) -> None:
        """
        A step of a build says that it made *image*, which has no name yet.
        """
        self._tell(f"image {image}\n")

    def dismiss(self) -> None:
        """
        All is removed: nothing is left to do.
        """
        self._tell("done\n")
        with contextlib.suppress(OSError):
            self._pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._pipe.write(line.encode())
            self._pipe.flush()


def reap(told: bytes, order_text: str) -> None:
    """
    End the programs that still run, then remove everything of the run, twice.

    Twice, since an engine that was told to start something may finish it after its client died.
    """
    from odyssey_sandbox.cleanup import remove_run, remove_unnamed
    from odyssey_sandbox.names import parse_run

    order = json.loads(order_text)
    run = parse_run(order["run"])
    if run is None:
        return
    for pid in _still_running(told):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    engine = Engine(
        name=order["name"],
        program=tuple(order["program"]),
        version="",
        has_buildx=False,
        has_embedded_buildkit=False,
        environ=dict(os.environ),
    )
    remove_run(engine, run)
    shutil.rmtree(order["folder"], ignore_errors=True)
    time.sleep(1)
    remove_run(engine, run)
    since = datetime.fromtimestamp(int(order["since"]), UTC)
    remove_unnamed(engine, _second_words(told, "image"), since=since)


def _second_words(told: bytes, first: str) -> list[str]:
    lines = [line.partition(" ") for line in told.decode().splitlines()]
    return [second for word, _, second in lines if word == first]


def _still_running(told: bytes) -> set[int]:
    ended = set(_second_words(told, "ended"))
    return {int(pid) for pid in _second_words(told, "started") if pid not in ended}
