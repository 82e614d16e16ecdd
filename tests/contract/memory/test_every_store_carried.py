"""
Memory carried: export, load, migrate, re-embed, back up; what was carried is the same.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from contract.memory import weaviate_server
from contract.memory.conftest import Opening, at
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import NOON, record
from odyssey.adapters.embedding import ModelMismatch
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.adapters.weaviate import WeaviateMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.domain.memory.scope import REPOSITORY, Shelf, Tier
from odyssey.domain.memory.stored import Stored, to_line
from odyssey.memory_transfer import BadFile, export_file, import_file, migrate


def silent(_line: str) -> None:
    """Progress that nobody hears."""


def names_in(folder: Path) -> list[str]:
    """What is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def sample() -> list[Record]:
    """Records with every field, long texts, far zones and every plane of Unicode."""
    planes = "".join(chr((plane << 16) + 0x41) for plane in range(17))
    return [
        record("1", planes, attributes={"title": "\u2028 \x7f \"'\\", "files": "a,b"}),
        record("2", "lorem ipsum dolor " * 500, minutes=1),
        record("3", "", minutes=2, actor=None, thread=None),
        Record(
            id="4", kind="note", text="noon in Kathmandu", trust=Trust.INJECTED, source="",
            occurred_at=datetime(2026, 1, 1, 12, 0, 0, 123457, timezone(timedelta(hours=5.75))),
            person="ada", tier=Tier.PERSON,
        ),
    ]  # fmt: skip


async def lines(memory: LongMemory, tenant: Tenant) -> list[str]:
    """All rows of a tenant, as lines, sorted."""
    return sorted([to_line(tenant, stored) async for stored in memory.export(tenant)])


async def import_(memory: LongMemory, file: Path, into: Tenant | None = None) -> int:
    """Imports with vectors; how many rows were new."""
    done = await import_file(memory, file, into=into, keeps_vectors=True, now=NOON, tell=silent)
    return int(done["added"])


async def test_what_is_exported_and_imported_is_the_same(
    memory: LongMemory, tenant: Tenant, tmp_path: Path
) -> None:
    """Ids, times, attributes, trust, tiers, shelves, masks, models, vectors to the last bit."""
    await memory.retain(tenant, [*sample(), record("5", "token ghp_" + "a1B2" * 9)])
    await memory.retain(tenant, [record("o", "an observation")], shelf=Shelf.OBSERVATION)
    before = await lines(memory, tenant)
    file = tmp_path / "out.jsonl"

    exported = await export_file(memory, file, [tenant], silent)
    other = SqliteMemory(tmp_path / "other", HashingEmbedder())
    added = [await import_(other, file), await import_(other, file)]
    after = await lines(other, tenant)
    again = await import_(memory, file)
    await other.close()

    assert before == after == await lines(memory, tenant)
    assert (exported["rows"], exported["with_vectors"]) == (6, 6)
    assert (added, again) == ([6, 0], 0)
    assert {row["id"]: row["masked"] for row in map(json.loads, before)}["5"] == 1
    assert "ghp_" not in file.read_text()


