"""
Subscriptions: who is told what happens in memory, signed, in time, and never to the inside.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from odyssey.adapters.callbacks import SignedCallbacks
from odyssey.domain.memory.happening import Happened, MemoryEvent
from odyssey.handlers.memory.derive import derive_once
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.web.app import create_app
from web.conftest import Clock
from web.rest import assert_error, bearer

MEMORY = "/api/v1/memory"
WHERE = {"repository": "octo-org/widgets"}


@dataclass(slots=True)
class Receiver:
    """
    An HTTP server that answers every POST with `status`.
    """

    url: str = ""
    status: str = "204 No Content"
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        pairs = [line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line]
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append((headers, body))
        location = f"Location: {self.url}/elsewhere\r\n" if self.status.startswith("30") else ""
        writer.write(f"HTTP/1.1 {self.status}\r\n{location}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """
    A receiver on this machine.
    """
    made = Receiver()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()
    await server.wait_closed()


@pytest.fixture
def ports(ports: Ports) -> Ports:
    """
    Ports that may post to this machine.
    """
    callbacks = SignedCallbacks("", allow_private=True)
    return replace(ports, derived=replace(ports.derived, callbacks=callbacks))


async def subscribe(client: httpx.AsyncClient, url: str, *events: str) -> Any:
    """A new subscription."""
    body = {**WHERE, "url": url, "events": events or ["memory.stored"]}
    response = await client.post(f"{MEMORY}/subscriptions", json=body, headers=bearer("mona"))
    assert response.status_code == 201, response.text
    return response.json()


async def listed(client: httpx.AsyncClient) -> Any:
    """All subscriptions."""
    response = await client.get(f"{MEMORY}/subscriptions", params=WHERE, headers=bearer("mona"))
    return response.json()


async def add(client: httpx.AsyncClient, name: str) -> None:
    """An entry, which is stored."""
    body = {**WHERE, "text": "A secret thought", "id": name}
    response = await client.post(f"{MEMORY}/semantic/add", json=body, headers=bearer("mona"))
    assert response.status_code == 201, response.text


async def test_what_is_stored_is_posted_once_and_signed(
    client: httpx.AsyncClient, ports: Ports, receiver: Receiver
) -> None:
    """
    With the secret that was shown once; ids and counts, and no text of a memory.
    """
    made = await subscribe(client, receiver.url)
    await add(client, "one")
    await derive_once(ports)
    await derive_once(ports)
    ((headers, body),) = receiver.requests
    mac = hmac.new(made["secret"].encode(), body, hashlib.sha256).hexdigest()
    (shown,) = await listed(client)

    assert headers["x-hub-signature-256"] == f"sha256={mac}"
    assert headers["x-odyssey-event"] == "memory.stored"
    told = json.loads(body)
    assert headers["x-odyssey-delivery"] == told["id"]
    assert told["repository"] == "octo-org/widgets"
    assert told["payload"]["id"] == "one"
    assert b"secret thought" not in body
    assert (shown["delivered"], shown["waiting"], shown["given_up"]) == (1, 0, 0)
    assert "secret" not in shown


async def store(client: httpx.AsyncClient, summary: str) -> None:
    """The outcome of one task."""
    body = {**WHERE, "task_id": "t1", "execution_summary": summary, "success": True}
    response = await client.post(f"{MEMORY}/store", json=body, headers=bearer("mona"))
    assert response.status_code == 201, response.text


async def test_what_happens_again_is_an_event_of_its_own(
    client: httpx.AsyncClient, ports: Ports, receiver: Receiver, clock: Clock
) -> None:
    """
    A task stored anew, a context suggested once more; each try to post one has one id.
    """
    receiver.status = "503 Away"
    await subscribe(client, receiver.url, "memory.stored", "memory.context.suggested")
    await store(client, "Painted it green")
    await client.get(
        f"{MEMORY}/tasks/t2/context",
        params={**WHERE, "task_description": "Paint it"},
        headers=bearer("mona"),
    )
    clock.advance(timedelta(seconds=1))
    await store(client, "Painted it blue")
    await client.get(
        f"{MEMORY}/tasks/t2/context",
        params={**WHERE, "task_description": "Paint it"},
        headers=bearer("mona"),
    )
    await derive_once(ports)
    receiver.status = "200 OK"
    clock.advance(timedelta(minutes=1))
    await derive_once(ports)
    tries = [(headers["x-odyssey-event"], headers["x-odyssey-delivery"])
             for headers, _ in receiver.requests]  # fmt: skip

    assert sorted(name for name, _ in set(tries)) == [
        "memory.context.suggested",
        "memory.context.suggested",
        "memory.stored",
        "memory.stored",
    ]
    assert sorted(tries[:4]) == sorted(tries[4:])


async def test_the_same_record_kept_again_is_the_same_event(
    client: httpx.AsyncClient, ports: Ports, receiver: Receiver, clock: Clock
) -> None:
    """
    A receiver that has it can leave it out by its id.
    """
    await subscribe(client, receiver.url)
    await add(client, "one")
    await derive_once(ports)
    clock.advance(timedelta(minutes=1))
    await add(client, "one")
    await add(client, "two")
    await derive_once(ports)
    ids = {headers["x-odyssey-delivery"] for headers, _ in receiver.requests}

    assert len(ids) == 2


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("archival", {"text": "A secret thought"}, "archival"),
        (
            "conversations/messages",
            {"messages": [{"role": "user", "content": "A secret thought"}]},
            "message",
        ),
    ],
)
async def test_passages_and_messages_are_told_of_as_well(
    client: httpx.AsyncClient,
    ports: Ports,
    receiver: Receiver,
    path: str,
    body: dict[str, Any],
    kind: str,
) -> None:
    """
    Each by its id, with its kind and tier.
    """
    await subscribe(client, receiver.url)
    sent = await client.post(f"{MEMORY}/{path}", json={**WHERE, **body}, headers=bearer("mona"))
    await derive_once(ports)
    ((_, told),) = receiver.requests
    receipt = sent.json()
    name = receipt["id"] if "id" in receipt else receipt["record_ids"][0]

    assert json.loads(told)["event"] == "memory.stored"
    assert json.loads(told)["payload"] == {"id": name, "kind": kind, "tier": "repository"}
    assert b"secret thought" not in told


async def test_only_the_events_that_were_asked_for_are_posted(
    client: httpx.AsyncClient, ports: Ports, receiver: Receiver
) -> None:
    """
    A subscriber to patterns hears nothing of entries.
    """
    await subscribe(client, receiver.url, "memory.pattern.learned")
    await add(client, "one")
    await derive_once(ports)

    assert receiver.requests == []


@pytest.mark.parametrize("status", ["500 Oops", "302 Found"])
async def test_what_cannot_be_posted_is_tried_again_and_given_up_at_last(
    client: httpx.AsyncClient, ports: Ports, receiver: Receiver, clock: Clock, status: str
) -> None:
    """
    Eight times with waits between; a redirect is not followed. Then it is counted.
    """
    receiver.status = status
    await subscribe(client, receiver.url)
    await add(client, "one")
    await derive_once(ports)
    await derive_once(ports)
    before = len(receiver.requests)
    for _ in range(12):
        clock.advance(timedelta(minutes=20))
        await derive_once(ports)
    (shown,) = await listed(client)

    assert before == 1
    assert len(receiver.requests) == 8
    assert (shown["waiting"], shown["given_up"]) == (0, 1)
    assert status[:3] in shown["last_problem"]


async def test_an_event_waits_for_a_receiver_that_comes_back(
    client: httpx.AsyncClient, ports: Ports, receiver: Receiver, clock: Clock
) -> None:
    """
    It is on the disk before the entry is answered; nothing is lost.
    """
    receiver.status = "503 Away"
    await subscribe(client, receiver.url)
    await add(client, "one")
    await derive_once(ports)
    receiver.status = "200 OK"
    clock.advance(timedelta(minutes=1))
    await derive_once(ports)
    (shown,) = await listed(client)

    assert len(receiver.requests) == 2
    assert (shown["delivered"], shown["waiting"]) == (1, 0)


async def test_a_subscription_that_ended_is_told_nothing(
    client: httpx.AsyncClient, ports: Ports, receiver: Receiver
) -> None:
    """
    Not even what waited for it.
    """
    made = await subscribe(client, receiver.url)
    await add(client, "one")
    gone = await client.delete(
        f"{MEMORY}/subscriptions/{made['id']}", params=WHERE, headers=bearer("mona")
    )
    again = await client.delete(
        f"{MEMORY}/subscriptions/{made['id']}", params=WHERE, headers=bearer("mona")
    )
    await derive_once(ports)

    assert gone.status_code == 204
    assert_error(again, 404, "NotFound")
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://127.0.0.1:9/", 422),
        ("http://[::1]/", 422),
        ("http://169.254.169.254/latest/", 422),
        ("http://10.0.0.1/", 422),
        ("http://[::ffff:127.0.0.1]/", 422),
        ("https://user:word@example.com/", 422),
        ("ftp://example.com/", 400),
    ],
)
async def test_an_address_of_the_inside_is_refused(
    ports: Ports, app_settings: Settings, url: str, status: int
) -> None:
    """
    Unless a setting allows it; what is no address of the web is no such body at all.
    """
    derived = replace(ports.derived, callbacks=SignedCallbacks(""))
    app = create_app(app_settings, replace(ports, derived=derived))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://odyssey") as client:
        response = await client.post(
            f"{MEMORY}/subscriptions",
            json={**WHERE, "url": url, "events": ["memory.stored"]},
            headers=bearer("mona"),
        )

    assert response.status_code == status, response.text
    assert set(response.json()) == {"error", "detail"}


async def test_subscribing_takes_permission_to_write(client: httpx.AsyncClient) -> None:
    """
    Looking at the addresses too.
    """
    body = {**WHERE, "url": "https://example.com/", "events": ["memory.stored"]}
    made = await client.post(f"{MEMORY}/subscriptions", json=body, headers=bearer("reader"))
    seen = await client.get(f"{MEMORY}/subscriptions", params=WHERE, headers=bearer("reader"))

    assert_error(made, 403, "PermissionDenied")
    assert_error(seen, 403, "PermissionDenied")


async def test_a_hook_in_the_process_is_told_and_one_that_fails_harms_nobody(
    client: httpx.AsyncClient, ports: Ports, tmp_path: Path
) -> None:
    """
    Until it ends its subscription.
    """
    told: list[MemoryEvent] = []

    async def listen(event: MemoryEvent) -> None:
        told.append(event)

    async def fail(event: MemoryEvent) -> None:
        raise RuntimeError(event.name)

    ports.derived.subscriptions.subscribe(fail)
    end = ports.derived.subscriptions.subscribe(listen)
    await add(client, "one")
    end()
    await add(client, "two")

    assert [(each.name, each.payload["id"]) for each in told] == [(Happened.STORED, "one")]
