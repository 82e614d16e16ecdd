"""
Messages of conversations over REST: each is kept, in its conversation, or the sender is told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from odyssey.settings import Settings
from web.github_on_paper import WIDGETS
from web.rest import assert_error, bearer
from web.test_memory_semantic import Away, over

MESSAGES = "/api/v1/memory/conversations/messages"
TENANT = tenant_of(WIDGETS)


def message(content: str, name: str = "", role: str = "user") -> dict[str, str]:
    """One message of a request."""
    return {"role": role, "content": content, "id": name}


async def send(
    client: httpx.AsyncClient, *messages: dict[str, str], by: str = "mona", **more: Any
) -> httpx.Response:
    """The answer to messages in Mona's own tier."""
    whose = {"repository": "octo-org/widgets", "person": "mona"}
    return await client.post(
        MESSAGES, json={**whose, "messages": messages, **more}, headers=bearer(by)
    )


async def kept(ports: Ports, tenant: Tenant = TENANT) -> list[Record]:
    """Every message that is kept, by its words."""
    found = [each.record async for each in ports.memory.export(tenant)]
    return sorted(found, key=lambda one: one.text)


@pytest_asyncio.fixture
async def dark(
    ports: Ports, app_settings: Settings, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A client while the store is away; what it takes in is in the same files."""
    away = Away(tmp_path / "memory")
    async with over(replace(ports, memory=away), app_settings) as client:
        yield client
    await away.close()


async def test_other_words_under_one_id_are_refused_and_nothing_of_the_request_is_kept(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """They were dropped in silence; the same words again are the same message."""
    await send(client, message("Good morning", "m1"))
    again = await send(client, message("Good morning", "m1"))

    other = await send(client, message("New", "m2"), message("Good night", "m1"))
    within = await send(client, message("One", "m3"), message("Two", "m3"))

    assert (again.status_code, again.json()["waiting"]) == (202, 1)
    assert_error(other, 409, "MessageExists")
    assert "message m1" in other.json()["detail"]
    assert_error(within, 409, "MessageExists")
    assert [each.text for each in await kept(ports)] == ["Good morning"]


async def test_two_conversations_may_number_their_messages_alike(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """Each `session_id` has ids of its own; the record says which it was."""
    answers = [
        await send(client, message("Good morning", "m1"), session_id="monday"),
        await send(client, message("Good night", "m1"), session_id="tuesday"),
        await send(client, message("Good grief", "m1")),
        await send(client, message("Good morning", "m1"), session_id="monday"),
    ]

    assert [each.status_code for each in answers] == [202] * 4
    assert answers[0].json()["record_ids"] == answers[3].json()["record_ids"]
    assert [(each.text, each.attributes.get("session")) for each in await kept(ports)] == [
        ("Good grief", None),
        ("Good morning", "monday"),
        ("Good night", "tuesday"),
    ]


async def test_a_batch_is_of_one_conversation(client: httpx.AsyncClient, ports: Ports) -> None:
    """Two half full ones are not learnt from together, also when they have waited long."""
    for session in ("monday", "tuesday"):
        half = [message(f"{session} {number}") for number in range(6)]
        answer = await send(client, *half, session_id=session)
        assert (answer.json()["job_ids"], answer.json()["waiting"]) == ([], 6)
    rest = [message(f"monday {number}") for number in range(6, 10)]

    full = await send(client, *rest, session_id="monday")
    waited = await ports.derived.conversations.flush(
        TENANT, added_before=ports.now(), size=10, now=ports.now()
    )
    batches = [
        await ports.derived.jobs.find(TENANT, each) for each in (*full.json()["job_ids"], *waited)
    ]
    texts = {each.id: each.text for each in await kept(ports)}

    assert [
        (job.payload["scope"], {texts[each].split()[0] for each in job.payload["records"]})
        for job in batches
        if job is not None
    ] == [("person:mona", {"monday"}), ("person:mona", {"tuesday"})]


async def test_while_the_store_is_away_no_words_are_lost_behind_an_id(
    client: httpx.AsyncClient, dark: httpx.AsyncClient, ports: Ports
) -> None:
    """What is new is taken in; what may be there with other words is to be sent again."""
    first = await send(dark, message("Good morning", "m1"))
    unnamed = await send(dark, message("Good day"))
    unclear = await send(dark, message("Good night", "m1"))
    later = await send(client, message("Good night", "m1"))

    assert (first.status_code, unnamed.status_code) == (202, 202)
    assert_error(unclear, 503, "Unavailable")
    assert_error(later, 409, "MessageExists")
    assert [each.text for each in await kept(ports)] == ["Good day", "Good morning"]


async def test_a_service_vouches_for_no_person(client: httpx.AsyncClient, ports: Ports) -> None:
    """What it sends as a user's words the model is not shown as written by a person."""
    said = [message(role, role=role) for role in ("assistant", "memory", "tool", "user")]
    await send(client, *said, by="service")
    of_service = [(each.text, each.trust, each.actor) for each in await kept(ports)]
    await send(client, message("by herself"))

    assert of_service == [
        ("assistant", Trust.AGENT, "api_user:ci"),
        ("memory", Trust.INJECTED, "api_user:ci"),
        ("tool", Trust.TOOL, "api_user:ci"),
        ("user", Trust.TOOL, "api_user:ci"),
    ]
    assert [
        (each.trust, each.actor) for each in await kept(ports) if each.text == "by herself"
    ] == [(Trust.PERSON, "mona")]
