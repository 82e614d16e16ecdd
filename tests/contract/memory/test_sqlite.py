"""
What the SQLite files promise beyond the port: crashes, processes, disks, models.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.memory import die_at_write, first_schema, retain_forever
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.sqlite.memory import SqliteMemory
from odyssey.adapters.sqlite.schema import VERSION
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Scope, Shelf


def program_environment() -> dict[str, str]:
    """The environment in which a started program imports what the tests import."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@contextmanager
def retaining(folder: Path, prefix: str, tenant: Tenant) -> Iterator[subprocess.Popen[str]]:
    """Another process that retains until the block ends, and is then killed with -9."""
    process = subprocess.Popen(
        [sys.executable, str(retain_forever.__file__), str(folder), prefix, tenant.name],
        stdout=subprocess.PIPE,
        text=True,
        env=program_environment(),
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def kept_by(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next *count* ids that the process was told are kept."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def check_files(folder: Path) -> None:
    """Every file passes SQLite's own checks, the indexes of words included."""
    for path in folder.glob("*.db"):
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for table in ("words", "nearby"):
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
        keys = connection.execute(
            "SELECT count(*) FROM record LEFT JOIN nearby_terms USING (seq)"
            " WHERE nearby_terms.seq IS NULL"
        ).fetchone()
        assert keys == (0,)
        connection.close()


async def test_what_was_retained_survives_kill_9(tmp_path: Path, tenant: Tenant) -> None:
    """Killed in the middle of its work, the process has lost nothing it had promised."""
    promised: list[str] = []
    for attempt, after in enumerate((1, 7, 23)):
        with retaining(tmp_path, f"run{attempt}-", tenant) as process:
            promised += kept_by(process, after)
    memory = SqliteMemory(tmp_path, embedder=HashingEmbedder())
    found = {one.record.id for one in await memory.recall(tenant, "", limit=1000, scope=REPOSITORY)}
    await memory.catch_up(tenant)
    waiting = await memory.waiting(tenant)
    await memory.close()

    assert set(promised) <= found
    assert waiting == 0
    check_files(tmp_path)


async def test_killed_at_any_write_of_an_update_either_version_is_whole(
    tmp_path: Path, tenant: Tenant
) -> None:
    """The old row or the new one, never both or neither; and the next writer goes on."""
    memory = SqliteMemory(tmp_path, embedder=HashingEmbedder())
    await memory.retain(tenant, [record("1", "version none")], shelf=Shelf.OBSERVATION)
    await memory.close()

    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(die_at_write.__file__), "sqlite", str(tmp_path), tenant.name],
        stdout=subprocess.PIPE,
        text=True,
        env=program_environment(),
        check=True,
    )
    died = int(done.stdout)
    memory = SqliteMemory(tmp_path, embedder=HashingEmbedder())
    found = await memory.recall(tenant, "", scope=REPOSITORY, shelf=Shelf.OBSERVATION)
    by_words = await memory.recall(
        tenant, f"version {died}", scope=REPOSITORY, shelf=Shelf.OBSERVATION
    )
    await memory.close()

    assert died > 10
    assert [one.record.text for one in found] == [f"version {died}"]
    assert {"words", "meaning"} <= set(by_words[0].matched)
    check_files(tmp_path)


async def test_a_file_of_the_first_schema_becomes_one_of_this(
    tmp_path: Path, tenant: Tenant
) -> None:
    """Records, words and vectors stay; people are known, vectors of two models have room."""
    path = tmp_path / f"{tenant.name}.db"
    connection = sqlite3.connect(path)
    connection.executescript(first_schema.SCRIPT)
    connection.close()

    memory = SqliteMemory(tmp_path, embedder=HashingEmbedder())
    [found] = await memory.recall(tenant, "apples", scope=REPOSITORY)
    of_ada = await memory.recall(tenant, "apples", scope=Scope.of_person("ada"))
    rows = [stored async for stored in memory.export(tenant)]
    await memory.reembed()
    done = await memory.forget(tenant, person="ada")
    await memory.close()

    assert found.record.text == of_ada[0].record.text == "apples are ripe"
    assert [(row.model, len(row.vectors[0])) for row in rows] == [("hashing", 64)]
    assert (done.count, done.left) == (1, 0)
    check_files(tmp_path)


async def test_two_processes_write_one_file(tmp_path: Path, tenant: Tenant) -> None:
    """Both are heard, and a third that reads at the same time sees both."""
    memory = SqliteMemory(tmp_path, embedder=HashingEmbedder())
    with (
        retaining(tmp_path, "left-", tenant) as left,
        retaining(tmp_path, "right-", tenant) as right,
    ):
        promised = kept_by(left, 20) + kept_by(right, 20)
        found = {
            one.record.id for one in await memory.recall(tenant, "", limit=1000, scope=REPOSITORY)
        }
        by_meaning = await memory.recall(tenant, "note left-3", limit=1, scope=REPOSITORY)
    await memory.close()

    assert set(promised) <= found
    assert "meaning" in by_meaning[0].matched
    check_files(tmp_path)


