"""
The door between one worker and GitHub: what it asks for goes through only when it may.

Each worker comes in by a door of its own, so requests are known by who made them. A closed
door lets a given number of requests through and holds the next: the moment between two effects
then lasts as long as a schedule wants it to, and the worker can be killed in it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TOKEN = re.compile(r"/app/installations/\d+/access_tokens")
_READ_POSTS = re.compile(rf"/graphql|{_TOKEN.pattern}|.*/git-upload-pack")


@dataclass(slots=True)
class Passage:
    """One request of the worker, while it is at the door and behind it."""

    method: str
    path: str
    body: bytes
    scope: Scope
    go: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    """Of the answer; 0 before there is one."""
    ends_with_effect: bool = False
    """The worker dies of this request: its effect happens, its answer never arrives."""
    is_lost: bool = False
    """The worker died before it: nothing happens."""

    @property
    def counts(self) -> bool:
        """Whether it is one of the requests that a schedule lets through one by one."""
        # Who has a token already is chance, and makes no difference to anybody.
        return _TOKEN.fullmatch(self.path) is None

    @property
    def is_write(self) -> bool:
        """Whether it may change something on GitHub."""
        if self.method in ("GET", "HEAD"):
            return False
        if self.path == "/graphql":
            return b"mutation" in self.body[:200]
        return _READ_POSTS.fullmatch(self.path) is None

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of a GraphQL query."""
        try:
            found = json.loads(self.body)["variables"]
        except (ValueError, KeyError, TypeError):
            return {}
        return found if isinstance(found, dict) else {}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


Watcher = Callable[[Passage], None]


class Door:
    """
    An ASGI application in front of GitHub's.

    *before* and *after* are told of each request right around its effect. While the door is
    open everything passes; `close` lets nothing through but what `let` allows.
    """

    def __init__(self, application: ASGIApp, *, before: Watcher, after: Watcher) -> None:
        self._application = application
        self._before, self._after = before, after
        self._is_open = True
        self._allowed = 0
        self.waiting: deque[Passage] = deque()
        self._inside = 0
        self.is_empty = asyncio.Event()
        self.is_empty.set()
        self.is_shut_for_good = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, once it may pass."""
        body = await _read(receive)
        passage = Passage(scope["method"], scope["path"], body, scope)
        if self.is_shut_for_good:
            passage.is_lost = True
        elif passage.counts and not self._is_open:
            await self._wait(passage)
        if not passage.is_lost:
            self._inside += 1
            self.is_empty.clear()
            try:
                await self._serve(passage, send)
            finally:
                self._inside -= 1
                if not self._inside:
                    self.is_empty.set()
        if passage.is_lost or passage.ends_with_effect:
            # A connection to a dead process: nobody answers, and nobody hears.
            while (await receive())["type"] != "http.disconnect":
                pass

    async def _wait(self, passage: Passage) -> None:
        if self._allowed > 0:
            self._allowed -= 1
            return
        self.waiting.append(passage)
        await passage.go.wait()

    async def _serve(self, passage: Passage, send: Send) -> None:
        messages: list[MutableMapping[str, Any]] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": passage.body, "more_body": False}

        async def keep(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        self._before(passage)
        await self._application(passage.scope, receive, keep)
        passage.status = next((m["status"] for m in messages if "status" in m), 0)
        self._after(passage)
        if not passage.ends_with_effect:
            for message in messages:
                await send(message)

    def close(self) -> None:
        """Holds what comes from now on."""
        self._is_open = False

    def open(self) -> None:
        """Lets everything through, what waits first."""
        self._is_open, self._allowed = True, 0
        while self.waiting:
            self.waiting.popleft().go.set()

    def let(self, count: int) -> None:
        """Lets *count* requests through, those that wait first."""
        self._allowed += count
        while self.waiting and self._allowed:
            self._allowed -= 1
            self.waiting.popleft().go.set()

    @property
    def allowed(self) -> int:
        """How many may still pass."""
        return self._allowed

    def take_back(self) -> None:
        """Takes back what was allowed and not used."""
        self._allowed = 0

    def end(self, *, with_effect: bool) -> None:
        """
        Shuts it for good: its worker is dead. What waits is lost.

        *with_effect* lets the first that waits reach GitHub, whose answer is lost.
        """
        self.is_shut_for_good = True
        while self.waiting:
            passage = self.waiting.popleft()
            passage.ends_with_effect, passage.is_lost = with_effect, not with_effect
            with_effect = False
            passage.go.set()


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)
