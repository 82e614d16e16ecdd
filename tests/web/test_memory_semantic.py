"""
Entries of callers: kept, found by meaning, words and metadata, never outside of their tier.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from starlette.types import ASGIApp

from contract.memory.hashing import HashingEmbedder
from odyssey.adapters.redis_embedding import AskedEmbedder, answering
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Recollection, Record, Tenant, Trust
from odyssey.domain.memory.scope import Scope, Shelf
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.web.app import create_app
from web.github_on_paper import WIDGETS
from web.rest import assert_error, bearer, propose

MEMORY = "/api/v1/memory"
WHERE = {"repository": "octo-org/widgets"}


async def post(
    client: httpx.AsyncClient, path: str, body: Mapping[str, Any], *, by: str = "mona"
) -> httpx.Response:
    """The answer to a request about the widgets."""
    return await client.post(f"{MEMORY}/{path}", json={**WHERE, **body}, headers=bearer(by))


async def add(client: httpx.AsyncClient, text: str, *, by: str = "mona", **more: Any) -> str:
    """The id of an entry that was added."""
    response = await post(client, "semantic/add", {"text": text, **more}, by=by)
    assert response.status_code == 201, response.text
    assert response.json()["message"] == "Semantic entry added successfully."
    return str(response.json()["id"])


async def query(client: httpx.AsyncClient, text: str, *, by: str = "mona", **more: Any) -> Any:
    """The results of a query."""
    response = await post(client, "semantic/query", {"query_text": text, **more}, by=by)
    assert response.status_code == 200, response.text
    return response.json()["results"]


def over(ports: Ports, settings: Settings) -> httpx.AsyncClient:
    """A client of the application over other ports."""
    app: ASGIApp = create_app(settings, ports)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://odyssey")


@pytest_asyncio.fixture
async def meaning(
    ports: Ports, app_settings: Settings, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """
    A client of an application whose memory has vectors.
    """
    memory = SqliteMemory(tmp_path / "with-vectors", HashingEmbedder())
    async with over(replace(ports, memory=memory), app_settings) as client:
        yield client
    await memory.close()


async def test_an_entry_is_found_with_the_metadata_it_came_with(client: httpx.AsyncClient) -> None:
    """
    Any keys, also those that memory itself uses; numbers, lists and objects stay what they are.
    """
    metadata = {
        "source": "astronomy_log",
        "Year of it": 2024,
        "tags": ["far", 1],
        "deep": {"a": None},
    }
    name = await add(client, "A new planetary system in Andromeda", metadata=metadata, id="astro/1")
    (found,) = await query(client, "planetary system")

    assert name == "astro/1"
    assert found["id"] == "astro/1"
    assert found["text"] == "A new planetary system in Andromeda"
    assert found["metadata"] == metadata
    assert found["trust"] == "person"


async def test_a_filter_takes_any_key_and_all_must_match(client: httpx.AsyncClient) -> None:
    """
    By equality of JSON values: 2024 is 2024.0 and not "2024".
    """
    await add(client, "An error in billing", metadata={"type": "error", "year": 2024}, id="one")
    await add(client, "An error in shipping", metadata={"type": "error", "year": "2024"}, id="two")

    async def ids(wanted: dict[str, Any]) -> set[str]:
        return {each["id"] for each in await query(client, "error", metadata_filter=wanted)}

    assert await ids({"type": "error"}) == {"one", "two"}
    assert await ids({"type": "error", "year": 2024.0}) == {"one"}
    assert await ids({"year": "2024"}) == {"two"}
    assert await ids({"typo": "error"}) == set()


async def test_distance_is_one_minus_the_cosine(meaning: httpx.AsyncClient) -> None:
    """
    What is less alike is further away; who said it counts a little too.
    """
    await add(meaning, "The billing module failed", id="same")
    await add(meaning, "The billing page is blue", id="other")
    found = {
        each["id"]: each["distance"] for each in await query(meaning, "The billing module failed")
    }

    assert 0 <= found["same"] < found["other"] <= 2


async def test_secrets_are_kept_neither_in_text_nor_in_metadata(client: httpx.AsyncClient) -> None:
    """
    Also where the key says that it is one; a filter with the secret finds the masked one.
    """
    token = "ghp_" + "a1B2" * 9
    metadata = {"token of": token, "password": "hunter22", "deep": [{"note": f"uses {token}"}]}
    await add(client, f"Use {token} for it", metadata=metadata)
    (found,) = await query(client, "use", metadata_filter={"token of": token})

    assert "masked" in found["text"]
    assert found["metadata"]["password"] == "[masked: secret]"
    assert token not in str(found)
    assert "hunter22" not in str(found)


async def test_the_same_id_again_is_the_same_entry_or_a_conflict(client: httpx.AsyncClient) -> None:
    """
    What was kept stays: another text under its id is refused and not dropped in silence.
    """
    await add(client, "First", id="one")
    await add(client, "First", id="one")
    response = await post(client, "semantic/add", {"text": "Second", "id": "one"})

    assert_error(response, 409, "EntryExists")
    assert [each["text"] for each in await query(client, "first second")] == ["First"]


async def test_what_is_a_persons_own_is_in_nobody_elses_answer(client: httpx.AsyncClient) -> None:
    """
    Nor in the repository's; and an id there tells nobody that it is taken.
    """
    mine = {"tier": "person", "person": "mona"}
    await add(client, "My own plan", id="plan", **mine)
    await add(client, "Our plan", id="plan")
    of_all = await query(client, "plan", by="reader")
    of_mona = await query(client, "plan", **mine)
    refused = await post(client, "semantic/query", {"query_text": "plan", **mine}, by="reader")

    assert [each["text"] for each in of_all] == ["Our plan"]
    assert "My own plan" in [each["text"] for each in of_mona]
    assert_error(refused, 403, "PermissionDenied")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("semantic/add", {"text": " "}, 400),
        ("semantic/add", {"text": "x", "metadata": {"k": "v" * 20_000}}, 400),
        ("semantic/add", {"text": "x", "id": "no spaces"}, 400),
        ("semantic/add", {"text": "x", "unknown": 1}, 400),
        ("semantic/add", {"text": "x", "tier": "person"}, 422),
        ("semantic/query", {"query_text": "x", "top_k": 0}, 400),
        ("semantic/query", {"query_text": "x", "tier": "thread"}, 422),
        ("hybrid/query", {"query_text": "x", "structured_options": {"include_all": True}}, 400),
    ],
)
async def test_a_body_that_cannot_be_meant_is_refused(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], status: int
) -> None:
    """
    With `error` and `detail`.
    """
    response = await post(client, path, body)

    assert response.status_code == status, response.text
    assert set(response.json()) == {"error", "detail"}


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "x", "metadata": {"n": NaN}}',
        '{"text": "x", "metadata": {"n": 1e999}}',
        '{"text": "x", "metadata": {"n": ' + "[" * 300 + "]" * 300 + "}}",
    ],
)
async def test_metadata_that_json_cannot_give_back_is_refused(
    client: httpx.AsyncClient, text: str
) -> None:
    """
    Before it is kept: every later answer with it would fail.
    """
    body = text.replace("{", '{"repository": "octo-org/widgets", ', 1)
    headers = {**bearer("mona"), "Content-Type": "application/json"}
    response = await client.post(f"{MEMORY}/semantic/add", content=body, headers=headers)

    assert_error(response, 400, "BadRequest")


async def test_half_a_surrogate_pair_in_metadata_is_a_question_mark(
    client: httpx.AsyncClient,
) -> None:
    """
    JSON can carry it, and a store cannot; a text with it is no text.
    """
    headers = {**bearer("mona"), "Content-Type": "application/json"}
    body = '{"repository": "octo-org/widgets", "text": "%s", "metadata": {"half": "%s"}}'
    added = await client.post(
        f"{MEMORY}/semantic/add", content=body % ("whole", "\\ud800"), headers=headers
    )
    refused = await client.post(
        f"{MEMORY}/semantic/add", content=body % ("\\ud800", "whole"), headers=headers
    )
    (found,) = await query(client, "whole")

    assert added.status_code == 201
    assert found["metadata"] == {"half": "?"}
    assert_error(refused, 400, "BadRequest")


async def test_reading_takes_read_and_adding_takes_write(client: httpx.AsyncClient) -> None:
    """
    A stranger learns nothing; a service token vouches for no person.
    """
    read = await post(client, "semantic/add", {"text": "x"}, by="reader")
    stranger = await post(client, "semantic/query", {"query_text": "x"}, by="stranger")
    service = await post(client, "semantic/add", {"text": "x", "trust": "person"}, by="service")
    nobody = await client.post(f"{MEMORY}/semantic/query", json={"query_text": "x"})

    assert_error(read, 403, "PermissionDenied")
    assert_error(stranger, 404, "NotFound")
    assert service.status_code == 422
    assert nobody.status_code == 401


async def test_a_hybrid_query_brings_everything_newest_first(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """
    Entries, tasks, log entries, plans and proposals, each as the filters say.
    """
    await add(client, "Billing errors", metadata={"timestamp": "2023-11-15T10:00:00+00:00"})
    task = {"task_id": "t1", "execution_summary": "Billing fixed", "success": False}
    assert (await post(client, "store", task)).status_code == 201
    receipt = await propose(client)
    failed = Record(
        id="prop_x:failed",
        kind="validation",
        text="Validation failed: billing",
        occurred_at=ports.now(),
        trust=Trust.TOOL,
        source="https://github.com/octo-org/widgets/pull/1",
        actor="sandbox",
    )
    merged = replace(failed, id="prop_x:merged", kind="merge", text="Merged: billing")
    await ports.memory.retain(tenant_of(WIDGETS), [failed, merged])
    for label, text in (("plan_billing", "First mend billing"), ("habits", "Tabs")):
        put = await client.put(
            f"{MEMORY}/blocks/{label}", json={**WHERE, "value": text}, headers=bearer("mona")
        )
        assert put.status_code == 200, put.text
    options = {
        "include_tasks": True,
        "task_status_filter": "failed",
        "include_db_logs": True,
        "db_log_level_filter": "ERROR",
        "include_plans": True,
        "include_proposals": True,
    }
    response = await post(
        client,
        "hybrid/query",
        {
            "query_text": "billing errors",
            "semantic_metadata_filter": {"timestamp": "2023-11-15T10:00:00+00:00"},
            "structured_options": options,
        },
    )
    results = response.json()["results"]

    assert response.status_code == 200, response.text
    assert [each["source_type"] for each in results][-1] == "semantic_match"
    assert {each["source_type"] for each in results} == {
        "semantic_match", "task", "db_log", "plan", "proposal",
    }  # fmt: skip
    assert [each["content"]["id"] for each in results if each["source_type"] == "plan"] == [
        "plan_billing"
    ]
    assert [each["timestamp"] for each in results] == sorted(
        (each["timestamp"] for each in results), reverse=True
    )
    by_type = {each["source_type"]: each for each in results}
    assert by_type["task"]["content"]["status"] == "failed"
    assert by_type["db_log"]["content"]["message"] == "Validation failed: billing"
    assert by_type["proposal"]["content"]["id"] == receipt["proposal_id"]
    assert by_type["task"]["relevance_score"] is None
    assert by_type["semantic_match"]["relevance_score"] == pytest.approx(
        1 - by_type["semantic_match"]["content"]["distance"]
    )


async def test_events_come_newest_first_in_pages(client: httpx.AsyncClient) -> None:
    """
    Each once, until `next_offset` is null.
    """
    for number in range(5):
        await add(
            client, f"Entry {number}", metadata={"timestamp": f"2026-01-0{number + 1}T00:00:00Z"}
        )
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        response = await client.get(
            f"{MEMORY}/events",
            params={**WHERE, "limit": 2, "offset": offset},
            headers=bearer("reader"),
        )
        seen += [each["text"] for each in response.json()["events"]]
        offset = response.json()["next_offset"]

    assert seen == [f"Entry {number}" for number in (4, 3, 2, 1, 0)]


class Away(SqliteMemory):
    """
    A store that can be written by its outbox alone, as while a server is away.
    """

    async def recall(
        self,
        tenant: Tenant,
        query: str,
        *,
        scope: Scope,
        limit: int = 8,
        kinds: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
        shelf: Shelf = Shelf.EVENT,
    ) -> list[Recollection]:
        """Raises `Unavailable`."""
        raise Unavailable("the store does not answer")

    async def read(
        self, tenant: Tenant, ids: Sequence[str], *, shelf: Shelf = Shelf.EVENT
    ) -> dict[str, Record]:
        """Raises `Unavailable`."""
        raise Unavailable("the store does not answer")


async def test_while_the_store_is_away_queries_wait_and_nothing_is_lost(
    client: httpx.AsyncClient, ports: Ports, app_settings: Settings, tmp_path: Path
) -> None:
    """
    503 for a query; what was added meanwhile is found when the store is back.
    """
    away = Away(tmp_path / "memory")
    async with over(replace(ports, memory=away), app_settings) as other:
        name = await add(other, "Added in the dark", id="dark")
        refused = await post(other, "semantic/query", {"query_text": "dark"})
    await away.close()
    found = await query(client, "dark")

    assert_error(refused, 503, "Unavailable")
    assert "Retry-After" in refused.headers
    assert [each["id"] for each in found] == [name]


async def test_an_id_that_could_not_be_looked_up_is_said_so_and_the_same_again_tells(
    client: httpx.AsyncClient, ports: Ports, app_settings: Settings, tmp_path: Path
) -> None:
    """
    While the store is away nobody knows who has the id; what is there already stays.
    """
    body = {"text": "First", "id": "one"}
    first = await post(client, "semantic/add", body)
    away = Away(tmp_path / "memory")
    async with over(replace(ports, memory=away), app_settings) as other:
        blind = await post(other, "semantic/add", {"text": "Second", "id": "one"})
        unnamed = await post(other, "semantic/add", {"text": "Third"})
    await away.close()
    same = await post(client, "semantic/add", body)
    again = await post(client, "semantic/add", {"text": "Second", "id": "one"})

    assert [each.status_code for each in (first, blind, unnamed, same)] == [201] * 4
    assert [each.json()["id_checked"] for each in (first, blind, unnamed, same)] == [
        True, False, True, True,
    ]  # fmt: skip
    assert_error(again, 409, "EntryExists")


async def test_a_worker_embeds_for_the_web_process_and_without_one_words_are_compared(
    ports: Ports, redis: Redis, app_settings: Settings, tmp_path: Path
) -> None:
    """
    Each result says which; a worker that ends costs no answer.
    """
    writes = SqliteMemory(tmp_path / "shared", HashingEmbedder())
    reads = SqliteMemory(tmp_path / "shared", queries=AskedEmbedder(redis, "hashing"))
    body = {"query_text": "billing failed"}
    async with over(replace(ports, memory=reads), app_settings) as client:
        await add(client, "The billing module failed", id="one")
        await writes.catch_up()
        before = await query(client, "billing failed")
        async with answering(redis, HashingEmbedder()):
            async with asyncio.timeout(20):
                while not await redis.exists("odyssey:embed:hashing:present"):
                    pass
            during = await query(client, "billing failed")
            hybrid = await post(client, "hybrid/query", body)
        await redis.delete("odyssey:embed:hashing:present")
        after = await query(client, "billing failed")
    await writes.close()
    await reads.close()

    assert [each["matched_by"] for each in (*before, *during, *after)] == [
        "words",
        "meaning",
        "words",
    ]
    assert [each["distance"] < 1 for each in (*before, *during, *after)] == [False, True, False]
    assert hybrid.json()["results"][0]["content"]["matched_by"] == "meaning"
