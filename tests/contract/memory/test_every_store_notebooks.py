"""
Notebooks carried with the records they rest on: exported, imported, backed up, restored.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from contract.memory.conftest import Opening
from contract.memory.derived import fill_notebook, held, lines, task
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import NOON, record
from contract.notebook.world import World
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.notebook import carried
from odyssey.adapters.notebook.database import Notebooks
from odyssey.adapters.notebook.opening import make_notebooks, memory_ports
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.memory.blocks import Append
from odyssey.domain.memory.jobs import JobKind
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Shelf
from odyssey.handlers.memory.batch import Said, add_messages
from odyssey.handlers.memory.blocks import change_block, load_blocks
from odyssey.handlers.memory.forget import forget_everywhere
from odyssey.handlers.memory.index import index_observations
from odyssey.handlers.memory.tasks import index_waiting, store_task
from odyssey.memory_transfer import BadFile, export_file, import_file


def silent(_line: str) -> None:
    """Progress that nobody hears."""


async def import_(memory: LongMemory, file: Path, notebooks: Notebooks) -> dict[str, Any]:
    """Imports with vectors."""
    return await import_file(
        memory, file, into=None, keeps_vectors=True, now=NOON, tell=silent, notebooks=notebooks
    )


@pytest_asyncio.fixture
async def other(tmp_path: Path) -> AsyncIterator[SqliteMemory]:
    """A memory of another server, empty."""
    memory = SqliteMemory(tmp_path / "other", HashingEmbedder())
    yield memory
    await memory.close()


@pytest_asyncio.fixture
async def notes(tmp_path: Path) -> AsyncIterator[Notebooks]:
    """The other server's notebooks, empty."""
    notebooks = make_notebooks(tmp_path / "other-notes")
    yield notebooks
    await notebooks.close()


@pytest_asyncio.fixture
async def file(memory: LongMemory, derived: World, tenant: Tenant, tmp_path: Path) -> Path:
    """A tenant with a full notebook, exported."""
    await fill_notebook(tenant, derived)
    exported = tmp_path / "out.jsonl"
    await export_file(memory, exported, [tenant], silent, notebooks=derived.notebooks)
    return exported


async def test_a_notebook_is_exported_and_imported_without_loss(
    memory: LongMemory,
    derived: World,
    other: SqliteMemory,
    notes: Notebooks,
    tenant: Tenant,
    tmp_path: Path,
) -> None:
    """Every version, vote and use; imported again, nothing is doubled."""
    await fill_notebook(tenant, derived)
    before = await held(derived.notebooks, tenant)
    file = tmp_path / "out.jsonl"

    exported = await export_file(memory, file, [tenant], silent, notebooks=derived.notebooks)
    added = [(await import_(other, file, notes))["derived"] for _ in range(2)]
    after = await held(notes, tenant)
    records = await lines(other, tenant)
    ports = memory_ports(notes)
    [pattern] = await ports.patterns.known(tenant, REPOSITORY, limit=9)
    [old, new] = await ports.observations.versions(tenant, key="o1")
    people = await ports.blocks.versions(tenant, REPOSITORY, "people")

    assert after == before
    assert records == await lines(memory, tenant)
    assert exported["derived"] == added[0]
    assert set(added[0]) == {"learning", "message", "observation", "task", "pattern", "block"}
    assert added[1] == {}
    assert (old.status, new.status, new.sources[-1].record_id) == ("updated", "active", "r2")
    assert (pattern.belief.helpful, pattern.belief.unhelpful) == (1.0, 1.5)
    assert pattern.usage_count == 1
    assert [block.version for block in people] == [3, 2, 1]


async def test_what_is_in_a_notebook_stays_when_another_is_imported(
    file: Path, derived: World, other: SqliteMemory, notes: Notebooks, tenant: Tenant
) -> None:
    """As a whole; only the blocks that nobody has touched give way."""
    ports = memory_ports(notes)
    there = World(memory=other, derived=ports, now=derived.now, notebooks=notes)
    await load_blocks(tenant, there, scope=REPOSITORY)
    await change_block("persona", Append(text="Brief"), tenant, there, scope=REPOSITORY, by="bob")
    await store_task(task("t1", "Another summary"), tenant, there, learns=False)

    await import_(other, file, notes)
    blocks = {each.label: each.value for each in await load_blocks(tenant, there, scope=REPOSITORY)}
    [first] = await ports.tasks.of_task(tenant, REPOSITORY, "t1")

    assert (blocks["persona"], blocks["people"]) == ("Brief", "Ada reviews\nBob deploys")
    assert first.summary == "Another summary"


async def test_what_was_imported_is_forgotten_with_its_person_and_its_source(
    file: Path, derived: World, other: SqliteMemory, notes: Notebooks, tenant: Tenant
) -> None:
    """Whose things are is carried, so that forgetting reaches them."""
    there = World(memory=other, derived=memory_ports(notes), now=derived.now, notebooks=notes)
    await import_(other, file, notes)

    await forget_everywhere(tenant, there, person="bob")
    await forget_everywhere(tenant, there, person="ada")
    await index_observations(tenant, there)
    await index_waiting(tenant, there)
    left = [json.loads(line) for line in await held(notes, tenant)]
    records = await lines(other, tenant)

    assert records == []
    assert [one["key"][2] for one in left] == ["people", "persona", "repository"]
    assert not any(name in json.dumps(left).lower() for name in ("ada", "bob", "quay", "checkout"))


