"""
What is cut off at any of its writes to a Weaviate server is ended by whoever comes next.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import subprocess
import sys
import uuid
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.memory import die_at_write, weaviate_server
from contract.memory.conftest import at
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from contract.memory.test_sqlite import program_environment
from odyssey.adapters.weaviate import WeaviateMemory
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Shelf
from odyssey.domain.memory.stored import Stored


@dataclass(frozen=True, slots=True)
class Victims:
    """Processes that are killed, one for each `does`."""

    program: subprocess.Popen[str]
    folder: Path

    async def does(self, what: str, write: int) -> str:
        """Has the next one do *what* until *write*: `died`, or `done` when there are fewer."""
        assert self.program.stdin is not None and self.program.stdout is not None
        print(what, write, file=self.program.stdin, flush=True)
        said = await asyncio.to_thread(self.program.stdout.readline)
        # The lease of the dead is over after a minute.
        with closing(sqlite3.connect(self.folder / "control.db")) as connection, connection:
            connection.execute("UPDATE lease SET until = 0")
        return said.strip()


@pytest.fixture
def prefix() -> str:
    """Of collections that no other test uses."""
    return f"T{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def memory(
    weaviate: weaviate_server.Server, tmp_path: Path, prefix: str
) -> AsyncIterator[WeaviateMemory]:
    """A memory with the same outbox as the victims'."""
    memory = at(weaviate, tmp_path, HashingEmbedder(), prefix=prefix)
    yield memory
    await memory.close()


@pytest.fixture
def victims(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path, prefix: str
) -> Iterator[Victims]:
    """Writers of the tenant that die."""
    with _program(weaviate, tenant, tmp_path, prefix) as program:
        yield Victims(program, tmp_path)


@contextmanager
def _program(
    server: weaviate_server.Server, tenant: Tenant, folder: Path, prefix: str
) -> Iterator[subprocess.Popen[str]]:
    program = subprocess.Popen(
        [
            sys.executable, str(die_at_write.__file__), "weaviate-each", str(folder), tenant.name,
            server.url, str(server.grpc_port), prefix,
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=program_environment(),
    )  # fmt: skip
    with program:
        yield program


async def test_forgetting_that_was_killed_at_any_write_is_ended_by_its_repeat(
    memory: WeaviateMemory, victims: Victims, tenant: Tenant
) -> None:
    """The words are in no neighbour's key either, however far the first one got."""
    said = ""
    for write in itertools.count():
        await memory.retain(
            tenant,
            [
                record("1", "apples", minutes=1),
                record("2", "xylophone quokka", minutes=2, actor="eve"),
                record("3", "plums", minutes=3),
            ],
        )
        before = await memory.recall(tenant, "quokka", scope=REPOSITORY)
        said = await victims.does("forget", write)

        done = await memory.forget(tenant, person="eve")
        after = await memory.recall(tenant, "quokka xylophone", scope=REPOSITORY)
        by_words = [one for one in after if "words" in one.matched or "words nearby" in one.matched]
        neighbours = await memory.recall(tenant, "apples", scope=REPOSITORY)

        assert {one.record.id for one in before} == {"1", "2", "3"}
        assert (by_words, done.left) == ([], 0)
        assert {one.record.id for one in neighbours if "words nearby" in one.matched} == {"1", "3"}
        if said != "died":
            break

    assert (said, write) == ("done", 3)


async def test_more_is_forgotten_than_one_answer_lists(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """Every record is told, and the words of none are left in a key."""
    memory = at(weaviate, tmp_path, None)
    long = Stored(
        record=record("long", "a long one", actor="eve", thread="pull/0"),
        model="hashing",
        vectors=tuple(array("f", [1.0, float(n)]) for n in range(2_000)),
    )
    rows = [
        Stored(record=record(f"{name}{n}", text, actor=name, thread=f"pull/{n}"))
        for n in range(1, 21)
        for name, text in (("eve", "xylophone quokka"), ("ada", "apples"))
    ]
    # The server lists the oldest first.
    await memory.load(tenant, [long])
    await memory.load(tenant, rows)
    before = await memory.recall(tenant, "quokka", scope=REPOSITORY, limit=100)

    done = await memory.forget(tenant, person="eve")
    after = await memory.recall(tenant, "quokka", scope=REPOSITORY, limit=100)
    left = await memory.recall(tenant, "apples", scope=REPOSITORY, limit=100)
    await memory.close()

    assert len(before) >= 20
    assert set(done.deleted[Shelf.EVENT]) == {"long", *(f"eve{n}" for n in range(1, 21))}
    assert after == []
    assert len(left) == 20


async def test_replacing_that_was_killed_at_any_write_is_ended_by_the_next_catch_up(
    memory: WeaviateMemory,
    victims: Victims,
    tenant: Tenant,
) -> None:
    """One row of the new text, with its vectors and keys, and nothing of the old one."""
    shelf, said = Shelf.OBSERVATION, ""
    around = [record("1", "apples", minutes=1), record("3", "plums", minutes=3)]
    await memory.retain(tenant, [*around, die_at_write.long_observation(100)], shelf=shelf)
    for write in itertools.count():
        said = await victims.does("replace", write)

        await memory.catch_up(tenant)
        [row] = [one async for one in memory.export(tenant) if one.record.id == "2"]
        found = await memory.recall(
            tenant, f"version {write} lorem ipsum dolor", scope=REPOSITORY, shelf=shelf
        )
        matched = {one.record.id: one.matched for one in found}

        assert row.record == die_at_write.long_observation(write)
        assert row.model == "hashing" and len(row.vectors) > 1
        assert {"words", "meaning"} <= set(matched["2"])
        assert all("words nearby" in matched[one] for one in ("1", "2", "3"))
        assert await memory.waiting(tenant) == 0
        if said != "died":
            break

    assert (said, write > 6) == ("done", True)
