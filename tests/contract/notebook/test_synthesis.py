"""
What conversations lead to: batches by count and by time, two readings, settled conflicts.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from contract.memory.records import record
from contract.notebook.scripted_ollama import Answer, ScriptedOllama
from contract.notebook.world import Clock, World, opened
from odyssey.domain.memory.jobs import JobState
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Scope
from odyssey.handlers.memory.batch import Said, add_messages
from odyssey.handlers.memory.derive import derive_tenant
from odyssey.handlers.memory.observe import find_observations

MONA = Scope.of_person("mona")


def conversation(*contents: str, role: str = "user") -> list[Said]:
    """Messages with ids."""
    return [
        Said(role=role, content=text, id=f"{role}{number}") for number, text in enumerate(contents)
    ]


def note(text: str, *sources: str, confidence: float = 0.9) -> dict[str, Any]:
    """One note of a reading."""
    return {"text": text, "sources": list(sources) or ["M1"], "confidence": confidence}


def reads(
    model: ScriptedOllama, *, episodic: list[Any], summary: list[Any], settled: Answer | None = None
) -> None:
    """Scripts both readings, told apart by what they are told, and the settling after them."""

    def script(shown: str) -> Answer:
        told = str(model.requests[-1]["messages"][0]["content"])
        if "how the people in it work" in told:
            return {"notes": episodic}
        if "note what happened" in told:
            return {"notes": summary}
        return settled or {"actions": []}

    model.script = script


async def learnt(world: World, tenant: Tenant, scope: Scope = MONA) -> dict[str, int]:
    """What is believed, with its version."""
    found = await find_observations(tenant, world, scope=scope)
    return {one.observation.text: one.observation.version for one in found}


async def test_a_full_batch_is_read_in_two_ways(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """What both note becomes what is believed, of the person alone."""
    reads(
        model,
        episodic=[note("mona prefers short answers", "M1", "M3")],
        summary=[note("the release is late", "M2")],
    )

    first = await add_messages(tenant, MONA, conversation("a", "b"), world, actor="bot")
    second = await add_messages(tenant, MONA, [Said(role="tool", content="c")], world, actor="bot")
    await derive_tenant(tenant, world)

    assert (first.jobs, first.waiting) == ((), 2)
    assert (len(second.jobs), second.waiting) == (1, 0)
    assert await learnt(world, tenant) == {
        "mona prefers short answers": 1,
        "the release is late": 1,
    }
    assert await learnt(world, tenant, REPOSITORY) == {}
    assert await learnt(world, tenant, Scope.of_person("ada")) == {}
    assert len(model.requests) == 2


async def test_a_message_sent_twice_is_one(quiet_world: World, tenant: Tenant) -> None:
    """A caller that got no answer may send again."""
    for _ in range(3):
        batched = await add_messages(tenant, MONA, conversation("a", "b"), quiet_world, actor="bot")

    assert (batched.jobs, batched.waiting) == ((), 2)


async def test_a_batch_that_is_not_full_is_learnt_from_after_a_while(
    tmp_path: Path, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Also by a process that starts after the one that took the messages has ended."""
    clock = Clock()
    reads(model, episodic=[note("mona likes tea")], summary=[])
    async with opened(tmp_path, model_url=model.url, clock=clock) as world:
        await add_messages(tenant, MONA, conversation("tea, please"), world, actor="bot")
        await derive_tenant(tenant, world)
        too_early = await learnt(world, tenant)
    clock.forward(timedelta(minutes=11))
    async with opened(tmp_path, model_url=model.url, clock=clock) as world:
        await derive_tenant(tenant, world)
        later = await learnt(world, tenant)

    assert too_early == {}
    assert later == {"mona likes tea": 1}


