"""
What the SQLite files promise about those who keep them busy: no call waits for ever.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY

PATIENCE = timedelta(seconds=0.2)


def in_files(folder: Path, text: bytes) -> bool:
    """Whether any file has the text."""
    return any(text in path.read_bytes() for path in folder.iterdir())


async def test_a_text_is_not_forgotten_while_its_traces_are_read(
    tmp_path: Path, tenant: Tenant
) -> None:
    """A reader keeps the log from being emptied; the repeat empties it."""
    memory = SqliteMemory(tmp_path, HashingEmbedder(), patience=PATIENCE)
    await memory.retain(tenant, [record("1", "xylophone quokka", person="eve")])
    with closing(sqlite3.connect(tmp_path / f"{tenant.name}.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM record").fetchone()

        with pytest.raises(Unavailable, match=r"deletion is done.*call again"):
            await memory.forget(tenant, person="eve")
        found = await memory.recall(tenant, "", scope=REPOSITORY)
    done = await memory.forget(tenant, person="eve")
    is_anywhere = in_files(tmp_path, b"quokka")
    await memory.close()

    assert (found, done.left) == ([], 0)
    assert not is_anywhere


async def test_whoever_holds_the_folder_is_not_waited_for_for_ever(
    tmp_path: Path, tenant: Tenant
) -> None:
    """A process that was stopped while it opened a file; when it is gone, all is well."""
    memory = SqliteMemory(tmp_path, patience=PATIENCE)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    retaining = asyncio.create_task(memory.retain(tenant, [record("1", "apples")]))
    await asyncio.wait([retaining], timeout=30)
    was_waiting = not retaining.done()
    os.close(descriptor)

    [ended] = await asyncio.gather(retaining, return_exceptions=True)
    await memory.retain(tenant, [record("2", "pears")])
    await memory.close()

    assert not was_waiting
    assert isinstance(ended, Unavailable) and str(tmp_path) in str(ended)
