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
from contract.notebook.scripted_ollama import ScriptedOllama
from contract.notebook.world import Clock, World, opened
from odyssey.domain.errors import LeaseLost
from odyssey.domain.memory.jobs import JobKind, JobState
from odyssey.domain.memory.record import Tenant, Trust
from odyssey.domain.memory.scope import REPOSITORY, Shelf
from odyssey.domain.memory.stored import Stored
from odyssey.handlers.memory.consolidate import ask_consolidation, note_everything
from odyssey.handlers.memory.derive import derive_tenant
from odyssey.handlers.memory.observe import find_observations, invalidate
from odyssey.notebook_timer import deriving


def action(name: str, **fields: Any) -> dict[str, Any]:
    """One action of a model's answer."""
    return {"action": name, "sources": ["R1"], "confidence": 0.9, **fields}


def actions(*some: dict[str, Any]) -> dict[str, Any]:
    """A model's answer."""
    return {"actions": list(some)}


def files_with(folder: Path, text: str) -> int:
    """How many files of the databases hold *text*."""
    return sum(text.encode() in path.read_bytes() for path in folder.rglob("*.db*"))


async def texts(world: World, tenant: Tenant) -> list[str]:
    """What is believed of the repository."""
    found = await find_observations(tenant, world, scope=REPOSITORY)
    return sorted(one.observation.text for one in found)


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


async def test_an_invalid_source_takes_back_what_rests_on_it_alone(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """It is gone from every answer, and its versions say why."""
    await world.memory.retain(tenant, [record("c1", "the gateway is slow")])
    model.script = lambda _: actions(action("create", text="the gateway is slow"))
    await derive_tenant(tenant, world)

    changed = await invalidate(tenant, ["c1"], world)
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
    await invalidate(tenant, ["c1"], world)
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
