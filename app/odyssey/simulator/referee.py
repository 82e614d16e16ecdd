"""Judges pushes: the pre-receive hook of every repository asks it before refs move."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
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
# Runs in its own process, started by git; the standard library is all it may use.
_HOOK = """\
import json, os, socket, sys
port = os.environ.get("SIMULATOR_REFEREE")
if not port:
    sys.exit(0)
question = {
    "push": os.environ["SIMULATOR_PUSH"],
    "lines": sys.stdin.read().splitlines(),
    "environment": {k: os.environ[k] for k in %r if k in os.environ},
}
with socket.create_connection(("127.0.0.1", int(port))) as line:
    line.sendall(json.dumps(question).encode() + b"\\n")
    verdict = json.loads(line.makefile().readline())
print("\\n".join(verdict), file=sys.stderr)
sys.exit(1 if verdict else 0)
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
        script = (_HOOK % (_QUARANTINE,)).replace("'", '"')
        return f"#!/bin/sh\nexec '{sys.executable}' -IS -c '{script}'\n"

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
        question = json.loads(await reader.readline())
        push = self._pushes.get(question["push"])
        verdict = ["unknown push"] if push is None else self._judge(push, question)
        writer.write(json.dumps(verdict).encode() + b"\n")
        await writer.drain()
        writer.close()

    def _judge(self, push: Push, question: dict[str, object]) -> list[str]:
        lines, environment = question["lines"], question["environment"]
        assert isinstance(lines, list)
        assert isinstance(environment, dict)
        git = Git(push.repository.git_dir, extra=environment)
        for line in lines:
            old, new, ref = str(line).split(" ", 2)
            push.updates.append(RefUpdate(ref, old, new))
        refusals = [judge(push.repository, push.caller, u, git) for u in push.updates]
        return [refusal.push_text for refusal in refusals if refusal is not None]
