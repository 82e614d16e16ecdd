"""
How what one run makes is named, so that a later run can tell whose it was.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

LABEL = "odyssey.run"
REPOSITORY = "odyssey-sandbox"
CACHE_REPOSITORY = "odyssey-sandbox-cache"
_FORM = re.compile(r"([0-9a-f]+)-([0-9a-f]+)-(\d+)-([0-9a-f]+)-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class RunId:
    """
    One run: when it must be over, which process it is, and eight random digits.

    `deadline` is in seconds since 1970, `namespace` the number of the process id namespace and
    `started` the process' start in clock ticks since boot: together with `pid` they say for sure
    whether the process still runs.
    """

    deadline: int
    namespace: int
    pid: int
    started: int
    random: str

    def __str__(self) -> str:
        return f"{self.deadline:x}-{self.namespace:x}-{self.pid}-{self.started:x}-{self.random}"

    @property
    def container(self) -> str:
        """
        The name of the run's container; with a suffix, of its side containers.
        """
        return f"odyssey-{self.random}"

    def tag(self, suffix: str = "") -> str:
        """
        The tag of the run's image; *suffix* tells the images of the 2x2 apart.
        """
        return f"{REPOSITORY}:{self}{suffix}"


def new_run(*, lasts_s: float) -> RunId:
    """
    A new run of this process that will be over in *lasts_s*, with ten minutes to spare.
    """
    pid = os.getpid()
    return RunId(
        deadline=int(time.time() + lasts_s + 600),
        namespace=_namespace(),
        pid=pid,
        started=_start_of(pid) or 0,
        random=secrets.token_hex(4),
    )


def parse_run(text: str) -> RunId | None:
    """
    The run that *text* (a label or the tag of an image) names, or None.
    """
    found = _FORM.match(text)
    if found is None:
        return None
    deadline, namespace, pid, started, random = found.groups()
    return RunId(int(deadline, 16), int(namespace, 16), int(pid), int(started, 16), random)


def is_over(run: RunId, *, now: float) -> bool:
    """
    Whether nobody works on *run* any more: its process is gone, or its time is up.

    Processes of another namespace cannot be seen: for those only the time counts.
    """
    if now > run.deadline:
        return True
    return run.namespace == _namespace() and _start_of(run.pid) != run.started


def _namespace() -> int:
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _start_of(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name of the program stands in brackets and may hold anything; field 22 is the start.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])
