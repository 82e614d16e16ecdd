"""
What waits to be written to a Weaviate server: how often it is tried, and who waits for it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from array import array
from contextlib import closing
from pathlib import Path

from contract.memory import weaviate_server
from contract.memory.conftest import at
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.control import ATTEMPTS, Control
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Shelf
from odyssey.domain.memory.stored import Stored


def attempts(folder: Path) -> list[int]:
    """How many attempts are counted of each row that waits."""
    with closing(sqlite3.connect(folder / "control.db")) as connection:
        return [count for (count,) in connection.execute("SELECT attempts FROM outbox")]


def numbers(folder: Path) -> list[int]:
    """The rows that wait."""
    with closing(sqlite3.connect(folder / "control.db")) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM outbox")]


async def test_a_refused_row_is_not_given_up_because_many_read(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """An hour of attempts would else be over in seconds."""
    whole = at(weaviate, tmp_path, HashingEmbedder())
    await whole.retain(tenant, [record("1", "apples")])
    await whole.close()
    short = Stored(record=record("2", "pears"), model="hashing", vectors=(array("f", [1.0, 0.0]),))
    Control(tmp_path / "control.db").put(tenant, [short])
    memory = at(weaviate, tmp_path, None)

    for _ in range(4):
        await memory.recall(tenant, "pears", scope=REPOSITORY)
        await memory.read(tenant, ["1"])
        await memory.catch_up(tenant)
    await memory.close()

    assert attempts(tmp_path) == [1]


async def test_an_older_row_that_was_refused_never_replaces_a_newer(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """Not even when everything that was given up is tried again."""
    control = Control(tmp_path / "control.db")
    control.put(tenant, [Stored(record=record("1", "first"), shelf=Shelf.OBSERVATION)])
    [old] = numbers(tmp_path)
    for _ in range(ATTEMPTS):
        control.refused({old: "refused"})
    memory = at(weaviate, tmp_path, HashingEmbedder())
    await memory.retain(tenant, [record("1", "second")], shelf=Shelf.OBSERVATION)

    await memory.catch_up(tenant, again=True)
    found = await memory.recall(tenant, "", scope=REPOSITORY, shelf=Shelf.OBSERVATION)
    left = await memory.waiting(tenant)
    await memory.close()

    assert [one.record.text for one in found] == ["second"]
    assert left == 0


async def test_a_recall_waits_for_a_part_of_what_waits_and_a_writer_for_a_batch(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """After an outage much waits; the rest is written by whoever catches up."""
    control = Control(tmp_path / "control.db")
    control.put(tenant, [Stored(record=record(f"{n}", f"n{n}", thread=None)) for n in range(400)])
    memory = at(weaviate, tmp_path, None)

    found = await memory.recall(tenant, "", scope=REPOSITORY, limit=1000)
    waiting = control.count(tenant)
    catching_up = asyncio.create_task(memory.catch_up(tenant))
    while await asyncio.to_thread(control.count, tenant) == waiting:
        assert not catching_up.done()
    async with control.lease(f"tenant {tenant}"):
        still_waiting = control.count(tenant)
    await catching_up
    left = control.count(tenant)
    await memory.close()

    assert 0 < len(found) < 200
    assert waiting == 400 - len(found)
    assert still_waiting > 0
    assert left == 0
