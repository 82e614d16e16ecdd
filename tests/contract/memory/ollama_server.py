"""
An Ollama server for the tests: a real one, or a stand-in that answers as documented.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

URL_VARIABLE = "ODYSSEY_TEST_OLLAMA_URL"
MODEL_VARIABLE = "ODYSSEY_TEST_OLLAMA_MODEL"
GGUF_VARIABLE = "ODYSSEY_TEST_OLLAMA_GGUF"
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Real:
    """Where it answers, and a model it has."""

    url: str
    model: str


@contextmanager
def running(folder: Path) -> Iterator[Real | str]:
    """
    The server named by `ODYSSEY_TEST_OLLAMA_URL`, or the `ollama` on PATH; else why not.

    Its model is the one in `ODYSSEY_TEST_OLLAMA_MODEL` (all-minilm by default), or is made
    of the weights in the file `ODYSSEY_TEST_OLLAMA_GGUF`.
    """
    model = os.environ.get(MODEL_VARIABLE, "all-minilm")
    if url := os.environ.get(URL_VARIABLE):
        yield Real(url, model)
        return
    binary, weights = shutil.which("ollama"), os.environ.get(GGUF_VARIABLE)
    if binary is None or not weights:
        yield (
            f"no Ollama: set {URL_VARIABLE} and {MODEL_VARIABLE}, or put `ollama` on PATH and "
            f"name weights in {GGUF_VARIABLE}"
        )
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        **os.environ,
        "HOME": str(folder),
        "OLLAMA_HOST": address,
        "OLLAMA_MODELS": str(folder / "models"),
    }
    with (folder / "ollama.log").open("wb") as log:
        process = subprocess.Popen(
            [binary, "serve"], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait(f"http://{address}/api/version", process, folder)
            (folder / "Modelfile").write_text(f"FROM {weights}\n")
            subprocess.run(
                [binary, "create", "tests", "-f", str(folder / "Modelfile")],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=True,
            )
            yield Real(f"http://{address}", "tests")
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > end:
                text = (folder / "ollama.log").read_text(errors="replace")
                raise RuntimeError(f"ollama did not start: {text[-2000:]}") from error
            time.sleep(0.2)  # another process has no other way to say that it is ready


@dataclass(slots=True)
class Documented:
    """
    A stand-in for Ollama that keeps what it was sent; it computes nothing.

    Every vector is 3, 4. Source: https://docs.ollama.com/api/embed
    """

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    _answer: tuple[int, dict[str, object]] | None = None
    _refused: str = ""
    _server: uvicorn.Server | None = None
    _serving: Any = None

    def answers(self, status: int, body: dict[str, object]) -> None:
        """From now on every request is answered so."""
        self._answer = (status, body)

    def refuses(self, word: str) -> None:
        """A request with *word* in a text is answered as one that is too long."""
        self._refused = word

    async def close(self) -> None:
        """Ends it."""
        assert self._server is not None
        self._server.should_exit = True
        await self._serving

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        request = json.loads(body)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append(
            {
                "path": scope["path"],
                "body": request,
                "authorization": headers.get("authorization", ""),
            }
        )
        status, said = self._answer or (
            200, {"model": request["model"], "embeddings": [[3.0, 4.0] for _ in request["input"]]}
        )  # fmt: skip
        if self._refused and any(self._refused in text for text in request["input"]):
            status, said = 400, {"error": "the input length exceeds the context length"}
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})


async def documented() -> Documented:
    """The stand-in, answering; it says on standard error that it is one."""
    stand_in = Documented()
    sys.stderr.write("a stand-in for Ollama: documented answers, no model\n")
    config = uvicorn.Config(stand_in, port=0, lifespan="off", log_level="error")
    stand_in._server = uvicorn.Server(config)
    bound = config.bind_socket()
    stand_in.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    stand_in._serving = asyncio.create_task(stand_in._server.serve(sockets=[bound]))
    # Whoever connects before it serves waits in the queue.
    bound.listen()
    return stand_in
