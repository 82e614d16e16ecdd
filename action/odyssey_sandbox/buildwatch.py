"""
Watches a build from outside: what it writes, how many processes it starts, what it leaves.

The engine has no limit for what a build step writes, and docker's classic builder none for its
processes; both are held here.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from datetime import UTC, datetime

from odyssey_sandbox.cleanup import moment_of, remove_unnamed
from odyssey_sandbox.engine import Engine
from odyssey_sandbox.inputs import SandboxSettings

_RUNNING = re.compile(rb"^ ---> Running in ([0-9a-f]{12})\s*$")
_IMAGE = re.compile(rb"^ ---> ([0-9a-f]{12})\s*$")
_CACHED = re.compile(rb"^ ---> Using cache\s*$|^#\d+ CACHED\s*$|^--> Using cache [0-9a-f]+")
_LOOK_EVERY_S = 1.0
_MAX_LINE = 400
_BUILD_PROCESSES = 1024


class BuildWatch:
    """
    Called with each piece of the build's output, and with nothing in between.

    The ids it reads in the output may be forged by a build step. They are only ever used to
    hold more, or, in `remove_leftovers`, after the engine confirmed that the image is new and
    has no name.
    """

    def __init__(self, engine: Engine, settings: SandboxSettings, *, is_classic: bool) -> None:
        self._engine = engine
        self._limit = settings.max_image_size
        self._is_docker_classic = is_classic and engine.name == "docker"
        self._free_at_start = _free_space()
        self._started = datetime.now(UTC).replace(microsecond=0)
        self._looked = time.monotonic()
        self._rest = b""
        self._container = ""
        self._images: list[str] = []
        self.cached_steps = 0

    def __call__(self, piece: bytes) -> str:
        """
        Take in *piece*; answers why the build must stop, or nothing.
        """
        if piece:
            self._read(piece)
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return ""
        self._looked = now
        # Others write to the same disk: only twice the limit proves that it was this build.
        if self._free_at_start - _free_space() > 2 * self._limit:
            return "the disk fills up"
        if self._container and self._written() >= self._limit:
            self._engine.run("rm", "--force", self._container)
            return "a build step wrote too much"
        return ""

    def remove_leftovers(self, tag: str) -> None:
        """
        Remove the image under *tag* and the unnamed images of finished steps of a failed build.
        """
        self._engine.run("image", "rm", "--force", tag)
        remove_unnamed(self._engine, self._images, since=self._started)

    def _read(self, piece: bytes) -> None:
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()[-_MAX_LINE:]
        for line in lines:
            if len(line) > _MAX_LINE:
                continue
            if _CACHED.match(line):
                self.cached_steps += 1
            elif found := _IMAGE.match(line):
                self._images = [*self._images[-200:], found[1].decode()]
                if self._engine.watched is not None:
                    self._engine.watched.made_image(found[1].decode())
            elif self._is_docker_classic and (found := _RUNNING.match(line)):
                self._container = found[1].decode()
                self._engine.run("update", "--pids-limit", str(_BUILD_PROCESSES), self._container)

    def _written(self) -> int:
        asked = "{{.SizeRw}} {{.Created}}"
        done = self._engine.run("inspect", "--size", "--format", asked, self._container)
        size, _, created = done.output.strip().partition(" ")
        is_ours = size.isdigit() and moment_of(created) >= self._started
        return int(size) if is_ours else 0


def _free_space() -> int:
    for path in ("/var/lib/docker", "/var/lib/containers", "/"):
        with contextlib.suppress(OSError):
            found = os.statvfs(path)
            return found.f_bavail * found.f_frsize
    return 0
