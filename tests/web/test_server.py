"""
`odyssey serve` as a process of its own, over real sockets.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from bench.keys import new_private_key
from bench.payload import issue_comment_created
from bench.program import Program, free_port, running
from odyssey.setup.redis_server import RedisServer
from odyssey.web.intake import MAX_BODY_BYTES

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "over-the-wire"
HEAVY = (
    "import sys, odyssey.web.server, odyssey.bootstrap;"
    "heavy = {'torch', 'transformers', 'sentence_transformers', 'arq', 'odyssey.simulator'};"
    "print(sorted(heavy & set(sys.modules)))"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Program]:
    """
    The process, with the App's settings in its environment.
    """
    port, folder = free_port(), tmp_path_factory.mktemp("serve")
    env = {
        "ODYSSEY_PORT": str(port),
        "ODYSSEY_REDIS_URL": redis_server.url,
        "ODYSSEY_APP_ID": "1",
        "ODYSSEY_PRIVATE_KEY": new_private_key(),
        "ODYSSEY_WEBHOOK_SECRET": SECRET,
        "ODYSSEY_DATA_DIR": str(folder / "var"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "odyssey", "serve"]
    async with running("serve", command, port=port, env=env, directory=folder) as program:
        yield program


def signed(body: bytes) -> dict[str, str]:
    """
    GitHub's headers for *body*.
    """
    return {
        "X-GitHub-Event": "issue_comment",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256="
        + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }


async def test_two_hundred_senders_that_say_nothing_shut_nobody_out(server: Program) -> None:
    """
    Slow senders hold a socket each, and no more than that.
    """
    silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(200)]
    for _, writer in silent:
        writer.write(b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    body = issue_comment_created(1)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        response = await client.post("/webhooks/github", content=body, headers=signed(body))
    for _, writer in silent:
        writer.close()

    assert response.status_code == 202


async def test_the_process_takes_deliveries_in_and_ends_when_asked(server: Program) -> None:
    """
    Whole and chunked; what is too large is refused on the wire; SIGTERM is the end of it.
    """
    body = issue_comment_created(1)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1_000):
            yield body[start : start + 1_000]

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        ready = await client.get("/readyz")
        whole = await client.post("/webhooks/github", content=body, headers=signed(body))
        chunked = await client.post("/webhooks/github", content=chunks(), headers=signed(body))
        forged = await client.post("/webhooks/github", content=body + b" ", headers=signed(body))
        anonymous = await client.get("/api/v1/self-modify/proposals")
    too_large = await _first_line_for(server.port, MAX_BODY_BYTES + 1)
    ended = await _end(server.pid)

    assert (ready.status_code, anonymous.status_code) == (200, 401)
    assert [each.json().get("status") for each in (whole, chunked)] == ["accepted"] * 2
    assert forged.status_code == 401
    assert too_large.startswith(b"HTTP/1.1 413 ")
    assert ended


async def test_the_web_process_loads_no_model_and_no_worker() -> None:
    """
    What it does not need would cost hundreds of megabytes and seconds.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HEAVY,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    said, _ = await process.communicate()

    assert said.decode().strip() == "[]"


async def _first_line_for(port: int, content_length: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{name}: {value}" for name, value in signed(b"").items()]
    head = ["POST /webhooks/github HTTP/1.1", "Host: x", f"Content-Length: {content_length}"]
    writer.write("\r\n".join([*head, *lines, "", ""]).encode())
    line = await reader.readline()
    rest = await reader.read()
    writer.close()
    assert b"PayloadTooLarge" in rest  # and the server closed the connection
    return line


async def _end(pid: int) -> bool:
    """
    Asks the process to end; whether it did so in time.
    """
    handle = os.pidfd_open(pid)
    has_ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, has_ended.set)
    os.kill(pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(10):
            return await has_ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
