"""
What the queue of consolidations promises: outages, deaths, clocks and rivals lose nothing.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.memory.records import record
from contract.notebook.learning import action, actions, texts
from contract.notebook.scripted_ollama import ScriptedOllama
from contract.notebook.world import Clock, World, opened
from odyssey.domain.errors import LeaseLost
from odyssey.domain.memory.jobs import JobKind, JobState
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory.stored import Stored
from odyssey.handlers.memory.consolidate import ask_consolidation, note_everything
from odyssey.handlers.memory.derive import Quiet, derive_once, derive_tenant
from odyssey.handlers.memory.observe import find_observations
from odyssey.notebook_timer import deriving


@pytest.mark.parametrize("answer", ["not json", "[]", '{"actions": 7}', "", "[" * 100_000])
async def test_an_unusable_answer_is_tried_three_times_and_then_a_dead_letter(
    world: World, model: ScriptedOllama, tenant: Tenant, answer: str
) -> None:
    """The counters say so; asked again, it is learnt, for the record was kept."""
    await world.memory.retain(tenant, [record("c1", "hello")])
    model.script = lambda _: answer
    for _ in range(4):
        await derive_tenant(tenant, world)
        world.now.forward(timedelta(minutes=20))
    dead = await world.derived.jobs.counters(tenant)
    model.script = lambda _: actions(action("create", text="ada said hello"))

    await ask_consolidation(tenant, world, again=True)
    await derive_tenant(tenant, world)
    revived = await world.derived.jobs.counters(tenant)

    assert dead.jobs["consolidate"] == {"dead": 1}
    assert (dead.failed, dead.unlearnt, len(model.requests)) == (1, 0, 4)
    assert dead.dead_reasons
    assert (revived.failed, revived.jobs["consolidate"]) == (0, {"done": 1})
    assert await texts(world, tenant) == ["ada said hello"]


async def test_a_dead_letter_does_not_hold_up_what_comes_after_it(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """A record the model chokes on is put aside with its batch."""
    await world.memory.retain(tenant, [record("poison", "choke")])
    model.script = lambda shown: (
        "no json" if "choke" in shown else actions(action("create", text="ben said hello"))
    )
    for _ in range(4):
        await derive_tenant(tenant, world)
        world.now.forward(timedelta(minutes=20))
    await world.memory.retain(tenant, [record("c2", "hello")])

    await derive_tenant(tenant, world)

    assert await texts(world, tenant) == ["ben said hello"]


async def test_without_a_model_jobs_wait_and_everything_else_works(
    tmp_path: Path, tenant: Tenant, model: ScriptedOllama
) -> None:
    """Records are kept and found; with a model, later, they are learnt from."""
    async with opened(tmp_path) as world:
        await world.memory.retain(tenant, [record("c1", "hello gateway")])
        for _ in range(5):
            await derive_tenant(tenant, world)
            world.now.forward(timedelta(hours=1))
        counters = await world.derived.jobs.counters(tenant)
        found = await world.memory.recall(tenant, "gateway", scope=REPOSITORY)
    model.script = lambda _: actions(action("create", text="ada said hello"))
    async with opened(tmp_path, model_url=model.url) as world:
        await derive_tenant(tenant, world)
        learnt = await texts(world, tenant)

    assert counters.jobs["consolidate"] == {"waiting": 1}
    assert counters.unlearnt == 1
    assert len(found) == 1
    assert learnt == ["ada said hello"]


async def test_a_model_that_is_away_costs_no_attempts(tmp_path: Path, tenant: Tenant) -> None:
    """However long it is gone, nothing becomes a dead letter."""
    async with opened(tmp_path, model_url="http://127.0.0.1:9") as world:
        await world.memory.retain(tenant, [record("c1", "hello")])
        for _ in range(5):
            await derive_tenant(tenant, world)
            world.now.forward(timedelta(hours=1))
        [job_id] = await ask_consolidation(tenant, world)
        job = await world.derived.jobs.find(tenant, job_id)

    assert job is not None
    assert (job.state, job.attempts) == (JobState.WAITING, 0)
    assert "ollama serve" in job.reason


async def test_two_processes_learn_each_record_once(
    tmp_path: Path, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Neither duplicates nor lost records, however they take turns."""
    made = iter(range(1_000))
    model.script = lambda shown: actions(
        *(
            action("create", text=f"fact {next(made)}", sources=[f"R{number}"])
            for number in range(1, 1 + shown.count("BEGIN"))
            if f"R{number} (" in shown
        )
    )
    async with (
        opened(tmp_path, model_url=model.url) as one,
        opened(tmp_path, model_url=model.url) as two,
    ):
        await one.memory.retain(tenant, [record(f"c{each}", f"say {each}") for each in range(30)])
        for _ in range(8):
            await asyncio.gather(derive_tenant(tenant, one), derive_tenant(tenant, two))
        found = await find_observations(tenant, one, scope=REPOSITORY, limit=1_000)
    sources = [each.record_id for one_ in found for each in one_.observation.sources]

    assert sorted(sources) == sorted(f"c{each}" for each in range(30))


