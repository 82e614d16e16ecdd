"""
Backups of records and notebooks: restored together, or not at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.memory.conftest import at
from contract.memory.derived import fill_notebook, held, lines, task
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from contract.notebook.world import World
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.notebook.opening import make_notebooks, memory_ports
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.adapters.weaviate import WeaviateMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.handlers.memory.forget import forget_everywhere
from odyssey.handlers.memory.index import index_observations
from odyssey.handlers.memory.tasks import index_waiting, store_task
from odyssey.memory_backup import backup_all, restore_all


def silent(_line: str) -> None:
    """Progress that nobody hears."""


async def test_a_backup_brings_back_records_and_notebooks_together(
    memory: LongMemory,
    derived: World,
    tenant: Tenant,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """What was written, changed and forgotten since is as it was; the index fits again."""
    is_sqlite = isinstance(memory, SqliteMemory)
    if not is_sqlite:
        # A prefix of its own: the server puts back whole collections.
        server = request.getfixturevalue("weaviate")
        await memory.close()
        memory = at(server, tmp_path, HashingEmbedder(), prefix=f"T{uuid.uuid4().hex[:12]}")
        derived = World(
            memory=memory, derived=derived.derived, now=derived.now, notebooks=derived.notebooks
        )
    assert isinstance(memory, SqliteMemory | WeaviateMemory)
    place = str(tmp_path / "copy") if is_sqlite else f"b{uuid.uuid4().hex[:12]}"
    notes = tmp_path / "copy" / "notes"
    await fill_notebook(tenant, derived)
    before = await held(derived.notebooks, tenant), await lines(memory, tenant)

    done = await backup_all(memory, derived.notebooks, place, notes, silent)
    await forget_everywhere(tenant, derived, person="ada")
    await store_task(task("t5", "Painted it over"), tenant, derived)
    await restore_all(memory, derived.notebooks, place, notes, silent)
    after = await held(derived.notebooks, tenant), await lines(memory, tenant)
    to_index = await derived.derived.tasks.unindexed(tenant, limit=99)
    count = await index_waiting(tenant, derived) + await index_observations(tenant, derived)
    indexed = await lines(memory, tenant)
    await memory.close()

    assert done["notebooks"] == 1
    assert after == before
    assert len(to_index) == 5
    assert count == 7
    assert indexed == before[1]


async def test_a_backup_that_is_not_whole_restores_nothing(tenant: Tenant, tmp_path: Path) -> None:
    """Cut off between records and notebooks, damaged, or of a newer Odyssey: it says which."""
    memory, notes = SqliteMemory(tmp_path / "memory"), make_notebooks(tmp_path / "notes")
    world_ports = memory_ports(notes)
    place, folder = tmp_path / "copy", tmp_path / "copy" / "notes"
    await memory.retain(tenant, [record("1", "kept")])
    await world_ports.tasks.put(tenant, task("t1", "kept"))

    await memory.backup(str(place))
    await memory.retain(tenant, [record("2", "later")])
    with pytest.raises(FileNotFoundError, match="--records-only"):
        await restore_all(memory, notes, str(place), folder, silent)
    await notes.backup(folder, [tenant])
    copy = folder / f"{tenant.name}.db"
    copy.write_bytes(copy.read_bytes() + b"x")
    with pytest.raises(Unavailable, match="missing or damaged"):
        await restore_all(memory, notes, str(place), folder, silent)
    with pytest.raises(FileExistsError, match="not empty"):
        await backup_all(memory, notes, str(tmp_path / "next"), folder, silent)
    rows = await lines(memory, tenant)
    await restore_all(memory, notes, str(place), None, silent)
    records_only = await lines(memory, tenant)
    await memory.close()
    await notes.close()

    assert (len(rows), len(records_only)) == (2, 1)
    assert not (tmp_path / "next").exists()


async def test_a_tenant_without_a_notebook_has_none_after_its_restore(
    tenant: Tenant, tmp_path: Path
) -> None:
    """What was learnt later would rest on records that are not there any more."""
    notes = make_notebooks(tmp_path / "notes")
    await notes.backup(tmp_path / "copy", [tenant])
    await memory_ports(notes).tasks.put(tenant, task("t1", "later"))

    await notes.restore(tmp_path / "copy")
    left = await held(notes, tenant)
    await notes.close()

    assert left == []


class CutOff(SqliteMemory):
    """A store whose restore ends with the process."""

    async def restore(self, place: str, tell: Callable[[str], None] = silent) -> int:
        """Everything is put back, and then the cable is pulled."""
        await super().restore(place, tell)
        raise Unavailable("the cable was pulled")


async def test_a_restore_that_was_cut_off_is_completed_by_the_next(
    tenant: Tenant, tmp_path: Path
) -> None:
    """Records first, then notebooks; whatever came in between is gone after it."""
    memory, notes = CutOff(tmp_path / "memory"), make_notebooks(tmp_path / "notes")
    ports = memory_ports(notes)
    place, folder = str(tmp_path / "copy"), tmp_path / "copy" / "notes"
    await memory.retain(tenant, [record("1", "kept")])
    await ports.tasks.put(tenant, task("t1", "kept"))
    before = await held(notes, tenant)
    await backup_all(memory, notes, place, folder, silent)
    await ports.tasks.put(tenant, task("t1", "changed since"))
    await ports.tasks.put(tenant, task("t2", "came since"))

    with pytest.raises(Unavailable, match="cable"):
        await restore_all(memory, notes, place, folder, silent)
    between = await held(notes, tenant)
    again = SqliteMemory(tmp_path / "memory")
    await restore_all(again, notes, place, folder, silent)
    after = await held(notes, tenant)
    for one in (memory, again):
        await one.close()
    await notes.close()

    assert between != before
    assert after == before
