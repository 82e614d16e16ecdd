"""
Processes that back memory up, or put it back, and are killed at one step after the other.

Usage: python die_at_backup.py backup|restore FOLDER TENANT

A step is a few pages copied, a statement, or a file made or renamed. For each process that died
another one says what it finds, as a line of JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from contract.memory.derived import fill_notebook, held, lines, task
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from contract.notebook.world import Clock, World
from odyssey.adapters.notebook.opening import make_notebooks, memory_ports
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.memory.record import Tenant
from odyssey.handlers.memory.forget import forget_everywhere
from odyssey.handlers.memory.tasks import store_task
from odyssey.memory_backup import backup_all, restore_all

PAGES = 40
"""Of a file, copied in one step."""
OTHER = Tenant("inst-1-acme_other-0000000000")


def silent(_line: str) -> None:
    """Progress that nobody hears."""


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[SqliteMemory, World]]:
    """The records in *folder*, and the world they are part of."""
    memory = SqliteMemory(folder, HashingEmbedder())
    notebooks = make_notebooks(folder / "notes")
    derived = memory_ports(notebooks)
    yield memory, World(memory=memory, derived=derived, now=Clock(), notebooks=notebooks)
    await memory.close()
    await notebooks.close()


async def back_up(folder: Path, place: Path) -> None:
    """All that *folder* holds."""
    async with opened(folder) as (memory, world):
        await backup_all(memory, world.notebooks, str(place), place / "notes", silent)


async def put_back(folder: Path, place: Path) -> None:
    """In the place of what *folder* holds."""
    async with opened(folder) as (memory, world):
        await restore_all(memory, world.notebooks, str(place), place / "notes", silent)


async def content(folder: Path, tenant: Tenant) -> list[str]:
    """All records and all that the notebook holds."""
    async with opened(folder) as (memory, world):
        found = await lines(memory, tenant)
        if await world.notebooks.exists(tenant):
            found += await held(world.notebooks, tenant)
        return found


async def fill(folder: Path, tenant: Tenant) -> None:
    """What is backed up."""
    async with opened(folder) as (_, world):
        await fill_notebook(tenant, world)


async def fill_otherwise(folder: Path, tenant: Tenant) -> None:
    """What a restore finds: the same tenant changed since, and one that the backup has not."""
    async with opened(folder) as (_, world):
        await fill_notebook(tenant, world)
        await forget_everywhere(tenant, world, person="ada")
        await store_task(task("t5", "Painted it over"), tenant, world)
        await world.memory.retain(OTHER, [record("1", "of somebody else")])


def deadly(at: int) -> None:
    """From now on this process is killed at its step *at*."""
    steps = itertools.count()
    connect = sqlite3.connect

    def count(*_: object) -> None:
        if next(steps) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    class Deadly(sqlite3.Connection):
        """A connection that counts what it does."""

        def backup(self, target: sqlite3.Connection, **_: Any) -> None:
            """A few pages at a time."""
            super().backup(target, pages=PAGES, progress=count)

        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if not sql.lstrip().startswith("SELECT"):
                count()
            return super().execute(sql, *arguments)

    def told(event: str, arguments: tuple[Any, ...]) -> None:
        makes = event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]
        if makes or event in ("os.rename", "os.mkdir", "os.remove"):
            count()

    def opens(path: Any, **options: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(path, **{**options, "factory": Deadly})
        return made

    sqlite3.connect = opens  # type: ignore[assignment]  # of this process only, which dies
    sys.addaudithook(told)


async def after_a_backup(folder: Path, tenant: Tenant, at: int) -> dict[str, bool]:
    """Whether the cut off backup is refused or whole, and nothing else is harmed."""
    source, cut, new = folder / "source", folder / f"cut-{at}", folder / f"new-{at}"
    target = folder / f"target-{at}"
    before = await content(source, tenant)
    async with opened(target) as (memory, _):
        await memory.retain(tenant, [record("1", "there before")])
    there = await content(target, tenant)
    try:
        await put_back(target, cut)
    except FileNotFoundError:
        keeps_promise = await content(target, tenant) == there
    else:
        keeps_promise = await content(target, tenant) == before
    await back_up(source, new)
    await put_back(target, new)
    return {
        "is_refused_or_whole": keeps_promise,
        "another_is_whole": await content(target, tenant) == before,
    }


async def after_a_restore(folder: Path, tenant: Tenant, at: int) -> dict[str, bool]:
    """Whether the same restore, again, ends as one that nobody killed."""
    target = folder / f"target-{at}"
    other = await content(target, OTHER)
    await put_back(target, folder / "copy")
    return {
        "is_restored": await content(target, tenant) == await content(folder / "source", tenant),
        "others_stay": len(other) == 1 and await content(target, OTHER) == other,
    }


def in_a_child(act: Callable[[], None]) -> int:
    """How a process that does *act* ended; 0 when it was not killed."""
    child = os.fork()
    if not child:
        status = 1
        try:
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def main() -> None:
    """A child for each step, until one is left alive; a line for each that died."""
    is_backup, folder, tenant = sys.argv[1] == "backup", Path(sys.argv[2]), Tenant(sys.argv[3])
    source = folder / "source"
    in_a_child(lambda: asyncio.run(fill(source, tenant)))
    if not is_backup:
        in_a_child(lambda: asyncio.run(back_up(source, folder / "copy")))

    def work(at: int) -> None:
        deadly(at)
        asyncio.run(
            back_up(source, folder / f"cut-{at}")
            if is_backup
            else put_back(folder / f"target-{at}", folder / "copy")
        )

    def say(at: int) -> None:
        after = after_a_backup if is_backup else after_a_restore
        told = asyncio.run(after(folder, tenant, at))
        sys.stdout.write(json.dumps({"at": at, **told}) + "\n")
        sys.stdout.flush()

    def prepare(at: int) -> None:
        if not is_backup:
            asyncio.run(fill_otherwise(folder / f"target-{at}", tenant))

    for at in itertools.count():
        in_a_child(partial(prepare, at))
        ended = in_a_child(partial(work, at))
        if ended == 0:
            return
        if ended != signal.SIGKILL:
            raise SystemExit(f"step {at}: ended with {ended}, and was not killed")
        in_a_child(partial(say, at))


if __name__ == "__main__":
    main()