async def test_who_lost_the_lease_writes_nothing(
    tmp_path: Path, model: ScriptedOllama, tenant: Tenant
) -> None:
    """A process that slept through its lease finds its work done by another."""
    model.script = lambda _: actions(action("create", text="ada said hello"))
    async with opened(tmp_path, model_url=model.url) as slow:
        await slow.memory.retain(tenant, [record("c1", "hello")])
        [_] = await ask_consolidation(tenant, slow)
        job = await slow.derived.jobs.take(
            tenant, set(JobKind), now=slow.now(), lease=timedelta(seconds=1)
        )
        slow.now.forward(timedelta(minutes=1))
        async with opened(tmp_path, model_url=model.url, clock=slow.now) as quick:
            await derive_tenant(tenant, quick)
        assert job is not None
        with pytest.raises(LeaseLost):
            await slow.derived.observations.settle(
                tenant, job, lambda _: (), scope="repository", learnt=["c1"], now=slow.now()
            )
        versions = await slow.derived.observations.versions(tenant, scope="repository")

    assert [(one.version, one.text) for one in versions] == [(1, "ada said hello")]


async def test_a_job_whose_process_dies_three_times_is_a_dead_letter(
    world: World, tenant: Tenant
) -> None:
    """What kills a process must not kill one after the other for ever."""
    await world.memory.retain(tenant, [record("c1", "deadly")])
    [job_id] = await ask_consolidation(tenant, world)
    for _ in range(3):
        job = await world.derived.jobs.take(
            tenant, set(JobKind), now=world.now(), lease=timedelta(minutes=1)
        )
        assert job is not None
        await world.derived.jobs.hold(tenant, job, {"records": ["c1"]})
        world.now.forward(timedelta(minutes=2))

    after = await world.derived.jobs.take(
        tenant, set(JobKind), now=world.now(), lease=timedelta(minutes=1)
    )
    job = await world.derived.jobs.find(tenant, job_id)
    counters = await world.derived.jobs.counters(tenant)

    assert after is None
    assert job is not None
    assert job.state is JobState.DEAD
    assert "ended 3 times" in job.reason
    assert (counters.unlearnt, counters.failed) == (0, 1)


async def test_a_clock_that_ran_ahead_holds_up_nothing(
    tmp_path: Path, model: ScriptedOllama, tenant: Tenant
) -> None:
    """A lease until next year, or a job for next year, is nobody's."""
    model.script = lambda _: actions(action("create", text="ada said hello"))
    ahead = Clock()
    ahead.forward(timedelta(days=365))
    async with opened(tmp_path, model_url=model.url, clock=ahead) as fast:
        await fast.memory.retain(tenant, [record("c1", "hello")])
        await ask_consolidation(tenant, fast)
        await fast.derived.jobs.take(
            tenant, set(JobKind), now=fast.now(), lease=timedelta(minutes=1)
        )
    async with opened(tmp_path, model_url=model.url) as world:
        await derive_tenant(tenant, world)

        assert await texts(world, tenant) == ["ada said hello"]