async def test_memory_goes_from_store_to_store_and_back_without_loss(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """The comparison at the end finds nothing; recall finds the same."""
    embedder = HashingEmbedder()
    first = SqliteMemory(tmp_path / "first", embedder)
    server = at(weaviate, tmp_path, embedder, prefix=f"T{uuid.uuid4().hex[:12]}")
    last = SqliteMemory(tmp_path / "last", embedder)
    await first.retain(tenant, sample())

    there = await migrate(first, server, [tenant], silent)
    back = await migrate(server, last, [tenant], silent)
    before, after = await lines(first, tenant), await lines(last, tenant)
    found = [
        [one.record.id for one in await memory.recall(tenant, "lorem ipsum", scope=REPOSITORY)]
        for memory in (first, server, last)
    ]
    for memory in (first, server, last):
        await memory.close()

    assert before == after
    assert (there["added"], there["differing"], back["added"], back["differing"]) == (4, {}, 4, {})
    assert found[0][:1] == found[1][:1] == found[2][:1] == ["2"]


async def test_a_migration_tells_which_rows_the_target_holds_otherwise(
    tmp_path: Path, tenant: Tenant
) -> None:
    """What is there stays; that is said."""
    source, target = SqliteMemory(tmp_path / "a"), SqliteMemory(tmp_path / "b")
    await source.retain(tenant, [record("1", "new"), record("2", "same")])
    await target.retain(tenant, [record("1", "old"), record("2", "same")])

    done = await migrate(source, target, [tenant], silent)
    await source.close()
    await target.close()

    assert done["differing"] == {tenant.name: ["1"]}


async def test_vectors_of_two_models_are_refused_until_all_are_made_anew(
    opening: Opening, tenant: Tenant
) -> None:
    """The refusal names the command; after it, recall by meaning works again."""
    old = opening(HashingEmbedder("old"))
    await old.retain(tenant, [*sample(), record("x", "apples are ripe")])
    await old.retain(tenant, [record("o", "apples in autumn")], shelf=Shelf.OBSERVATION)
    new = opening(HashingEmbedder("new"))
    await new.retain(tenant, [record("y", "pears are ripe")])
    with pytest.raises(ModelMismatch, match=r"'old'.*'new'.*odyssey memory reembed"):
        await new.catch_up(tenant)
    before = await new.recall(tenant, "ripe apples", scope=REPOSITORY)

    done = await new.reembed()
    after = await new.recall(tenant, "ripe apples", scope=REPOSITORY)
    waiting = [await new.catch_up(tenant), await new.waiting(tenant)]
    of_other = await new.recall(tenant, "apples", scope=REPOSITORY, shelf=Shelf.OBSERVATION)

    assert all("meaning" not in one.matched for one in before)
    assert done == 7
    assert "meaning" in after[0].matched and after[0].record.id == "x"
    assert "meaning" in of_other[0].matched
    assert await new.models(tenant) == ["new"]
    assert waiting == [0, 0]
    with pytest.raises(ModelMismatch):
        await old.load(tenant, [await _embedded("z", HashingEmbedder("old"))])


async def test_vectors_made_anew_with_the_same_model_are_the_same(
    opening: Opening, tenant: Tenant
) -> None:
    """And nothing is lost or doubled on the way."""
    memory = opening(HashingEmbedder())
    await memory.retain(tenant, sample())
    before = await lines(memory, tenant)

    done = await memory.reembed()

    assert done == len(sample())
    assert before == await lines(memory, tenant)


async def test_a_backup_brings_back_what_was_forgotten_since(
    opening: Opening, tenant: Tenant, tmp_path: Path
) -> None:
    """To the row; another process that had it open sees it too."""
    memory, bystander = opening(HashingEmbedder()), opening(HashingEmbedder())
    assert isinstance(memory, SqliteMemory | WeaviateMemory)
    await memory.retain(tenant, sample())
    before = await lines(memory, tenant)
    place = str(tmp_path / "copy") if isinstance(memory, SqliteMemory) else uuid.uuid4().hex
    await memory.backup(place)
    await memory.forget(tenant, person="ada")
    without = await bystander.recall(tenant, "lorem", scope=REPOSITORY)

    await memory.restore(place)
    found = await bystander.recall(tenant, "lorem", scope=REPOSITORY)

    assert before == await lines(memory, tenant)
    assert {one.record.id for one in without} == {"3"}
    assert found[0].record.id == "2"
    with pytest.raises((OSError, Unavailable), match=r"backup|Backup"):
        await memory.restore(f"{place}-nowhere")


async def test_two_writers_at_once_lose_nothing(opening: Opening, tenant: Tenant) -> None:
    """Of one thread, so that each changes the other's keys."""
    left, right = opening(HashingEmbedder()), opening(HashingEmbedder())
    await asyncio.gather(
        *(
            memory.retain(tenant, [record(f"{name}{n}", f"note {n}", minutes=n)])
            for n in range(10)
            for name, memory in (("l", left), ("r", right))
        )
    )

    found = await left.recall(tenant, "", scope=REPOSITORY, limit=100)
    by_neighbour = await right.recall(tenant, "note 4", scope=REPOSITORY, limit=1)

    assert len(found) == 20
    assert by_neighbour[0].record.text == "note 4"
    assert await left.waiting(tenant) == 0


@pytest.mark.parametrize("ahead", [timedelta(days=-3650), timedelta(days=3650)])
async def test_a_clock_that_is_wrong_loses_nothing(
    memory: LongMemory, tenant: Tenant, ahead: timedelta
) -> None:
    """What another machine dated years away is found, in the order of the dates."""
    minutes = ahead / timedelta(minutes=1)
    await memory.retain(tenant, [record("now", "the tea is ready")])
    await memory.retain(tenant, [record("off", "the tea is cold", minutes=minutes)])

    listed = [one.record.id for one in await memory.recall(tenant, "", scope=REPOSITORY)]
    found = [one.record.id for one in await memory.recall(tenant, "cold tea", scope=REPOSITORY)]

    assert listed == (["off", "now"] if ahead > timedelta() else ["now", "off"])
    assert found[0] == "off" and len(found) == 2


@pytest.mark.parametrize("plane", range(17))
async def test_a_character_of_each_plane_comes_back(
    memory: LongMemory, tenant: Tenant, plane: int
) -> None:
    """In the text, the names, the attributes, and as a filter."""
    char = chr((plane << 16) + 0xE9)
    kept = record(f"id{char}", f"a {char} b", actor=char, attributes={"title": char})
    await memory.retain(tenant, [kept])

    [found] = await memory.recall(tenant, char, scope=REPOSITORY, where={"title": char})

    assert kept == found.record
    assert [*await memory.read(tenant, [kept.id])] == [kept.id]


async def test_a_broken_line_is_named_and_nothing_is_imported(
    tmp_path: Path, tenant: Tenant
) -> None:
    """Not even the lines before it."""
    good = to_line(tenant, Stored(record=record("1", "x")))
    memory = SqliteMemory(tmp_path / "memory")
    problems = []
    for bad in ("{", '{"format": 2}', good.replace('"trust":"person"', '"trust":"god"'), "[1]",
                good.replace('"source"', '"sauce"'), good.replace("inst-", "../../")):  # fmt: skip
        file = tmp_path / "in.jsonl"
        file.write_text(f"{good}\n\n{bad}\n")
        with pytest.raises(BadFile, match=r"in\.jsonl, line 3: ") as problem:
            await import_(memory, file)
        problems.append(str(problem.value))

    assert await memory.tenants() == []
    assert len(set(problems)) == len(problems)


async def test_an_export_that_breaks_off_leaves_the_file_as_it_was(
    tmp_path: Path, tenant: Tenant
) -> None:
    """And nothing beside it."""
    memory = SqliteMemory(tmp_path / "memory")
    await memory.retain(tenant, [record("1", "x")])
    (tmp_path / "memory" / f"{Tenant.of(1, 'a/b').name}.db").write_bytes(b"no database" * 500)
    file = tmp_path / "out.jsonl"
    file.write_text("as it was")

    with pytest.raises(Unavailable, match="not a database"):
        await export_file(memory, file, await memory.tenants(), silent)
    await memory.close()

    assert file.read_text() == "as it was"
    assert names_in(tmp_path) == ["memory", "out.jsonl"]


async def test_an_older_backup_is_imported_into_the_tenant_that_is_named(
    tmp_path: Path, tenant: Tenant
) -> None:
    """Without a tenant it is an error; twice is once."""
    memory = SqliteMemory(tmp_path / "memory", HashingEmbedder())
    file = tmp_path / "backup.json"
    file.write_text(json.dumps({"entries": [{"id": "a", "text": "x"}, {"text": "y"}]}, indent=1))
    with pytest.raises(BadFile, match="--repository"):
        await import_(memory, file)

    added = [await import_(memory, file, tenant), await import_(memory, file, tenant)]
    embedded = await memory.catch_up()
    await memory.close()

    assert (added, embedded) == ([2, 0], 2)


async def _embedded(identifier: str, embedder: HashingEmbedder) -> Stored:
    vector = await embedder.embed_query("x")
    return Stored(record=record(identifier, "x"), model=embedder.model, vectors=(vector,))
