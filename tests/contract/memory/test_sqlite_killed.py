"""
What the SQLite files promise to whoever is killed: the file is whole, and the repeat ends it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from contract.memory import die_at_write
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from contract.memory.test_sqlite import program_environment
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.memory.record import Tenant

BEFORE = {"check": "ok", "ids": ["1", "2", "3"], "model": "hashing", "lacking": 0, "others": 0}


async def killed_at_each_write(
    what: str, folder: Path, tenant: Tenant
) -> tuple[list[Any], list[Any]]:
    """What was in the file after each death, the last one none, and after each repeat."""
    memory = SqliteMemory(folder, HashingEmbedder())
    await memory.retain(
        tenant,
        [
            record("1", "apples are ripe"),
            record("2", "a quokka", minutes=1, person="eve"),
            record("3", "pears are ripe", minutes=2),
        ],
    )
    await memory.close()
    done = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable, str(die_at_write.__file__), "sqlite-each", str(folder), tenant.name,
            what,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=program_environment(),
        check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line["then"] for line in lines], [line["repeated"] for line in lines]


async def test_killed_at_any_write_of_forgetting_all_is_there_or_nothing(
    tmp_path: Path, tenant: Tenant
) -> None:
    """The repeat deletes what is left, with all that was made of it."""
    forgotten = BEFORE | {"ids": ["1", "3"]}

    then, repeated = await killed_at_each_write("forget", tmp_path / "m", tenant)

    assert len(then) > 10
    # It looks again when it has deleted; who is killed there has forgotten.
    assert then == [BEFORE] * (len(then) - 2) + [forgotten] * 2
    assert repeated == [forgotten] * len(then)


async def test_killed_at_any_write_of_loading_all_is_there_or_nothing(
    tmp_path: Path, tenant: Tenant
) -> None:
    """With its vectors; the repeat loads the rest."""
    loaded = BEFORE | {"ids": ["1", "2", "3", "x", "y"]}

    then, repeated = await killed_at_each_write("load", tmp_path / "m", tenant)

    assert len(then) > 10
    assert then == [BEFORE] * (len(then) - 1) + [loaded]
    assert repeated == [loaded] * len(then)


async def test_killed_at_any_write_of_making_vectors_anew_all_have_those_of_one_model(
    tmp_path: Path, tenant: Tenant
) -> None:
    """Of the old one until the last write; the repeat ends it, and leaves none of the old."""
    anew = BEFORE | {"model": "new"}

    then, repeated = await killed_at_each_write("reembed", tmp_path / "m", tenant)

    assert len(then) > 8
    assert [one | {"others": 0} for one in then] == [BEFORE] * (len(then) - 1) + [anew]
    assert {one["others"] for one in then} == {0, 3}
    assert repeated == [anew] * len(then)
