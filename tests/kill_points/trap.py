"""
Doors that stop a worker at its n-th write, right before its effect or right after it.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.types import ASGIApp, Receive, Scope, Send

from odyssey.simulator.hosting import Host
from schedules.door import Passage

_ZERO = b"0" * 40
_UPDATE = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) refs/")
_NAMES = (
    ("POST", r".*/reactions", "reaction"),
    ("POST", r".*/pulls", "pull request"),
    ("POST", r".*/dispatches", "dispatch"),
    ("POST", r".*/check-runs", "check run"),
    ("PATCH", r".*/check-runs/\d+", "check run, update"),
    ("PATCH", r".*/issues/comments/\d+", "comment, edit"),
    ("PUT", r".*/merge", "merge"),
    ("PATCH", r".*/pulls/\d+", "pull request, close"),
    ("POST", r".*/requested_reviewers", "review request"),
    ("POST", r".*/issues", "issue"),
    ("PATCH", r".*/issues/\d+", "issue, close"),
)


class When(StrEnum):
    """
    At which side of the effect the worker dies.

    LATE is for pushes: the worker dies before it, its git lives on and pushes only when another
    worker has pushed in its place.
    """

    BEFORE = "before"
    AFTER = "after"
    LATE = "late"


def name_of(passage: Passage) -> str:
    """What a write is called in the table."""
    if passage.path.endswith("/git-receive-pack"):
        found = _UPDATE.search(passage.body)
        old, new = found.groups() if found else (b"", b"")
        if new == _ZERO:
            return "branch, deletion"
        return "branch" if old == _ZERO else "branch, update"
    if re.fullmatch(r".*/issues/\d+/comments", passage.path):
        return "status comment" if b"odyssey:status" in passage.body else "answer"
    for method, path, name in _NAMES:
        if passage.method == method and re.fullmatch(path, passage.path):
            return name
    return str(passage)


def is_push(name: str) -> bool:
    """Whether a write of this name is made by git, which a dead worker may leave behind."""
    return name.startswith("branch")


@dataclass(slots=True)
class Trap:
    """
    Springs at write number `number` (from 0), at one side of its effect.

    `writes` are the names of all writes so far; without a number it only listens.
    """

    number: int | None = None
    when: When = When.BEFORE
    writes: list[str] = field(default_factory=list)
    caught: TrapDoor | None = None
    name: str = ""
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    let_late: asyncio.Event = field(default_factory=asyncio.Event)

    def is_next(self) -> bool:
        """Whether the write that comes now is the one."""
        return self.caught is None and len(self.writes) == self.number


class TrapDoor:
    """
    GitHub's address for one worker; *trap* is that of the present round.

    A request on which a worker was caught is never answered, and what its process still
    sends is lost.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self.host = Host()
        self.trap = Trap()
        self.is_dead = False
        self.seen_at: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        body = await _read(receive)
        passage = Passage(scope["method"], scope["path"], body, scope)
        if self.is_dead:
            await _until_hung_up(receive)
            return
        self.seen_at.append(time.perf_counter())
        trap = self.trap
        is_caught = passage.is_write and trap.is_next()
        if passage.is_write:
            trap.writes.append(name_of(passage))
        if is_caught:
            trap.caught, trap.name, self.is_dead = self, name_of(passage), True
            if trap.when is When.AFTER:
                await self._serve(passage, None)
            trap.sprung.set()
            if trap.when is When.LATE:
                await trap.let_late.wait()
                await self._serve(passage, send)
                return
            await _until_hung_up(receive)
            return
        await self._serve(passage, send)

    async def _serve(self, passage: Passage, send: Send | None) -> None:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": passage.body, "more_body": False}

        async def nobody(_: object) -> None:
            pass

        await self._application(passage.scope, receive, send or nobody)


async def _until_hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)
