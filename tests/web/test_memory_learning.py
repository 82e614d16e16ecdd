"""
Learning over REST, with a model: asked for again, of everything, as it was, by its trend.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from contract.memory.records import NOON, record
from contract.notebook.learning import action, actions
from contract.notebook.scripted_ollama import ScriptedOllama, scripted_ollama
from contract.notebook.test_callbacks import receiving
from contract.notebook.written import write_observations
from odyssey.adapters.callbacks import SignedCallbacks
from odyssey.adapters.ollama_language import OllamaLanguage
from odyssey.domain.memory.observation import Observation, Source, updated
from odyssey.handlers.memory.derive import derive_once
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from web.conftest import Clock
from web.github_on_paper import WIDGETS
from web.rest import bearer

MEMORY = "/api/v1/memory"
WHERE = {"repository": "octo-org/widgets"}
TENANT = tenant_of(WIDGETS)
SECRET = "a callback secret"


@pytest_asyncio.fixture
async def model() -> AsyncIterator[ScriptedOllama]:
    """What answers for the language model."""
    async with scripted_ollama() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def ports(ports: Ports, model: ScriptedOllama) -> AsyncIterator[Ports]:
    """Ports with a model, that may post to this machine."""
    language = OllamaLanguage("scripted", url=model.url, timeout=timedelta(seconds=5))
    callbacks = SignedCallbacks(SECRET, allow_private=True)
    yield replace(ports, derived=replace(ports.derived, language=language, callbacks=callbacks))
    await language.close()


async def consolidate(client: httpx.AsyncClient, **asked: bool) -> list[str]:
    """The jobs that were asked for."""
    answer = await client.post(
        f"{MEMORY}/consolidate", json={**WHERE, **asked}, headers=bearer("mona")
    )
    assert (answer.status_code, answer.json()["waits_for"]) == (202, None), answer.text
    jobs: list[str] = answer.json()["job_ids"]
    return jobs


async def observations(client: httpx.AsyncClient, **asked: str) -> list[dict[str, Any]]:
    """What the repository believes."""
    answer = await client.get(
        f"{MEMORY}/observations", params={**WHERE, **asked}, headers=bearer("reader")
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def counters(client: httpx.AsyncClient) -> dict[str, Any]:
    """How the jobs stand."""
    answer = await client.get(f"{MEMORY}/jobs", params=WHERE, headers=bearer("reader"))
    stand: dict[str, Any] = answer.json()
    return stand


async def test_what_was_imported_is_learnt_from_when_everything_is_asked_for(
    client: httpx.AsyncClient, ports: Ports, model: ScriptedOllama
) -> None:
    """Nobody noted it before; asked for twice, it is learnt from once."""
    model.script = lambda _: actions(action("create", text="ada said hello"))
    await ports.memory.retain(TENANT, [record("c1", "hello")])

    nothing = await consolidate(client)
    jobs = await consolidate(client, everything=True)
    await derive_once(ports)
    twice = await consolidate(client, everything=True)
    [found] = await observations(client, query="what ada said")

    assert (nothing, len(jobs), twice) == ([], 1, [])
    assert found["text"] == "ada said hello"
    assert [each["record_id"] for each in found["sources"]] == ["c1"]


async def test_a_dead_letter_gets_its_attempts_again(
    client: httpx.AsyncClient, ports: Ports, model: ScriptedOllama, clock: Clock
) -> None:
    """Its record waits for that, and the counters say why."""
    model.script = lambda _: "no json"
    await ports.derived.learning.note(TENANT, [record("c1", "hello")], now=ports.now())
    await ports.memory.retain(TENANT, [record("c1", "hello")])
    for _ in range(4):
        await derive_once(ports)
        clock.advance(timedelta(minutes=20))
    given_up = await counters(client)
    nothing = await consolidate(client)
    model.script = lambda _: actions(action("create", text="ada said hello"))

    jobs = await consolidate(client, again=True)
    await derive_once(ports)

    assert (given_up["jobs"]["consolidate"], given_up["failed"]) == ({"dead": 1}, 1)
    assert len(given_up["dead_reasons"]) == 1
    assert (nothing, len(jobs)) == ([], 1)
    assert [each["text"] for each in await observations(client)] == ["ada said hello"]
    assert (await counters(client))["failed"] == 0


async def test_a_summary_follows_by_a_signed_callback(
    client: httpx.AsyncClient, ports: Ports, model: ScriptedOllama
) -> None:
    """202 with the task's id, and the post has the same; headers of the caller's come with it."""
    model.script = lambda _: {"summary": "The gateway counts its retries."}
    async with receiving() as receiver:
        accepted = await client.post(
            f"{MEMORY}/summaries",
            json={
                **WHERE,
                "messages": [{"role": "user", "content": "The gateway must count its retries."}],
                "callback_url": f"{receiver.url}/hook",
                "callback_headers": {"X-Thread": "pull-7"},
            },
            headers=bearer("mona"),
        )
        before = len(receiver.posts)
        await derive_once(ports)
        [(headers, body)] = receiver.posts
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    told = json.loads(body)

    assert (accepted.status_code, before) == (202, 0)
    assert told["task_id"] == accepted.json()["task_id"]
    assert (told["status"], told["delivery"]) == ("completed", "webhook")
    assert (told["content"], told["method"]) == ("The gateway counts its retries.", "model")
    assert headers["x-hub-signature-256"] == f"sha256={mac}"
    assert (headers["x-odyssey-event"], headers["x-thread"]) == ("memory.summary", "pull-7")


@pytest.fixture
def first() -> Observation:
    """What one old record says."""
    return Observation(
        key="obs_1", version=1, text="The team uses pip", sources=(Source(NOON, "c1"),),
        confidence=0.9, scope="repository", created_at=NOON,
    )  # fmt: skip


async def believe(ports: Ports, *versions: Observation) -> None:
    """Writes versions."""
    await write_observations(
        TENANT, versions, jobs=ports.derived.jobs, observations=ports.derived.observations,
        now=ports.now(),
    )  # fmt: skip


async def test_what_was_believed_at_a_moment_is_shown_with_every_version(
    client: httpx.AsyncClient, ports: Ports, first: Observation
) -> None:
    """Before the change the old text, before the first nothing; versions where asked for."""
    later = NOON + timedelta(days=2)
    await believe(ports, first)
    await believe(ports, *updated(
        first, text="The team used to use pip, now uv", sources=[Source(later, "c2")],
        confidence=0.8, at=later,
    ))  # fmt: skip

    now = await observations(client)
    then = await observations(client, as_of=(NOON + timedelta(days=1)).isoformat())
    never = await observations(client, as_of=(NOON - timedelta(days=1)).isoformat())
    [whole] = await observations(client, versions="true")

    assert [(each["text"], each["version"]) for each in now] == [
        ("The team used to use pip, now uv", 2)
    ]
    assert [(each["text"], each["version"]) for each in then] == [("The team uses pip", 1)]
    assert never == []
    assert now[0]["versions"] is None
    assert [
        (each["version"], each["status"], each["proof_count"]) for each in whole["versions"]
    ] == [
        (1, "updated", 1),
        (2, "active", 2),
    ]


async def test_observations_are_narrowed_by_their_trend(
    client: httpx.AsyncClient, ports: Ports, first: Observation
) -> None:
    """As it is now, and as it was; a trend that there is not is no wider answer."""
    today = Source(ports.now(), "c2")
    fresh = replace(first, key="obs_2", text="The ferry sank", sources=(today,))
    await believe(ports, first)
    await believe(ports, fresh)

    async def keys(**asked: str) -> list[str]:
        return [each["id"] for each in await observations(client, **asked)]

    assert await keys(trend="stale") == ["obs_1"]
    assert await keys(trend="new") == ["obs_2"]
    assert await keys(trend="weakening") == []
    assert sorted(await keys(trend="new", as_of=NOON.isoformat())) == ["obs_1", "obs_2"]
    wrong = await client.get(
        f"{MEMORY}/observations", params={**WHERE, "trend": "rising"}, headers=bearer("reader")
    )
    assert wrong.status_code == 400
