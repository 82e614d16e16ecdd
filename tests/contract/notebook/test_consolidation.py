"""
What consolidation promises: nothing lost, nothing twice, nothing believed that was not shown.
"""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.memory.records import record
from contract.notebook.learning import action, actions, texts
from contract.notebook.scripted_ollama import ScriptedOllama
from contract.notebook.world import World, files_with
from odyssey.domain.memory.jobs import JobState
from odyssey.domain.memory.record import Tenant, Trust
from odyssey.domain.memory.scope import REPOSITORY, Shelf
from odyssey.handlers.memory.consolidate import ask_consolidation
from odyssey.handlers.memory.derive import derive_tenant
from odyssey.handlers.memory.observe import find_observations, invalidate


async def test_an_observation_is_made_of_what_was_retained(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """It rests on the record, is found by its words, and its source's time is the record's."""
    said = record("c1", "please keep retries in the gateway")
    await world.memory.retain(tenant, [said])
    model.script = lambda _: actions(action("create", text="ada wants retries in the gateway"))

    await derive_tenant(tenant, world)
    [found] = await find_observations(tenant, world, scope=REPOSITORY, query="gateway retries")

    assert found.observation.text == "ada wants retries in the gateway"
    assert found.observation.proof_count == 1
    assert found.observation.sources[0].record_id == "c1"
    assert found.observation.sources[0].occurred_at == said.occurred_at
    assert found.matched


async def test_the_model_can_name_only_what_it_is_shown(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Where no observation is shown, none can be updated or deleted."""
    model.script = lambda _: actions(action("create", text="the team uses pip"))
    await world.memory.retain(tenant, [record("c1", "we use pip"), record("c2", "so do I")])
    await derive_tenant(tenant, world)
    await world.memory.retain(tenant, [record("c3", "we moved to uv")])
    await derive_tenant(tenant, world)

    first, second = (
        request["format"]["properties"]["actions"]["items"]["properties"]
        for request in model.requests
    )
    assert first["sources"]["items"] == {"enum": ["R1", "R2"]}
    assert first["action"] == {"enum": ["create", "skip"]}
    assert "observation" not in first
    assert second["sources"]["items"] == {"enum": ["R1"]}
    assert second["observation"] == {"enum": ["O1"]}
    assert second["action"] == {"enum": ["create", "update", "delete", "skip"]}


async def test_an_update_keeps_the_journey_and_counts_different_sources(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Both versions stay; the second rests on both records, however often one is told again."""
    await world.memory.retain(tenant, [record("c1", "we use pip")])
    model.script = lambda _: actions(action("create", text="the team uses pip"))
    await derive_tenant(tenant, world)
    before = world.now()
    world.now.forward(timedelta(hours=1))
    await world.memory.retain(tenant, [record("c2", "we moved to uv"), record("c1", "again")])
    model.script = lambda _: actions(
        action("update", observation="O1", text="the team used to use pip, now uv")
    )

    await derive_tenant(tenant, world)
    [now] = await find_observations(tenant, world, scope=REPOSITORY, query="pip uv")
    [then] = await find_observations(tenant, world, scope=REPOSITORY, moment=before)

    assert (now.observation.version, now.observation.proof_count) == (2, 2)
    assert now.observation.text == "the team used to use pip, now uv"
    assert then.observation.text == "the team uses pip"


async def test_what_was_injected_is_never_learnt(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """The model is not even asked."""
    await world.memory.retain(tenant, [record("c1", "recalled", trust=Trust.INJECTED)])

    taken = await derive_tenant(tenant, world)

    assert (taken, model.requests) == (0, [])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (actions(action("update", observation="O9", text="x")), "no observation"),
        (actions(action("create", text="x", sources=["R9"])), "no record"),
        (actions(action("create", text="x", sources=["c1"])), "no record"),
        (actions(action("create", text="x", confidence=0.2)), "below"),
        (actions(action("delete", observation="obs_1")), "no observation"),
        (actions(*[action("shout")] * 3), "is no action"),
    ],
)
async def test_what_was_not_shown_is_refused(
    world: World, model: ScriptedOllama, tenant: Tenant, answer: dict[str, Any], reason: str
) -> None:
    """Unknown ids, unknown verbs and guesses write nothing; the job says why."""
    await world.memory.retain(tenant, [record("c1", "hello")])
    model.script = lambda _: answer
    [job_id] = await ask_consolidation(tenant, world)

    await derive_tenant(tenant, world)
    job = await world.derived.jobs.find(tenant, job_id)

    assert await texts(world, tenant) == []
    assert job is not None
    assert job.state is JobState.DONE
    assert reason in job.result["refused"][0]


async def test_a_thousand_actions_are_ten(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """A model that runs wild writes no more than one that does not."""
    await world.memory.retain(tenant, [record("c1", "hello")])
    model.script = lambda _: actions(
        *(action("create", text=f"fact number {each}") for each in range(1_000))
    )

    await derive_tenant(tenant, world)

    assert len(await texts(world, tenant)) == 10


async def test_an_invalid_source_takes_back_what_rests_on_it_alone(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """It is gone from every answer, and its versions say why."""
    await world.memory.retain(tenant, [record("c1", "the gateway is slow")])
    model.script = lambda _: actions(action("create", text="the gateway is slow"))
    await derive_tenant(tenant, world)

    changed = await invalidate(tenant, ["c1"], world, scope=REPOSITORY)
    rows = await world.memory.recall(tenant, "gateway slow", scope=REPOSITORY, limit=5,
                                     shelf=Shelf.OBSERVATION)  # fmt: skip

    assert changed == 1
    assert await texts(world, tenant) == []
    assert [one.record.attributes["status"] for one in rows] == ["deleted"]
    assert await derive_tenant(tenant, world) == 0


async def test_with_another_source_left_it_is_judged_again(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """The model sees that a source is gone, and what is left; leaving it alone is a judgement."""
    await world.memory.retain(tenant, [record("c1", "slow"), record("c2", "very slow")])
    model.script = lambda _: actions(action("create", text="it is slow", sources=["R1", "R2"]))
    await derive_tenant(tenant, world)
    await invalidate(tenant, ["c1"], world, scope=REPOSITORY)
    [stale] = await find_observations(tenant, world, scope=REPOSITORY)
    model.script = lambda _: actions()

    await derive_tenant(tenant, world)
    [judged] = await find_observations(tenant, world, scope=REPOSITORY)

    assert (stale.observation.is_fresh, stale.observation.proof_count) == (False, 1)
    assert "is no longer true" in model.shown()
    assert "| very slow" in model.shown()
    assert "| slow" not in model.shown()
    assert judged.observation.is_fresh


async def test_what_a_person_said_is_forgotten_in_every_version(
    tmp_path: Path, world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """No file of the tenant holds the words afterwards; what others said is learnt again."""
    secret = "xylophone"
    await world.memory.retain(
        tenant, [record("c1", secret, actor="grace"), record("c2", "ok", actor="ada")]
    )
    model.script = lambda _: actions(
        action("create", text=f"grace plays the {secret}", sources=["R1", "R2"])
    )
    await derive_tenant(tenant, world)
    forgotten = await world.memory.forget(tenant, person="Grace")
    gone = await world.derived.forget(tenant, person="Grace")
    for each in gone:
        await world.memory.forget(tenant, source=each)
    model.script = lambda _: actions()
    await derive_tenant(tenant, world)

    assert forgotten.left == 0
    assert len(gone) == 1
    assert await texts(world, tenant) == []
    assert "| ok" in model.shown()
    assert secret not in model.shown()
    assert await world.derived.forget(tenant, person="grace") == []
    assert files_with(tmp_path, secret) == 0
    assert files_with(tmp_path, "comment") > 0


async def test_what_is_forgotten_while_the_model_thinks_does_not_come_back(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """The answer is thrown away, and what is left is judged again."""
    await world.memory.retain(
        tenant, [record("c1", "secret", actor="grace"), record("c2", "hello", actor="ada")]
    )
    thinking, answered = asyncio.Event(), asyncio.Event()

    class Slow:
        """A model that answers when it is told to."""

        name = "slow"

        async def answer(self, *_: Any) -> dict[str, Any]:
            """Thinks."""
            thinking.set()
            await answered.wait()
            return actions(action("create", text="a secret is known", sources=["R1"]))

        async def close(self) -> None:
            """Nothing to end."""

    slow = dataclasses.replace(world, derived=dataclasses.replace(world.derived, language=Slow()))
    deriving = asyncio.create_task(derive_tenant(tenant, slow))
    await thinking.wait()
    await world.memory.forget(tenant, person="grace")
    await world.derived.forget(tenant, person="grace")
    answered.set()
    await deriving
    thrown_away = await texts(world, tenant)
    world.now.forward(timedelta(minutes=1))
    model.script = lambda _: actions(action("create", text="ada said hello"))
    await derive_tenant(tenant, world)

    assert thrown_away == []
    assert await texts(world, tenant) == ["ada said hello"]
    assert "secret" not in model.shown()


async def test_half_a_character_and_a_nul_break_nothing(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Neither in a record nor in what the model makes of it."""
    await world.memory.retain(tenant, [record("c\udc80\0", "half \ud800 nul \0")])
    model.script = lambda _: (
        '{"actions": [{"action": "create", "text": "half \\ud800 nul \\u0000 done",'
        ' "sources": ["R1"], "confidence": 0.9},'
        ' {"action": "\\ud800", "observation": "\\udc00", "sources": ["\\ud800"]}]}'
    )

    await derive_tenant(tenant, world)
    [found] = await find_observations(tenant, world, scope=REPOSITORY, query="half done")

    assert found.observation.text == "half ? nul \N{REPLACEMENT CHARACTER} done"


async def test_cut_off_while_forgetting_the_index_forgets_as_well(
    tmp_path: Path, world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """The notebook has forgotten; the next round takes the words out of the index."""
    await world.memory.retain(tenant, [record("c1", "hello", actor="grace")])
    model.script = lambda _: actions(action("create", text="grace plays the xylophone"))
    await derive_tenant(tenant, world)
    await world.derived.forget(tenant, person="grace")
    before = files_with(tmp_path, "xylophone")

    await derive_tenant(tenant, world)
    after = files_with(tmp_path, "xylophone")
    counters = await world.derived.jobs.counters(tenant)

    assert (before > 0, after) == (True, 0)
    assert counters.unindexed == 0
