"""
A stand-in for a language model behind Ollama's chat API: it answers what a test scripted.

Source of the form: https://docs.ollama.com/api/chat
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

Answer = dict[str, Any] | str
"""An object the model answers with, or text that is none."""


@dataclass(slots=True)
class ScriptedOllama:
    """
    Answers each chat by `script(prompt)`, and keeps every request.

    It computes nothing. `status` other than 200 is an error of the server; while `hangs`
    is set it answers nothing.
    """

    script: Callable[[str], Answer] = lambda _: {"actions": []}
    url: str = ""
    status: int = 200
    hangs: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def shown(self, number: int = -1) -> str:
        """What a request showed the model."""
        return str(self.requests[number]["messages"][1]["content"])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        request = json.loads(body)
        self.requests.append(request)
        if self.hangs:
            await self._released.wait()
        answer = self.script(request["messages"][1]["content"])
        text = answer if isinstance(answer, str) else json.dumps(answer)
        said: dict[str, Any] = {
            "model": request["model"],
            "created_at": "2026-03-14T12:00:00Z",
            "message": {"role": "assistant", "content": text},
            "done": True,
            "done_reason": "stop",
        }
        if self.status != 200:
            said = {"error": "the stand-in was told to fail"}
        headers = [(b"content-type", b"application/json")]
        start = {"type": "http.response.start", "status": self.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})


@asynccontextmanager
async def scripted_ollama() -> AsyncIterator[ScriptedOllama]:
    """The stand-in, answering; it says on standard error that it is one."""
    stand_in = ScriptedOllama()
    sys.stderr.write("a stand-in for Ollama: scripted answers, no model\n")
    config = uvicorn.Config(
        stand_in, port=0, lifespan="off", log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    bound = config.bind_socket()
    stand_in.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    # Whoever connects before it serves waits in the queue.
    bound.listen()
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield stand_in
    finally:
        stand_in._released.set()
        server.should_exit = True
        await serving