async def test_messages_whose_batch_was_not_worked_off_are_batched_anew(
    memory: LongMemory,
    derived: World,
    other: SqliteMemory,
    notes: Notebooks,
    tenant: Tenant,
    tmp_path: Path,
) -> None:
    """Their job stays with the server that has it; what nobody learnt from is not lost."""
    said = [Said(role="user", content=f"message {number}", id=f"m{number}") for number in range(3)]
    await add_messages(tenant, REPOSITORY, said, derived, actor="ada")
    await derived.derived.conversations.flush(
        tenant, added_before=derived.now(), size=3, now=derived.now()
    )
    file = tmp_path / "out.jsonl"
    await export_file(memory, file, [tenant], silent, notebooks=derived.notebooks)
    await import_(other, file, notes)
    ports = memory_ports(notes)

    made = await ports.conversations.flush(
        tenant, added_before=derived.now(), size=3, now=derived.now()
    )
    job = await ports.jobs.take(
        tenant, [JobKind.SYNTHESISE], now=derived.now(), lease=timedelta(minutes=1)
    )

    assert job is not None and [job.id] == made
    assert len(job.payload["records"]) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "sqlite_master"}, "no 'sqlite_master'"),
        ({"format": "notebook 2"}, "'notebook 1' can be read"),
        ({"key": []}, "a key of 1 parts"),
        ({"rows": {"observation": []}}, "and a row"),
        ({"rows": {}}, "no 'observation'"),
        ({"tenant": "../up"}, "no tenant"),
        ({"version": "one"}, "no notebook can hold it"),
        ({"version": 2**70}, "a value is wrong"),
        ({"sources": "{"}, "line 1"),
        ({"sources": '[["yesterday", "r1"]]'}, "line 1"),
        ({"sources": "[]"}, "rests on no source"),
        ({"scope": "everybody"}, "everybody"),
        ({"confidence": 7}, "not 0 to 1"),
        ({"text": ["x"]}, "no notebook can hold it"),
        ({"scope": "thread:\ud800"}, "line 1"),
        ({"more": 1}, "its columns are"),
    ],
)
async def test_a_line_that_no_notebook_could_read_is_named_and_nothing_is_imported(
    other: SqliteMemory,
    notes: Notebooks,
    tenant: Tenant,
    tmp_path: Path,
    change: dict[str, Any],
    said: str,
) -> None:
    """One broken row would otherwise break every reading of the notebook."""
    row = {
        "version": 1, "text": "It rains", "sources": '[["2026-03-14T12:00:00+00:00", "r1"]]',
        "confidence": 0.9, "scope": "repository", "created_at": "2026-03-14T12:00:00+00:00",
        "status": "active", "reason": "", "is_fresh": 1,
    }  # fmt: skip
    line: dict[str, Any] = {
        "format": carried.FORMAT, "tenant": tenant.name, "kind": "observation", "key": ["o1"],
        "rows": {"observation": [row]},
    }  # fmt: skip
    line.update({name: value for name, value in change.items() if name in line})
    row.update({name: value for name, value in change.items() if name not in line})
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(line) + "\n")

    with pytest.raises(BadFile, match="line 1") as raised:
        await import_(other, file, notes)

    assert said in str(raised.value) or said == "line 1"
    assert await notes.tenants() == []


def plant(file: Path, token: str) -> int:
    """Puts *token* into four kinds of rows; how often it is there then."""
    text = (
        file.read_text()
        .replace("The quay was closed", f"{token} was closed")
        .replace("Painted a logo", f"Painted {token}")
        .replace('shop/cart.py\\"', f'shop/{token}\\"')
        .replace("Bob deploys", f"Bob has {token}")
    )
    file.write_text(text)
    return text.count(token)


async def test_a_secret_in_a_file_is_masked_on_its_way_into_a_notebook(
    file: Path, other: SqliteMemory, notes: Notebooks, tenant: Tenant
) -> None:
    """As it is in records; also within lists."""
    token = "ghp_" + "a1B2" * 9
    planted = plant(file, token)

    await import_(other, file, notes)
    kept = await held(notes, tenant)

    assert planted >= 4
    assert not any(token in line for line in kept)
    assert sum("masked" in line for line in kept) >= 4


async def test_the_same_row_put_again_keeps_its_vectors(opening: Opening, tenant: Tenant) -> None:
    """An index that is made again costs no embedding, and loses none where no model is."""
    shelf = Shelf.OBSERVATION
    await opening(HashingEmbedder()).retain(tenant, [record("1", "quinces")], shelf=shelf)
    without_model = opening(None)
    before = await lines(without_model, tenant)

    await without_model.retain(tenant, [record("1", "quinces")], shelf=shelf)

    assert '"vectors":["' in before[0]
    assert await lines(without_model, tenant) == before