async def test_a_conflict_is_settled_by_an_update_that_keeps_the_journey(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """A note like an observation is shown beside it, and makes no second one."""
    reads(model, episodic=[note("mona likes green tea in the morning")], summary=[])
    await add_messages(tenant, MONA, conversation("a", "b", "c"), world, actor="bot")
    await derive_tenant(tenant, world)
    journey = "mona used to like green tea in the morning, now black tea"
    reads(
        model,
        episodic=[note("mona likes black tea in the morning now", "M2")],
        summary=[],
        settled={"actions": [{"action": "update", "observation": "O1", "text": journey,
                              "sources": ["R2"], "confidence": 0.9}]},
    )  # fmt: skip
    world.now.forward(timedelta(hours=1))

    more = [Said(role="user", content=text) for text in ("d", "e", "f")]
    await add_messages(tenant, MONA, more, world, actor="bot")
    await derive_tenant(tenant, world)

    assert await learnt(world, tenant) == {journey: 2}
    assert "N1 (UNTRUSTED, noted by a model; sources R2)" in model.shown()


async def test_many_actions_of_the_model_leave_new_notes_their_room(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """The cap is on what the model decides; each note that is like nothing is learnt as well."""
    reads(model, episodic=[note("mona likes green tea in the morning")], summary=[])
    await add_messages(tenant, MONA, conversation("a", "b", "c"), world, actor="bot")
    await derive_tenant(tenant, world)
    greedy = [
        {"action": "create", "text": f"fact {each}", "sources": ["R1"], "confidence": 0.9}
        for each in range(12)
    ]
    reads(
        model,
        episodic=[note("mona likes black tea in the morning now"), note("the ferry sank")],
        summary=[note("nobody was aboard")],
        settled={"actions": greedy},
    )

    more = [Said(role="user", content=text) for text in ("d", "e", "f")]
    batched = await add_messages(tenant, MONA, more, world, actor="bot")
    await derive_tenant(tenant, world)
    job = await world.derived.jobs.find(tenant, batched.jobs[0])

    assert set(await learnt(world, tenant)) == {
        "mona likes green tea in the morning", "the ferry sank", "nobody was aboard",
        *(f"fact {each}" for each in range(10)),
    }  # fmt: skip
    assert job is not None
    assert job.result["refused"] == [
        "action 11: only 10 are taken", "action 12: only 10 are taken",
    ]  # fmt: skip


async def test_recalled_text_in_a_conversation_is_not_learnt(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """It is kept, and it is in no batch and no prompt."""
    recalled = [Said(role="memory", content="an old memory")]

    batched = await add_messages(
        tenant, MONA, [*recalled, *conversation("a", "b", "c")], world, actor="bot"
    )
    await derive_tenant(tenant, world)

    assert (len(batched.record_ids), len(batched.jobs)) == (4, 1)
    assert all("an old memory" not in model.shown(each) for each in range(len(model.requests)))


async def test_notes_that_cannot_be_believed_are_refused(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Of messages not shown, without confidence, too many, no text, no object."""
    reads(
        model,
        episodic=[note("x", "M9"), note("x", confidence=0.1), note(""), 7, note("kept")],
        summary=[note(f"fact {each}") for each in range(100)],
    )

    batched = await add_messages(tenant, MONA, conversation("a", "b", "c"), world, actor="bot")
    await derive_tenant(tenant, world)
    job = await world.derived.jobs.find(tenant, batched.jobs[0])

    assert sorted(await learnt(world, tenant)) == [
        "fact 0", "fact 1", "fact 2", "fact 3", "fact 4", "kept",
    ]  # fmt: skip
    assert job is not None
    assert job.state is JobState.DONE
    assert len(job.result["refused"]) == 14


async def test_one_reading_that_fails_fails_the_batch_and_nothing_is_written(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """It is tried again as a whole, three times."""
    model.script = lambda _: "no json"
    batched = await add_messages(tenant, MONA, conversation("a", "b", "c"), world, actor="bot")
    for _ in range(4):
        await derive_tenant(tenant, world)
        world.now.forward(timedelta(minutes=20))

    job = await world.derived.jobs.find(tenant, batched.jobs[0])

    assert job is not None
    assert (job.state, job.attempts) == (JobState.DEAD, 3)
    assert await learnt(world, tenant) == {}


async def test_a_batch_waits_for_a_store_that_has_not_taken_its_messages_in(
    world: World, model: ScriptedOllama, tenant: Tenant
) -> None:
    """Nothing is learnt from half a conversation, and no attempt is lost."""
    messages = [record(f"m{each}", f"words {each}", kind="message") for each in range(3)]
    await world.derived.learning.note(tenant, messages, now=world.now())
    [job_id], _ = await world.derived.conversations.add(
        tenant, "repository", [one.id for one in messages], size=3, now=world.now()
    )
    reads(model, episodic=[note("ada likes tea")], summary=[])
    await world.memory.retain(tenant, messages[:2])
    await derive_tenant(tenant, world)
    waiting = await world.derived.jobs.find(tenant, job_id)
    asked = len(model.requests)
    await world.memory.retain(tenant, messages)
    world.now.forward(timedelta(minutes=2))

    await derive_tenant(tenant, world)

    assert waiting is not None
    assert (waiting.state, waiting.attempts, asked) == (JobState.WAITING, 0, 0)
    assert "not in the store yet" in waiting.reason
    assert await learnt(world, tenant, REPOSITORY) == {"ada likes tea": 1}
