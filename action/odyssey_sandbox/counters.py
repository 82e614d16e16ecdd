"""
What the kernel counted for a container: out-of-memory kills, refused forks, peak of memory.

Read from the runner's own /sys, never from inside, where the proposal could answer anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Counts:
    """
    The counters of one moment; None where the kernel or the engine keeps them elsewhere.
    """

    oom_kills: int | None = None
    refused_forks: int | None = None
    peak_memory: int | None = None

    def or_else(self, earlier: Counts) -> Counts:
        """
        These counts, and the *earlier* ones for what cannot be read any more.
        """
        return Counts(
            earlier.oom_kills if self.oom_kills is None else self.oom_kills,
            earlier.refused_forks if self.refused_forks is None else self.refused_forks,
            earlier.peak_memory if self.peak_memory is None else self.peak_memory,
        )


@dataclass(frozen=True, slots=True)
class Counters:
    """
    The files that hold the counters of one container.
    """

    memory: Path | None
    pids: Path | None

    def read(self) -> Counts:
        """
        The counters as they are now.
        """
        memory, pids = self.memory, self.pids
        return Counts(
            oom_kills=None
            if memory is None
            else _first(
                _field(memory / "memory.oom_control", "oom_kill"),
                _field(memory / "memory.events", "oom_kill"),
            ),
            refused_forks=None if pids is None else _field(pids / "pids.events", "max"),
            peak_memory=None
            if memory is None
            else _first(
                _number(memory / "memory.max_usage_in_bytes"), _number(memory / "memory.peak")
            ),
        )


def counters_of(pid: int) -> Counters:
    """
    The counters of the container whose main process is *pid* on this machine.
    """
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines() if pid > 0 else []
    except OSError:
        lines = []
    paths: dict[str, str] = {}
    for line in lines:
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            paths[name] = path.lstrip("/")
    return Counters(_folder("memory", paths), _folder("pids", paths))


def _folder(controller: str, paths: dict[str, str]) -> Path | None:
    # Version 1 names the controller; version 2 has one line without a name.
    # The root group (an empty path) counts for the whole machine, not for a container.
    for folder in (
        _ROOT / controller / paths[controller] if paths.get(controller) else None,
        _ROOT / paths[""] if paths.get("") else None,
    ):
        if folder is not None and (folder / "cgroup.procs").exists():
            return folder
    return None


def _field(path: Path, name: str) -> int | None:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        return None
    return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
