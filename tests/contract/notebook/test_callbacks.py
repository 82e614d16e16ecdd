"""
What summaries promise, and the callbacks that carry them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import uvicorn

from contract.notebook.scripted_ollama import ScriptedOllama
from contract.notebook.world import SECRET, World
from odyssey.adapters.callbacks import SignedCallbacks
from odyssey.domain.memory.jobs import JobKind, JobState
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory.summary import Message, Method
from odyssey.handlers.memory.derive import derive_tenant
from odyssey.handlers.memory.summarise import ask_summary, summarise
from odyssey.ports.derived import CallbackRefused

TALK = [
    Message("user", "The gateway retries every request three times. Lovely weather."),
    Message("assistant", "Retries in the gateway hide failures of the shop."),
    Message("user", "Then the gateway must count its retries."),
]


@dataclass(slots=True)
class Receiver:
    """Keeps what is posted to it, and answers with the statuses it was given, the last again."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [204])
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status = self.statuses[min(len(self.posts), len(self.statuses) - 1)]
        self.posts.append((headers, body))
        location = [(b"location", f"{self.url}/elsewhere".encode())]
        await send({"type": "http.response.start", "status": status, "headers": location})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on this machine."""
    receiver = Receiver()
    config = uvicorn.Config(receiver, port=0, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    bound = config.bind_socket()
    bound.listen()
    receiver.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield receiver
    finally:
        server.should_exit = True
        await serving


async def ask(world: World, tenant: Tenant, receiver: Receiver) -> str:
    """The job of a summary for *receiver*."""
    return await ask_summary(
        tenant, REPOSITORY, TALK, world,
        callback_url=f"{receiver.url}/hook", callback_headers={"Authorization": "Bearer t"},
    )  # fmt: skip


async def test_without_a_model_a_summary_is_an_extract_and_says_so(quiet_world: World) -> None:
    """Whole sentences of the conversation, in their order, with who said them."""
    summary = await summarise(TALK, quiet_world)

    assert summary.method is Method.EXTRACT
    assert "assistant: Retries in the gateway hide failures of the shop." in summary.content


async def test_a_summary_by_the_model_says_so(world: World, model: ScriptedOllama) -> None:
    """Secrets are masked before the model sees them."""
    model.script = lambda _: {"summary": "The gateway must count its retries."}

    summary = await summarise([Message("user", "password=hunter2hunter2")], world)

    assert (summary.content, summary.method) == (
        "The gateway must count its retries.",
        Method.MODEL,
    )
    assert "hunter2" not in model.shown()


async def test_a_model_that_fails_leaves_an_extract(world: World, model: ScriptedOllama) -> None:
    """Whoever waits gets an answer."""
    model.status = 500

    assert (await summarise(TALK, world)).method is Method.EXTRACT


async def test_a_callback_is_signed_like_a_delivery_of_github(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """With the caller's own headers, and the job's id."""
    model.script = lambda _: {"summary": "short"}
    async with receiving() as receiver:
        task_id = await ask(world, tenant, receiver)
        await derive_tenant(tenant, world)
        [(headers, body)] = receiver.posts

    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    said = json.loads(body)

    assert headers["x-hub-signature-256"] == f"sha256={signature}"
    assert headers["authorization"] == "Bearer t"
    assert headers["x-odyssey-event"] == "memory.summary"
    assert (said["task_id"], said["content"], said["method"]) == (task_id, "short", "model")


async def test_a_callback_is_tried_three_times_with_growing_waits(
    world: World, tenant: Tenant, model: ScriptedOllama
) -> None:
    """Then it is a dead letter, which the counters show."""
    model.script = lambda _: {"summary": "short"}
    tries: list[int] = []
    async with receiving() as receiver:
        receiver.statuses = [500]
        await ask(world, tenant, receiver)
        for _ in range(10):
            await derive_tenant(tenant, world)
            tries.append(len(receiver.posts))
            world.now.forward(timedelta(seconds=1))
    counters = await world.derived.jobs.counters(tenant)

    assert tries == [1, 2, 2, 3, 3, 3, 3, 3, 3, 3]
    assert counters.jobs["deliver"] == {"dead": 1}
    assert "it answered 500" in counters.dead_reasons[0]


async def test_no_redirect_is_followed(world: World, tenant: Tenant, model: ScriptedOllama) -> None:
    """A public address must not lead to a private one."""
    model.script = lambda _: {"summary": "short"}
    async with receiving() as receiver:
        receiver.statuses = [307, 204]
        await ask(world, tenant, receiver)
        await derive_tenant(tenant, world)
        after_one = len(receiver.posts)

    assert after_one == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x", "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data", "http://192.168.1.1/", "http://0.0.0.0/",
        "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
        "http://2130706433/", "http://0x7f.1/", "http://100.64.0.1/", "http://224.0.0.1/",
        "http://[fe80::1]/", "http://[fd00::1]/",
    ],
)  # fmt: skip
async def test_no_callback_goes_to_an_address_that_is_not_public(url: str) -> None:
    """However it is written; nothing is sent."""
    callbacks = SignedCallbacks(SECRET)

    with pytest.raises(CallbackRefused):
        await callbacks.post(url, b"{}", headers={}, event="x")


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "file:///etc/passwd", "http://", "x", "http://u:p@example.com/"]
)
def test_only_http_addresses_without_passwords_are_taken(url: str) -> None:
    """Whatever else a URL can name."""
    with pytest.raises(CallbackRefused):
        SignedCallbacks(SECRET).check(url)


async def test_without_a_secret_no_callback_is_taken(quiet_world: World) -> None:
    """An unsigned one could be anybody's."""
    with pytest.raises(CallbackRefused, match="ODYSSEY_MEMORY_CALLBACK_SECRET"):
        SignedCallbacks("").check("https://example.com/")


async def test_an_address_that_became_private_is_given_up_at_once(
    world: World, tenant: Tenant
) -> None:
    """It is no failure that time mends."""
    job_id = await world.derived.jobs.ask(
        tenant,
        JobKind.DELIVER,
        now=world.now(),
        key="x",
        payload={"callback_url": "ftp://x/", "callback_headers": {}, "body": {}},
    )

    await derive_tenant(tenant, world)
    job = await world.derived.jobs.find(tenant, job_id)

    assert job is not None
    assert job.state is JobState.DEAD
