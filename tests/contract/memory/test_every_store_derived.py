"""
What is derived from records, in every store: found, replaced, narrowed, carried and forgotten.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.memory.derived import fill, lines, observation, task, write
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import NOON, record
from contract.notebook.world import World
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.memory.entries import entry_record, narrowing
from odyssey.domain.memory.observation import Source, updated
from odyssey.domain.memory.record import Tenant, Trust
from odyssey.domain.memory.scope import REPOSITORY, Scope, Shelf
from odyssey.handlers.memory.archival import Passage, insert_passage, search_passages
from odyssey.handlers.memory.forget import forget_everywhere
from odyssey.handlers.memory.tasks import find_similar, store_task
from odyssey.memory_transfer import export_file, import_file

DERIVED = (Shelf.OBSERVATION, Shelf.TASK, Shelf.PATTERN, Shelf.ARCHIVAL)


async def found(tenant: Tenant, world: World, query: str, shelf: Shelf) -> list[str]:
    """The texts that have a word of the query, best first."""
    return [
        one.record.text
        for one in await world.memory.recall(tenant, query, scope=REPOSITORY, shelf=shelf)
        if any(arm.startswith("words") for arm in one.matched)
    ]


async def test_what_is_derived_is_found_by_words_and_by_meaning(
    memory: LongMemory, derived: World, tenant: Tenant
) -> None:
    """Each on its own shelf, and read by its id."""
    pattern = await fill(tenant, derived)

    words = {
        shelf: await found(tenant, derived, "quay vouchers checkout lighthouse", shelf)
        for shelf in DERIVED
    }
    arms = {
        shelf: (await memory.recall(tenant, words[shelf][0], scope=REPOSITORY, shelf=shelf))[0]
        for shelf in DERIVED
    }
    read = {
        shelf: await memory.read(tenant, [one.record.id], shelf=shelf)
        for shelf, one in arms.items()
    }

    assert words[Shelf.OBSERVATION] == ["The quay is closed on Mondays."]
    assert words[Shelf.TASK][0] == "Checkout with vouchers, validated"
    assert len(words[Shelf.PATTERN]) == 1
    assert words[Shelf.ARCHIVAL] == ["Lighthouse keepers wrote this down"]
    assert all("meaning" in one.matched for one in arms.values())
    assert read == {shelf: {one.record.id: one.record} for shelf, one in arms.items()}
    assert arms[Shelf.PATTERN].record.id == f"pattern:{pattern.pattern_id}"


async def test_what_is_written_anew_is_found_as_it_is_now(
    memory: LongMemory, derived: World, tenant: Tenant
) -> None:
    """One row for each; the words that are gone find nothing."""
    await fill(tenant, derived)
    rows = len(await lines(memory, tenant))

    later, old = updated(
        observation("The quay is closed on Mondays."),
        text="The pier is closed on Sundays.",
        sources=[Source(NOON, "r1")],
        confidence=0.9,
        at=NOON,
    )
    await write(tenant, derived, [later, old])
    await store_task(task("t5", "Engraved an emblem"), tenant, derived, learns=False)
    again = await insert_passage(
        Passage(text="Lighthouse keepers wrote this down", trust=Trust.PERSON, tags=["ocean"]),
        tenant,
        derived,
        scope=REPOSITORY,
    )

    assert await found(tenant, derived, "quay", Shelf.OBSERVATION) == []
    assert await found(tenant, derived, "pier", Shelf.OBSERVATION) == [later.text]
    assert await found(tenant, derived, "logo", Shelf.TASK) == []
    assert await found(tenant, derived, "emblem", Shelf.TASK) == ["Engraved an emblem"]
    kept = await memory.read(tenant, [again.id], shelf=Shelf.ARCHIVAL)
    assert kept[again.id].attributes == {"title": "ocean"}
    assert len(await lines(memory, tenant)) == rows


async def test_a_filter_narrows_every_shelf_and_a_misspelt_one_is_an_error(
    memory: LongMemory, derived: World, tenant: Tenant
) -> None:
    """By what became of a task, by status, by title; never a wider answer."""
    await fill(tenant, derived)

    async def narrowed(shelf: Shelf, **where: str) -> list[str]:
        some = await memory.recall(tenant, "", scope=REPOSITORY, shelf=shelf, where=where, limit=20)
        return sorted(one.record.text for one in some)

    assert await narrowed(Shelf.TASK, success="false") == ["Checkout with cookies broke"]
    assert len(await narrowed(Shelf.TASK, success="true")) == 4
    assert await narrowed(Shelf.TASK, task_id="t5") == ["Painted a logo"]
    assert await narrowed(Shelf.TASK, task_id="t9") == []
    assert len(await narrowed(Shelf.OBSERVATION, status="active")) == 1
    assert await narrowed(Shelf.OBSERVATION, status="deleted") == []
    assert len(await narrowed(Shelf.ARCHIVAL, actor="bob")) == 1
    assert await narrowed(Shelf.ARCHIVAL, title="land") == []
    for shelf in Shelf:
        for wrong in ({"succes": "true"}, {"meta_type": "error"}, {"": "x"}):
            with pytest.raises(ValueError, match="cannot be narrowed by"):
                await memory.recall(tenant, "checkout", scope=REPOSITORY, shelf=shelf, where=wrong)
        similar = await find_similar(
            "checkout cards", tenant, derived, scope=REPOSITORY, success_only=True
        )
        assert all(one.memory.success for one in similar)


async def test_metadata_of_callers_narrows_by_any_key(memory: LongMemory, tenant: Tenant) -> None:
    """As JSON values: 2024 is 2024.0 and not "2024"; a key that no entry has finds none."""
    entries: dict[str, dict[str, Any]] = {
        "one": {"type": "error", "year": 2024},
        "two": {"type": "error", "year": "2024"},
        "three": {"type": "error", "Größe": ["x" * 300, {"a": None}]},
    }
    for name, metadata in entries.items():
        entry = entry_record(
            entry_id=name,
            text=f"An error in billing, {name}",
            metadata=metadata,
            scope=REPOSITORY,
            actor="mona",
            trust=Trust.PERSON,
            at=NOON,
        )
        await memory.retain(tenant, [entry])
    await memory.retain(tenant, [record("said", "an error in billing, said")])

    async def ids(**wanted: object) -> set[str]:
        some = await memory.recall(
            tenant, "error in billing", scope=REPOSITORY, where=narrowing(wanted)
        )
        return {one.record.id.rpartition(":")[2] for one in some}

    assert await ids(type="error") == {"one", "two", "three"}
    assert await ids(type="error", year=2024.0) == {"one"}
    assert await ids(year="2024") == {"two"}
    assert await ids(Größe=["x" * 300, {"a": None}]) == {"three"}
    assert await ids(Größe=["x" * 300, {"a": 1}]) == set()
    assert await ids(typo="error") == set()


async def test_what_is_derived_belongs_to_its_tier(
    memory: LongMemory, derived: World, tenant: Tenant
) -> None:
    """A person's own task, passage and observation are in nobody else's answer."""
    ada = Scope.of_person("ada")
    mine = replace(task("t1", "Planted a private orchard"), scope=ada)
    await store_task(mine, tenant, derived, learns=False)
    passage = Passage(text="A private orchard of apples", trust=Trust.PERSON)
    await insert_passage(passage, tenant, derived, scope=ada)
    seen = observation("Ada has a private orchard.")
    await write(tenant, derived, [replace(seen, scope="person:ada")])

    for shelf in (Shelf.TASK, Shelf.ARCHIVAL, Shelf.OBSERVATION):
        told = [
            [
                one.record.text
                for one in await memory.recall(tenant, "private orchard", scope=scope, shelf=shelf)
            ]
            for scope in (ada, REPOSITORY, Scope.of_person("bob"), Scope.of_thread("pull/1"))
        ]
        assert [len(each) for each in told] == [1, 0, 0, 0], (shelf, told)
    assert len(await search_passages("orchard", tenant, derived, scope=ada)) == 1


async def test_what_is_derived_is_carried_to_another_store_and_back(
    memory: LongMemory, derived: World, tenant: Tenant, tmp_path: Path
) -> None:
    """Every shelf, to the last bit of the vectors."""
    await fill(tenant, derived)
    before = await lines(memory, tenant)
    there = SqliteMemory(tmp_path / "there", HashingEmbedder())

    def silent(_line: str) -> None: ...

    await export_file(memory, tmp_path / "out.jsonl", [tenant], silent)
    await import_file(
        there, tmp_path / "out.jsonl", into=None, keeps_vectors=True, now=NOON, tell=silent
    )
    after = await lines(there, tenant)
    await there.close()

    assert after == before
    for shelf in DERIVED:
        assert any(f'"shelf":"{shelf}"' in line for line in after), shelf


async def test_forgetting_reaches_what_is_derived(
    memory: LongMemory, derived: World, tenant: Tenant
) -> None:
    """A record's observation, a person's tasks, the patterns of those, and their passages."""
    await fill(tenant, derived)

    await forget_everywhere(tenant, derived, person="ada")
    observations = await found(tenant, derived, "quay", Shelf.OBSERVATION)
    others = await found(tenant, derived, "checkout vouchers", Shelf.TASK)
    await forget_everywhere(tenant, derived, person="bob")

    assert observations == []
    assert others != []
    assert await lines(memory, tenant) == []