async def test_what_was_imported_is_learnt_from_when_it_is_asked_for(
    tmp_path: Path, model: ScriptedOllama, tenant: Tenant
) -> None:
    """And once, however often it is asked for."""
    model.script = lambda _: actions(action("create", text="ada said hello"))
    async with opened(tmp_path, model_url=model.url) as world:
        await world.memory.load(tenant, [Stored(record=record("c1", "hello"))])
        await derive_tenant(tenant, world)
        before = await texts(world, tenant)
        for _ in range(2):
            await note_everything(tenant, world)
            await ask_consolidation(tenant, world)
            await derive_tenant(tenant, world)

        assert before == []
        assert await texts(world, tenant) == ["ada said hello"]
    assert len(model.requests) == 1


async def test_the_timer_learns_while_the_worker_runs(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """First at once, then again and again."""
    asked = {"c1": asyncio.Event(), "c2": asyncio.Event()}

    def script(shown: str) -> dict[str, Any]:
        name = "c2" if "words of c2" in shown else "c1"
        asked[name].set()
        return actions(action("create", text=f"ada said words of {name}"))

    model.script = script
    await world.memory.retain(tenant, [record("c1", "words of c1")])
    async with deriving(world, every=timedelta(milliseconds=20)), asyncio.timeout(60):
        await asked["c1"].wait()
        await world.memory.retain(tenant, [record("c2", "words of c2")])
        # Of one repository one is learnt from at a time: the first is over then.
        await asked["c2"].wait()

    assert "ada said words of c1" in await texts(world, tenant)


async def test_a_store_that_takes_a_record_in_late_loses_nothing(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """What was noted is looked for, less and less often, for a day."""
    late = record("c1", "hello")
    await world.derived.learning.note(tenant, [late], now=world.now())
    model.script = lambda _: actions(action("create", text="ada said hello"))
    for _ in range(100):
        await derive_tenant(tenant, world)
        world.now.forward(timedelta(minutes=5))
    asked = list(model.requests)
    await world.memory.retain(tenant, [late])
    world.now.forward(timedelta(hours=6))

    await derive_tenant(tenant, world)

    assert asked == []
    assert await texts(world, tenant) == ["ada said hello"]


async def test_where_nothing_is_due_nothing_is_looked_for_until_something_is(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """A write of any process, or the time of a job, ends the quiet."""
    model.script = lambda _: "no json"
    quiet = Quiet()
    await world.memory.retain(tenant, [record("c1", "hello")])
    first = await derive_once(world, quiet=quiet)
    waiting = await derive_once(world, quiet=quiet)
    is_quiet = quiet.has(tenant, world)
    world.now.forward(timedelta(seconds=6))
    due = await derive_once(world, quiet=quiet)
    await derive_once(world, quiet=quiet)
    was_quiet = quiet.has(tenant, world)
    await world.derived.learning.note(tenant, [record("c2", "hello")], now=world.now())

    assert (first, waiting, is_quiet, due, was_quiet) == (1, 0, True, 1, True)
    assert not quiet.has(tenant, world)


async def test_a_defect_in_one_tenant_does_not_hold_up_the_others(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """It is raised, so that it is seen, once the others had their turn."""
    later = Tenant.of(7, "acme/zoo")
    model.script = lambda _: actions(action("create", text="ada said hello"))
    for each in (tenant, later):
        await world.memory.retain(each, [record("c1", "hello")])
    await ask_consolidation(tenant, world)
    await world.notebooks.write(
        tenant, lambda connection: connection.execute("UPDATE job SET payload = 'no json'")
    )
    with pytest.raises(ValueError, match="Expecting value"):
        await derive_once(world)

    assert await world.derived.jobs.tenants() == [tenant, later]
    assert await texts(world, tenant) == []
    assert await texts(world, later) == ["ada said hello"]
