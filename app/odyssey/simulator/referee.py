"""Judges pushes: the pre-receive hook of every repository asks it before refs move."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from odyssey.simulator.auth import Caller
from odyssey.simulator.git import Git
from odyssey.simulator.pushes import RefUpdate
from odyssey.simulator.refusals import judge
from odyssey.simulator.state import Repository

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

_QUARANTINE = (
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
)
# Runs in its own process, started by git for each push; bash starts ten times as fast as Python.
_HOOK = """\
#!/usr/bin/env bash
[ -n "$SIMULATOR_REFEREE" ] || exit 0
exec 3<>"/dev/tcp/127.0.0.1/$SIMULATOR_REFEREE" || exit 1
printf '%%s\\n' "$SIMULATOR_PUSH" >&3
for name in %s; do
  [ -n "${!name+set}" ] && printf '%%s=%%s\\n' "$name" "${!name}" >&3
done
printf '\\n' >&3
while IFS= read -r line; do printf '%%s\\n' "$line" >&3; done
printf '\\n' >&3
status=0
while IFS= read -r line <&3; do
  [ "$line" = . ] && exit $status
  printf '%%s\\n' "$line" >&2; status=1
done
exit 1
"""


@dataclass(slots=True)
class Push:
    """One `git push` under way: who, where, and the ref updates it asked for."""

    repository: Repository
    caller: Caller
    updates: list[RefUpdate] = field(default_factory=list)


class Referee:
    """A line-based server on loopback that answers the hooks."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._pushes: dict[str, Push] = {}
        self._server: asyncio.Server | None = None
        self.port = 0

    def hook(self) -> str:
        """The text of the pre-receive hook."""
        return _HOOK % " ".join(_QUARANTINE)

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @contextmanager
    def watching(self, push: Push) -> Iterator[dict[str, str]]:
        """The environment under which the hook asks about *push*."""
        name = secrets.token_hex(16)
        self._pushes[name] = push
        try:
            yield {"SIMULATOR_REFEREE": str(self.port), "SIMULATOR_PUSH": name}
        finally:
            del self._pushes[name]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The push's name and the variables; an empty line; the updates; an empty line.
        name, *pairs = await _lines(reader)
        updates = await _lines(reader)
        push = self._pushes.get(name)
        environment = dict(pair.split("=", 1) for pair in pairs)
        verdict = ["unknown push"] if push is None else self._judge(push, updates, environment)
        writer.write("".join(f"{line}\n" for line in [*verdict, "."]).encode())
        await writer.drain()
        writer.close()

    def _judge(self, push: Push, lines: list[str], environment: dict[str, str]) -> list[str]:
        git = Git(push.repository.git_dir, extra=environment)
        for line in lines:
            old, new, ref = line.split(" ", 2)
            push.updates.append(RefUpdate(ref, old, new))
        refusals = [judge(push.repository, push.caller, u, git) for u in push.updates]
        return [refusal.push_text for refusal in refusals if refusal is not None]


async def _lines(reader: asyncio.StreamReader) -> list[str]:
    lines = []
    while line := (await reader.readline()).decode(errors="replace").rstrip("\n"):
        lines.append(line)
    return lines
