"""
Learning over every store: a source taken back, what was believed then, several at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest_asyncio

from contract.memory.records import record
from contract.notebook.learning import action, actions, texts
from contract.notebook.scripted_ollama import ScriptedOllama, scripted_ollama
from contract.notebook.world import World
from odyssey.adapters.notebook.opening import make_notebooks, memory_ports
from odyssey.adapters.ollama_language import OllamaLanguage
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Shelf
from odyssey.handlers.memory.derive import derive_tenant
from odyssey.handlers.memory.observe import find_observations, invalidate

TIMEOUT = timedelta(seconds=20)


@pytest_asyncio.fixture
async def model() -> AsyncIterator[ScriptedOllama]:
    """What answers for the language model."""
    async with scripted_ollama() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def world(derived: World, model: ScriptedOllama) -> AsyncIterator[World]:
    """Each store in turn, with notebooks and a model."""
    language = OllamaLanguage("scripted", url=model.url, timeout=TIMEOUT)
    yield replace(derived, derived=replace(derived.derived, language=language))
    await language.close()


@pytest_asyncio.fixture
async def beside(world: World, tmp_path: Path) -> AsyncIterator[World]:
    """The same as a second process sees it: notebooks opened once more."""
    notebooks = make_notebooks(tmp_path / "notes")
    ports = memory_ports(notebooks, language=world.derived.language)
    yield replace(world, derived=ports, notebooks=notebooks)
    await notebooks.close()


def one_each(text: str) -> Callable[[str], dict[str, object]]:
    """A model that makes one observation of all it is shown, unless there is one."""
    return lambda shown: (
        actions() if "O1 " in shown else actions(action("create", text=text, sources=["R1", "R2"]))
    )


async def rows(world: World, tenant: Tenant, query: str) -> list[tuple[str, str]]:
    """What the index holds of observations: text and status."""
    found = await world.memory.recall(
        tenant, query, scope=REPOSITORY, limit=5, shelf=Shelf.OBSERVATION
    )
    return [(each.record.text, each.record.attributes["status"]) for each in found]


async def test_a_source_that_is_taken_back_takes_what_rests_on_it_out_of_the_index(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """First it stays and is judged again; without a source left its words are found no more."""
    model.script = one_each("the gateway is slow")
    await world.memory.retain(tenant, [record("c1", "slow"), record("c2", "very slow")])
    await derive_tenant(tenant, world)

    first = await invalidate(tenant, ["c1"], world, scope=REPOSITORY)
    [stale] = await find_observations(tenant, world, scope=REPOSITORY, query="gateway slow")
    model.script = lambda _: actions()
    await derive_tenant(tenant, world)
    [judged] = await find_observations(tenant, world, scope=REPOSITORY, query="gateway slow")
    second = await invalidate(tenant, ["c2"], world, scope=REPOSITORY)

    assert (first, second) == (1, 1)
    assert (stale.observation.is_fresh, stale.observation.proof_count) == (False, 1)
    assert judged.observation.is_fresh
    assert await find_observations(tenant, world, scope=REPOSITORY, query="gateway slow") == []
    assert await rows(world, tenant, "gateway slow") == [("(deleted)", "deleted")]


async def test_what_was_believed_is_told_as_of_a_moment(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """The index has the present words alone; the notebook has those of then."""
    model.script = lambda _: actions(action("create", text="the team uses pip"))
    await world.memory.retain(tenant, [record("c1", "we use pip")])
    before_all = world.now() - timedelta(minutes=1)
    await derive_tenant(tenant, world)
    then = world.now()
    world.now.forward(timedelta(hours=1))
    await world.memory.retain(tenant, [record("c2", "we moved to uv")])
    model.script = lambda _: actions(
        action("update", observation="O1", text="the team used to use pip, now uv")
    )
    await derive_tenant(tenant, world)

    [now] = await find_observations(tenant, world, scope=REPOSITORY, query="pip")
    [old] = await find_observations(tenant, world, scope=REPOSITORY, query="pip", moment=then)
    none = await find_observations(tenant, world, scope=REPOSITORY, moment=before_all)

    assert (now.observation.text, now.observation.version) == (
        "the team used to use pip, now uv", 2,
    )  # fmt: skip
    assert (old.observation.text, old.observation.version) == ("the team uses pip", 1)
    assert none == []
    assert await rows(world, tenant, "pip") == [("the team used to use pip, now uv", "active")]


async def test_of_several_that_consolidate_at_a_time_each_record_is_learnt_from_once(
    world: World, beside: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Two processes, several rounds at once, and records that come in between."""
    seen: list[str] = []

    def script(shown: str) -> dict[str, object]:
        names = [name for name in (f"word{each:02}" for each in range(20)) if name in shown]
        fresh = [name for name in names if f"fact {name}" not in shown]
        seen.extend(fresh)
        return actions(*(action("create", text=f"fact {name}") for name in fresh))

    model.script = script
    some = [record(f"c{each}", f"word{each:02}", minutes=each) for each in range(20)]
    await world.memory.retain(tenant, some[:10])

    async with asyncio.timeout(120):
        await asyncio.gather(
            derive_tenant(tenant, world),
            derive_tenant(tenant, beside),
            world.memory.retain(tenant, some[10:]),
            derive_tenant(tenant, world),
            derive_tenant(tenant, beside),
        )
        while await derive_tenant(tenant, world):
            pass

    expected = [f"fact word{each:02}" for each in range(20)]
    assert sorted(f"fact {name}" for name in seen) == expected
    assert await texts(world, tenant) == expected
    found = await find_observations(tenant, world, scope=REPOSITORY, query="fact word07")
    assert found[0].observation.text == "fact word07"
    assert {one.observation.version for one in found} == {1}
