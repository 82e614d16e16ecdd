"""
What task memories and patterns promise over a real notebook and a real index.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from contract.memory.hashing import HashingEmbedder
from contract.notebook.world import World, opened
from odyssey.adapters.notebook.opening import make_notebooks, memory_ports
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.errors import NotFound, Unavailable
from odyssey.domain.memory.happening import Happened, MemoryEvent
from odyssey.domain.memory.patterns import NotEnough, Pattern, PatternType
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import REPOSITORY, Scope, Shelf
from odyssey.domain.memory.task_kinds import read_kind
from odyssey.domain.memory.tasks import TaskMemory
from odyssey.handlers.memory.context import suggest_context
from odyssey.handlers.memory.patterns import extract_pattern, give_feedback, list_patterns
from odyssey.handlers.memory.tasks import find_similar, index_waiting, store_task

ADA = Scope.of_person("ada")
KIND = read_kind(".*authentication.*")
OTHER = Tenant.of(7, "acme/other")


@dataclass
class Listener:
    """Hears what happens in memory."""

    heard: list[MemoryEvent] = field(default_factory=list)

    async def publish(self, event: MemoryEvent) -> None:
        """Remembers it."""
        self.heard.append(event)

    @property
    def names(self) -> list[Happened]:
        """What was heard, in order."""
        return [event.name for event in self.heard]


class AwayMemory(SqliteMemory):
    """A store that is away until it is told otherwise."""

    is_away = True

    async def retain(
        self, tenant: Tenant, records: Sequence[Record], *, shelf: Shelf = Shelf.EVENT
    ) -> None:
        """Refuses while it is away."""
        if self.is_away:
            raise Unavailable("the store is away")
        await super().retain(tenant, records, shelf=shelf)


def files(folder: Path) -> list[bytes]:
    """What is in each file of every database."""
    return [path.read_bytes() for path in folder.rglob("*.db*")]


def task(world: World, name: str, summary: str, **fields: object) -> TaskMemory:
    """A task that succeeded just now."""
    memory = TaskMemory(task_id=name, summary=summary, success=True, learned_at=world.now())
    return replace(memory, **fields)  # type: ignore[arg-type]  # by name


async def store_some(world: World, tenant: Tenant, *, scope: Scope = REPOSITORY) -> None:
    """Three successes and a failure of one kind, and something else."""
    for name, summary, success in [
        ("t1", "Authentication with Redis sessions, validated", True),
        ("t2", "Authentication by OAuth, validated", True),
        ("t3", "JWT authentication, validated", True),
        ("t4", "Authentication with cookies broke", False),
        ("t5", "Drew a logo", True),
    ]:
        memory = task(world, name, summary, success=success, scope=scope)
        await store_task(memory, tenant, world, learns=False)


async def learnt(world: World, tenant: Tenant, scope: Scope = REPOSITORY) -> Pattern:
    """The success pattern of the kind, which there is."""
    made = await extract_pattern(KIND, PatternType.SUCCESS, tenant, world, scope=scope)
    assert isinstance(made, Pattern), made
    return made


async def test_a_task_told_twice_is_one_memory(quiet_world: World, tenant: Tenant) -> None:
    """A repetition changes nothing; another outcome is another memory."""
    world = quiet_world
    first = await store_task(task(world, "t1", "Paint it blue"), tenant, world)
    await store_task(task(world, "t1", "Paint it blue"), tenant, world)
    failed = task(world, "t1", "Paint it red", success=False)
    await store_task(failed, tenant, world)

    of_task = await world.derived.tasks.of_task(tenant, REPOSITORY, "t1")
    found = await find_similar("paint it", tenant, world, scope=REPOSITORY, threshold=0)
    assert len(of_task) == 2
    assert first.is_indexed
    assert sorted(one.memory.success for one in found) == [False, True]


async def test_what_is_told_anew_is_found_by_its_new_words_only(
    quiet_world: World, tenant: Tenant
) -> None:
    """The index follows the notebook."""
    world = quiet_world
    await store_task(task(world, "t1", "Repaired the hydraulic pump"), tenant, world)
    await store_task(task(world, "t1", "Drew a sailing boat"), tenant, world)

    new = await find_similar("drew a sailing boat", tenant, world, scope=REPOSITORY)
    old = await find_similar("repaired the hydraulic pump", tenant, world, scope=REPOSITORY)

    assert [one.memory.summary for one in new] == ["Drew a sailing boat"]
    assert old == ()


async def test_only_what_reaches_the_threshold_is_similar(
    quiet_world: World, tenant: Tenant
) -> None:
    """Most similar first, and with success_only no failure."""
    world = quiet_world
    await store_some(world, tenant)

    found = await find_similar(
        "authentication with cookies", tenant, world, scope=REPOSITORY, threshold=0.3, top_k=10
    )
    won = await find_similar(
        "authentication with cookies",
        tenant,
        world,
        scope=REPOSITORY,
        threshold=0.3,
        success_only=True,
    )
    none = await find_similar("authentication", tenant, world, scope=REPOSITORY, threshold=1)

    assert found[0].memory.task_id == "t4"
    assert [one.similarity for one in found] == sorted(
        (one.similarity for one in found), reverse=True
    )
    assert "t5" not in {one.memory.task_id for one in found}
    assert won
    assert all(one.memory.success for one in won)
    assert none == ()


async def test_without_vectors_words_are_compared(tmp_path: Path, tenant: Tenant) -> None:
    """The web process has no model, and a worker may not have embedded yet."""
    async with opened(tmp_path, embeds=False) as world:
        await store_some(world, tenant)

        found = await find_similar("OAuth authentication", tenant, world, scope=REPOSITORY)

        assert found[0].memory.task_id == "t2"
        assert found[0].by_words


async def test_a_tier_and_a_tenant_never_see_anothers_tasks(
    quiet_world: World, tenant: Tenant
) -> None:
    """Neither in similar tasks nor in patterns nor in what is learnt."""
    world = quiet_world
    await store_some(world, tenant, scope=ADA)
    pattern = await learnt(world, tenant, ADA)

    for scope in (REPOSITORY, Scope.of_person("grace"), Scope.of_thread("pull/1")):
        text = "authentication validated"
        context = await suggest_context("n", text, tenant, world, scope=scope)
        assert context.similar_tasks == ()
        assert context.matching_patterns == ()
        assert await list_patterns(tenant, world, scope=scope) == []
        made = await extract_pattern(KIND, PatternType.SUCCESS, tenant, world, scope=scope)
        assert isinstance(made, NotEnough)
    away = await suggest_context("n", "authentication validated", OTHER, world, scope=ADA)
    own = await suggest_context("n", "authentication validated", tenant, world, scope=ADA)

    assert away.similar_tasks == ()
    assert await world.derived.patterns.get(OTHER, pattern.pattern_id) is None
    assert own.similar_tasks
    assert own.matching_patterns


async def test_a_use_is_counted_once(quiet_world: World, tenant: Tenant) -> None:
    """However often the context of one task is asked for, at once or later."""
    world = quiet_world
    await store_some(world, tenant)
    pattern = await learnt(world, tenant)

    async def ask(name: str) -> None:
        text = "authentication validated"
        await suggest_context(name, text, tenant, world, scope=REPOSITORY, threshold=0)

    await asyncio.gather(*(ask("n1") for _ in range(4)))
    await ask("n2")

    [memory] = await world.derived.tasks.of_task(tenant, REPOSITORY, "t2")
    used = await world.derived.patterns.get(tenant, pattern.pattern_id)
    assert memory.reused_count == 2
    assert used is not None
    assert used.usage_count == 2


async def test_a_task_is_no_context_of_its_own(quiet_world: World, tenant: Tenant) -> None:
    """What it says of itself is known already."""
    world = quiet_world
    await store_some(world, tenant)

    context = await suggest_context(
        "t2", "Authentication by OAuth, validated", tenant, world, scope=REPOSITORY, threshold=0
    )

    assert "t2" not in {one.memory.task_id for one in context.similar_tasks}


async def test_patterns_follow_by_themselves(quiet_world: World, tenant: Tenant) -> None:
    """The third success of a kind makes the pattern, a failure of it lowers the confidence."""
    world = quiet_world
    made: list[tuple[Pattern, ...]] = []
    for name, summary in [
        ("t1", "Caching with Redis for orders"),
        ("t2", "Caching of prices"),
        ("t3", "Added caching in the gateway"),
    ]:
        stored = await store_task(task(world, name, summary), tenant, world)
        made.append(stored.patterns)
    await store_task(task(world, "t4", "Caching broke", success=False), tenant, world)
    [known] = await list_patterns(tenant, world, scope=REPOSITORY)

    assert [len(each) for each in made] == [0, 0, 1]
    assert made[2][0].kind == ".*caching.*"
    assert made[2][0].confidence == 0.8
    assert known.confidence == round(4 / 6, 3)
    assert len(known.samples) == 4


async def test_feedback_moves_confidence_by_one_vote_each(
    quiet_world: World, tenant: Tenant
) -> None:
    """Who votes again changes their vote; learning anew keeps the votes."""
    world = quiet_world
    await store_some(world, tenant)
    pattern = await learnt(world, tenant)

    async def vote(voter: str, helpful: bool, adjustment: float | None = None) -> float:
        after = await give_feedback(
            pattern.pattern_id,
            tenant,
            world,
            voter=voter,
            helpful=helpful,
            adjustment=adjustment,
        )
        return after.confidence

    assert pattern.confidence == round(4 / 6, 3)
    assert await vote("mona", True, 0.1) == round(5.1 / 7.1, 3)
    assert await vote("Mona", True, 0.1) == round(5.1 / 7.1, 3)
    assert await vote("mona", False) == round(4 / 7, 3)
    assert await vote("hubot", False, -1) == round(4 / 9, 3)
    assert (await learnt(world, tenant)).confidence == round(4 / 9, 3)
    with pytest.raises(NotFound):
        await give_feedback("pat_unknown", tenant, world, voter="mona", helpful=True)


async def test_a_pattern_that_is_not_trusted_is_not_suggested(
    quiet_world: World, tenant: Tenant
) -> None:
    """It is listed all the same."""
    world = quiet_world
    await store_some(world, tenant)
    pattern = await learnt(world, tenant)
    for voter in ("mona", "hubot", "grace"):
        await give_feedback(pattern.pattern_id, tenant, world, voter=voter, helpful=False)

    context = await suggest_context("n", "authentication", tenant, world, scope=REPOSITORY)
    [listed] = await list_patterns(tenant, world, scope=REPOSITORY)

    assert listed.confidence < 0.5
    assert context.matching_patterns == ()


async def test_what_happens_is_told(tmp_path: Path, tenant: Tenant) -> None:
    """By ids and counts, without the words of a memory."""
    listener = Listener()
    async with opened(tmp_path) as opened_world:
        derived = replace(opened_world.derived, events=listener)
        world = replace(opened_world, derived=derived)
        await store_some(world, tenant)
        await learnt(world, tenant)
        await suggest_context("n", "authentication validated", tenant, world, scope=REPOSITORY)

    assert listener.names == [
        *[Happened.STORED] * 5,
        Happened.PATTERN_LEARNED,
        Happened.PATTERN_MATCHED,
        Happened.CONTEXT_SUGGESTED,
    ]
    assert "Redis" not in str(listener.heard)
    assert listener.heard[-1].payload["task_id"] == "n"


async def test_while_the_store_is_away_nothing_is_lost(tmp_path: Path, tenant: Tenant) -> None:
    """The notebook keeps the task; the index has it with the first question afterwards."""
    async with opened(tmp_path / "world") as world:
        memory = AwayMemory(tmp_path / "away", HashingEmbedder())
        parts = replace(world, memory=memory)
        stored = await store_task(task(world, "t1", "Paint it blue"), tenant, parts)
        with pytest.raises(Unavailable):
            await find_similar("paint", tenant, parts, scope=REPOSITORY)
        memory.is_away = False
        found = await find_similar("paint it blue", tenant, parts, scope=REPOSITORY)
        await memory.close()

    assert not stored.is_indexed
    assert [one.memory.task_id for one in found] == ["t1"]


async def test_secrets_are_in_no_file(tmp_path: Path, tenant: Tenant) -> None:
    """Neither of the summary nor of an error."""
    token = "ghp_" + "a1B2" * 9
    async with opened(tmp_path) as world:
        memory = task(world, "t1", f"Used {token} here", error_patterns=(f"denied: {token}",))
        stored = await store_task(memory, tenant, world)

    assert "[masked: GitHub token]" in stored.memory.summary
    assert len(files(tmp_path)) >= 2
    assert all(token.encode() not in content for content in files(tmp_path))


async def test_what_a_person_did_is_forgotten_with_what_was_learnt_of_it(
    tmp_path: Path, tenant: Tenant
) -> None:
    """The pattern is learnt anew without it, or is gone; no file holds the words."""
    async with opened(tmp_path) as world:
        await store_some(world, tenant)
        told = task(
            world, "t9", "Authentication xylophone, validated", actor="Grace", people=("linus",)
        )
        await store_task(told, tenant, world, learns=False)
        pattern = await learnt(world, tenant)
        await give_feedback(pattern.pattern_id, tenant, world, voter="grace", helpful=False)
        for each in await world.derived.forget(tenant, person="grace"):
            await world.memory.forget(tenant, source=each)
        await index_waiting(tenant, world)
        after = await world.derived.patterns.get(tenant, pattern.pattern_id)
        found = await find_similar("xylophone", tenant, world, scope=REPOSITORY, threshold=0.2)
        again = await world.derived.forget(tenant, person="grace")

    assert len(pattern.samples) == 5
    assert after is not None
    assert len(after.samples) == 4
    assert after.belief.unhelpful == 0
    assert found == ()
    assert again == []
    assert all(b"xylophone" not in content for content in files(tmp_path))


async def test_a_pattern_without_enough_tasks_left_is_forgotten_with_them(
    quiet_world: World, tenant: Tenant
) -> None:
    """Votes and uses of it, too."""
    world = quiet_world
    for number in range(3):
        memory = task(world, f"t{number}", "Authentication, validated", source="https://x/1")
        await store_task(memory, tenant, world, learns=False)
    pattern = await learnt(world, tenant)

    gone = await world.derived.forget(tenant, source="https://x/1")

    assert f"pattern:{pattern.pattern_id}" in gone
    assert await list_patterns(tenant, world, scope=REPOSITORY) == []


async def test_several_processes_store_and_learn_at_once(tmp_path: Path, tenant: Tenant) -> None:
    """Each task is there once, and the pattern rests on all of them."""
    notebooks = [make_notebooks(tmp_path / "notes") for _ in range(3)]
    memory = SqliteMemory(tmp_path, HashingEmbedder())
    async with opened(tmp_path) as world:
        worlds = [replace(world, derived=memory_ports(each), memory=memory) for each in notebooks]
        await asyncio.gather(
            *(
                store_task(task(world, f"t{number % 10}", "Caching, measured"), tenant, one)
                for number, one in enumerate(worlds * 10)
            )
        )
        made = await extract_pattern(
            read_kind(".*caching.*"), PatternType.SUCCESS, tenant, world, scope=REPOSITORY
        )
    for each in notebooks:
        await each.close()
    await memory.close()

    assert isinstance(made, Pattern)
    assert len(made.samples) == 10
    assert made.confidence == round(11 / 12, 3)


async def test_the_index_can_be_made_again_from_the_notebook(
    tmp_path: Path, tenant: Tenant
) -> None:
    """An index that was lost costs nothing but the time to make it."""
    async with opened(tmp_path) as world:
        await store_some(world, tenant)
        await learnt(world, tenant)
        fresh = SqliteMemory(tmp_path / "fresh", HashingEmbedder())
        anew = replace(world, memory=fresh)
        count = await world.derived.tasks.reindex(tenant)
        count += await world.derived.patterns.reindex(tenant)
        indexed = await index_waiting(tenant, anew)
        found = await find_similar("OAuth authentication", tenant, anew, scope=REPOSITORY)
        await fresh.close()

    assert count == indexed == 6
    assert found[0].memory.task_id == "t2"


async def test_what_is_put_is_what_is_got(quiet_world: World, tenant: Tenant) -> None:
    """Every field, times to the microsecond."""
    put = task(
        quiet_world,
        "a/b#1",
        "Ünïcode \U0001f600",
        learned_at=quiet_world.now().replace(microsecond=123457),
        success=False,
        task_type="fix",
        error_patterns=("E1", "E2"),
        files=("a.py",),
        outcome_ref="pull/3",
        source="https://x/3",
        actor="Mona",
        people=("ada",),
        scope=Scope.of_thread("pull/3"),
    )
    await store_task(put, tenant, quiet_world)

    [got] = await quiet_world.derived.tasks.of_task(tenant, put.scope, "a/b#1")

    assert got == put
