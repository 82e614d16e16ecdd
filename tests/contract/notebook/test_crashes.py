"""
What notebooks promise when processes die, and to processes of another version.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from contract.notebook import die_at_write
from odyssey.adapters.notebook.database import Notebooks, Part
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant


async def test_killed_at_any_write_nothing_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, tenant: Tenant
) -> None:
    """
    After each death one observation rests on both records, and its words are found.
    """
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(die_at_write.__file__), str(tmp_path), tenant.name],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        check=True,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]

    assert len(told) > 30
    for one in told:
        assert one == {
            "at": one["at"],
            "sources": [["c1", "c2"]],
            "is_indexed": True,
            "open_jobs": False,
            "unlearnt": 0,
            "is_one_line": True,
        }
    for path in (tmp_path / "7" / "notes").glob("*.db"):
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


FIRST = Part(name="shelf", steps=("CREATE TABLE shelf (name TEXT) STRICT",))
SECOND = Part(
    name="shelf", steps=(*FIRST.steps, "ALTER TABLE shelf ADD COLUMN colour TEXT DEFAULT 'red'")
)


async def test_a_part_adds_its_tables_to_notebooks_that_are_there(
    tmp_path: Path, tenant: Tenant
) -> None:
    """What was written before stays; each step is taken once, also by two processes."""
    old = Notebooks(tmp_path, [FIRST])
    await old.write(tenant, lambda connection: connection.execute("INSERT INTO shelf VALUES ('a')"))
    await old.close()
    both = [Notebooks(tmp_path, [SECOND]) for _ in range(2)]

    found = await asyncio.gather(
        *(
            one.read(tenant, lambda each: each.execute("SELECT * FROM shelf").fetchall())
            for one in both
        )
    )

    assert found == [[("a", "red")]] * 2
    for one in both:
        await one.close()


async def test_a_notebook_of_a_newer_odyssey_is_left_alone(tmp_path: Path, tenant: Tenant) -> None:
    """An older process says so, and writes nothing."""
    newer = Notebooks(tmp_path, [SECOND])
    await newer.read(tenant, lambda connection: None)
    await newer.close()
    older = Notebooks(tmp_path, [FIRST])

    with pytest.raises(Unavailable, match="newer Odyssey"):
        await older.read(tenant, lambda connection: None)


async def test_a_write_that_raises_writes_nothing(tmp_path: Path, tenant: Tenant) -> None:
    """Of several changes all are made, or none."""
    notebooks = Notebooks(tmp_path, [FIRST])

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO shelf VALUES ('a')")
        raise ValueError

    with pytest.raises(ValueError):
        await notebooks.write(tenant, fails)
    found = await notebooks.read(tenant, lambda one: one.execute("SELECT * FROM shelf").fetchall())

    assert found == []
    await notebooks.close()
