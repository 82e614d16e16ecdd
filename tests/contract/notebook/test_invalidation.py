"""
Records that are taken back before anybody has noted them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.memory.records import NOON, record
from contract.notebook.learning import action, actions, texts
from contract.notebook.scripted_ollama import ScriptedOllama
from contract.notebook.world import World, opened
from odyssey.adapters.notebook import carried
from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.domain.memory.scope import REPOSITORY, Scope, Tier
from odyssey.domain.memory.stored import Stored
from odyssey.handlers.memory.consolidate import ask_consolidation, note_everything
from odyssey.handlers.memory.derive import derive_tenant
from odyssey.handlers.memory.observe import find_observations, invalidate

MONA = Scope.of_person("mona")


def of_mona(name: str) -> Record:
    """What is Mona's alone."""
    return Record(
        id=name, kind="comment", text="a secret plan", occurred_at=NOON, trust=Trust.PERSON,
        source="", actor="mona", person="mona", tier=Tier.PERSON,
    )  # fmt: skip


async def import_(world: World, tenant: Tenant, *records: Record) -> None:
    """Puts records in the store as an import does: nobody notes them."""
    await world.memory.load(tenant, [Stored(record=one) for one in records])


async def learn_everything(world: World, tenant: Tenant) -> None:
    """What `consolidate` does with `everything`, and the worker after it."""
    await note_everything(tenant, world)
    await ask_consolidation(tenant, world)
    await derive_tenant(tenant, world)


async def test_what_was_taken_back_before_it_was_noted_is_not_learnt(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Imported, invalidated, and then everything is to be learnt from: all but this."""
    model.script = lambda shown: actions(action("create", text=f"said: {'wrong' in shown}"))
    await import_(world, tenant, record("c1", "wrong"), record("c2", "right"))

    changed = await invalidate(tenant, ["c1"], world, scope=REPOSITORY)
    await learn_everything(world, tenant)

    assert changed == 0
    assert await texts(world, tenant) == ["said: False"]


async def test_nobody_takes_back_beforehand_what_will_be_anothers(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Whoever can work out the id of what Mona will say keeps nothing of it from being learnt."""
    model.script = lambda _: actions(action("create", text="mona plans"))
    for scope in (REPOSITORY, Scope.of_thread("pull/41"), Scope.of_person("ada")):
        await invalidate(tenant, ["m1"], world, scope=scope)
    await import_(world, tenant, of_mona("m1"))

    await learn_everything(world, tenant)
    [found] = await find_observations(tenant, world, scope=MONA)
    own = await invalidate(tenant, ["m1"], world, scope=MONA)

    assert found.observation.text == "mona plans"
    assert own == 1


@pytest.mark.parametrize("is_noted", [True, False])
async def test_what_was_taken_back_beforehand_is_carried_and_forgotten(
    tmp_path: Path, quiet_world: World, tenant: Tenant, is_noted: bool
) -> None:
    """Another server does not learn from it either; of Mona nothing is left."""
    await invalidate(tenant, ["m1"], quiet_world, scope=MONA)
    if is_noted:
        await quiet_world.derived.learning.note(tenant, [of_mona("m1")], now=quiet_world.now())
    units = await quiet_world.notebooks.read(tenant, lambda one: list(carried.each_unit(one)))
    async with opened(tmp_path / "there") as there:
        await there.notebooks.write(tenant, lambda one: carried.load(one, units))
        await there.derived.learning.note(tenant, [of_mona("m1")], now=there.now())
        open_there = await there.derived.learning.still(tenant, ["m1"])
        await there.derived.forget(tenant, person="mona")
        left = await there.notebooks.read(tenant, lambda one: list(carried.each_unit(one)))

    assert open_there == []
    assert left == []