async def test_a_process_sees_what_another_forgot(tmp_path: Path, tenant: Tenant) -> None:
    """Vectors held in memory do not outlive the record."""
    first = SqliteMemory(tmp_path, embedder=HashingEmbedder())
    second = SqliteMemory(tmp_path, embedder=HashingEmbedder())
    await first.retain(tenant, [record("1", "apples", person="eve"), record("2", "pears")])
    before = await second.recall(tenant, "apples", scope=REPOSITORY)
    await first.forget(tenant, person="eve")
    await first.retain(tenant, [record("3", "plums")])

    after = await second.recall(tenant, "apples, pears, plums", scope=REPOSITORY)
    await first.close()
    await second.close()

    assert before[0].record.id == "1"
    assert {one.record.id for one in after} == {"2", "3"}


async def test_a_forgotten_text_is_in_no_file(tmp_path: Path, tenant: Tenant) -> None:
    """Not in a free page, not in an index of words, not in the write-ahead log."""
    memory = SqliteMemory(tmp_path, embedder=HashingEmbedder())
    others = [record(f"o{n}", f"ordinary remark {n}", minutes=n) for n in range(50)]
    await memory.retain(tenant, [*others, record("1", "xylophone quokka", person="eve")])
    in_files_before = _anywhere(tmp_path, b"quokka")

    await memory.forget(tenant, person="eve")
    in_files_after = _anywhere(tmp_path, b"quokka") or _anywhere(tmp_path, b"xylophon")
    await memory.close()

    assert in_files_before
    assert not in_files_after
    check_files(tmp_path)


def _anywhere(folder: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for path in folder.iterdir())


async def test_vectors_of_two_models_are_never_mixed(tmp_path: Path, tenant: Tenant) -> None:
    """The record is kept and found by words; the refusal says what to do."""
    memory = SqliteMemory(tmp_path, embedder=HashingEmbedder("old"))
    await memory.retain(tenant, [record("1", "apples")])
    await memory.close()
    memory = SqliteMemory(tmp_path, embedder=HashingEmbedder("new"))
    await memory.retain(tenant, [record("2", "apples and pears")])

    found = await memory.recall(tenant, "apples", scope=REPOSITORY)
    with pytest.raises(Unavailable, match=r"'old'.*'new'.*reembed"):
        await memory.catch_up(tenant)
    waiting = await memory.waiting(tenant)
    await memory.close()

    assert {one.record.id for one in found} == {"1", "2"}
    assert all("meaning" not in one.matched for one in found)
    assert waiting == 1


async def test_memory_without_a_model_recalls_by_words(tmp_path: Path, tenant: Tenant) -> None:
    """Nothing but the standard library is needed."""
    memory = SqliteMemory(tmp_path)
    await memory.retain(tenant, [record("1", "apples are ripe")])

    [found] = await memory.recall(tenant, "ripe apple", scope=REPOSITORY)
    await memory.close()

    assert found.matched == ("words nearby", "words")


async def test_a_file_of_a_newer_odyssey_is_left_alone(tmp_path: Path, tenant: Tenant) -> None:
    """The message says to upgrade."""
    connection = sqlite3.connect(tmp_path / f"{tenant.name}.db")
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()

    with pytest.raises(Unavailable, match="upgrade Odyssey"):
        await SqliteMemory(tmp_path).retain(tenant, [record("1", "x")])


async def test_a_file_that_is_no_database_is_said_to_be_unavailable(
    tmp_path: Path, tenant: Tenant
) -> None:
    """With its path."""
    (tmp_path / f"{tenant.name}.db").write_bytes(b"not a database at all" * 500)

    with pytest.raises(Unavailable, match=tenant.name):
        await SqliteMemory(tmp_path).recall(tenant, "x", scope=REPOSITORY)


def test_memory_without_embedding_never_loads_torch(tmp_path: Path) -> None:
    """Nor does naming the embedder: only the first text loads it."""
    program = (
        "import sys, pathlib\n"
        "from odyssey.adapters.sentence_transformers import SentenceTransformersEmbedder\n"
        "from odyssey.adapters.sqlite.memory import SqliteMemory\n"
        "SqliteMemory(pathlib.Path(sys.argv[1]), embedder=SentenceTransformersEmbedder())\n"
        "sys.exit('torch' in sys.modules or 'sentence_transformers' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=program_environment(), check=False
    )

    assert done.returncode == 0
