"""
Notebooks: one SQLite database for each tenant, for what is derived from records and for
control data, whichever store keeps the records.

A part of memory (jobs, observations, blocks ...) has a module of its own here. To add one:

1. In your module write `PART = Part(name="blocks", steps=("CREATE TABLE block (...) STRICT",))`.
   Each step is one SQL statement. Steps are only ever appended: a notebook remembers how
   many of them it has seen. Table names begin with the part's name.
2. Add `blocks.PART` to `PARTS` in `parts.py`; every notebook has its tables from then on.
3. Work inside one transaction, in a thread: `await notebooks.write(tenant, work)` or
   `await notebooks.read(tenant, work)`, where `work(connection)` returns what you want. All
   parts share the database, so one `write` may change several parts together or none.
4. Where your rows hold text or logins, give the part `forget` and `left`: see `Part`.
5. What must outlive this machine is exported by a kind of line in `carried.py`; backups have
   the whole file.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from odyssey.adapters.notebook import backups
from odyssey.adapters.sqlite.files import Files
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant

T = TypeVar("T")

VERSION = 1
"""Of the table of parts; what is in a part is counted by its own steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """
    What is to be forgotten: records by id, all of a source (a URL), or all of a person.

    `person` is a login as `login_of` gives it. More than one may be given.
    """

    record_ids: frozenset[str] = frozenset()
    source: str | None = None
    person: str | None = None


Forget = Callable[[sqlite3.Connection, Gone], Sequence[str]]
Left = Callable[[sqlite3.Connection, Gone], int]


def _forgets_nothing(_connection: sqlite3.Connection, _gone: Gone) -> Sequence[str]:
    return ()


def _indexes_nothing(_connection: sqlite3.Connection) -> int:
    return 0


def _nothing_left(_connection: sqlite3.Connection, _gone: Gone) -> int:
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    The tables of one part, as steps that lead to them.

    `forget` deletes what rests on what is gone and gives the ids (`kind:key`) of what it
    deleted, which are taken out of the index of texts too; `left` counts what is still
    there. `reindex` lets everything be indexed anew, for an index that was lost; it gives
    how much. All run inside a transaction.
    """

    name: str
    steps: tuple[str, ...]
    forget: Forget = field(default=_forgets_nothing)
    left: Left = field(default=_nothing_left)
    reindex: Callable[[sqlite3.Connection], int] = field(default=_indexes_nothing)


class Notebooks:
    """
    The notebooks in one folder. Safe for threads and for several processes.
    """

    def __init__(
        self,
        folder: Path,
        parts: Sequence[Part],
        *,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._parts = tuple(parts)
        self._files = NotebookFiles(folder, self._parts, patience=patience)

    async def read(self, tenant: Tenant, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        What *work* returns of one consistent state of the notebook, which is made if need be.

        Raises:
            Unavailable: the file cannot be read, or was written by a newer Odyssey.
        """

        def run() -> T:
            with self._files.connection(tenant) as connection:
                return work(connection)

        return await asyncio.to_thread(run)

    async def write(self, tenant: Tenant, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        What *work* returns, once all it wrote is on the disk; if it raises, nothing is written.

        No other process writes the tenant's notebook meanwhile: *work* reads and decides,
        and never waits for anything.

        Raises:
            Unavailable: as `read`, or another process held the file too long.
        """

        def run() -> T:
            with self._files.connection(tenant, write=True) as connection:
                return work(connection)

        return await asyncio.to_thread(run)

    async def tenants(self) -> list[Tenant]:
        """Every tenant that has a notebook, by name."""
        return await asyncio.to_thread(self._files.tenants)

    def state(self, tenant: Tenant) -> tuple[int, ...]:
        """
        What is another after a write by any process: time and size of the write-ahead log.

        Empty once the last connection has carried the log into the file.
        """
        path = self._files.path(tenant)
        with contextlib.suppress(FileNotFoundError):
            stat = path.with_name(f"{path.name}-wal").stat()
            return (stat.st_mtime_ns, stat.st_size) if stat.st_size else ()
        return ()

    async def exists(self, tenant: Tenant) -> bool:
        """Whether the tenant has a notebook."""
        return await asyncio.to_thread(self._files.exists, tenant)

    async def forget(self, tenant: Tenant, gone: Gone, *, rehearses: bool = False) -> list[str]:
        """
        Deletes in every part what rests on *gone*, and proves it; the ids that were deleted.

        Deleted pages are overwritten and the write-ahead log emptied. Where it only *rehearses*,
        all is as before, and the ids are of what would be deleted.

        Raises:
            Unavailable: something is there still, written meanwhile: call again.
        """
        if not await self.exists(tenant):
            return []

        def delete(connection: sqlite3.Connection) -> list[str]:
            return [each for part in self._parts for each in part.forget(connection, gone)]

        def rehearse(connection: sqlite3.Connection) -> list[str]:
            connection.execute("SAVEPOINT rehearsal")
            try:
                return delete(connection)
            finally:
                connection.execute("ROLLBACK TO rehearsal")

        def count(connection: sqlite3.Connection) -> int:
            return sum(part.left(connection, gone) for part in self._parts)

        if rehearses:
            return await self.write(tenant, rehearse)
        deleted = await self.write(tenant, delete)
        await asyncio.to_thread(self._files.scrub, tenant)
        if left := await self.read(tenant, count):
            raise Unavailable(
                f"tenant {tenant}: {left} rows of the notebook are there after forgetting, "
                "written meanwhile; call again"
            )
        return deleted

    async def backup(self, place: Path, tenants: Collection[Tenant]) -> int:
        """
        Copies the notebook of each tenant into the folder *place*, as it is now; how many.

        Of a tenant without one that is noted, so that a restore takes away what came later.

        Raises:
            FileExistsError: there is a backup in it already.
        """
        return await asyncio.to_thread(backups.backup, self._files, place, tenants)

    async def check_place(self, place: Path) -> None:
        """
        Passes a folder that a backup can be made in: there is nothing in it.

        Raises:
            FileExistsError: there is.
        """
        await asyncio.to_thread(backups.check_place, place)

    async def check_backup(self, place: Path) -> None:
        """
        Passes a whole backup that can be restored.

        Raises:
            FileNotFoundError: *place* holds no whole backup.
            Unavailable: a copy is damaged, or was written by a newer Odyssey.
        """
        await asyncio.to_thread(backups.check, self._files, place)

    async def restore(self, place: Path) -> int:
        """
        Puts the notebooks of a backup in the place of the present ones; how many. Repeatable.

        Each in one transaction; what is indexed is indexed anew from then on.

        Raises:
            FileNotFoundError, Unavailable: as `check_backup`; then nothing is restored.
        """
        return await asyncio.to_thread(backups.restore, self._files, place)

    async def close(self) -> None:
        """Closes the files."""
        await asyncio.to_thread(self._files.close)


class NotebookFiles(Files):
    """Files whose tables are those of the parts."""

    def __init__(self, folder: Path, parts: tuple[Part, ...], *, patience: timedelta) -> None:
        super().__init__(folder, patience=patience)
        self._parts = parts

    def prepare(self, connection: sqlite3.Connection, *, name: object) -> None:
        """
        Brings the tables of a notebook up to date, or makes them; *name* is how errors call it.

        Raises:
            Unavailable: it was written by a newer Odyssey.
        """
        if self.is_current(connection, name=name):
            return
        # Another process may be at it: what has been done is counted inside the transaction.
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS part (name TEXT PRIMARY KEY, steps INTEGER NOT NULL)"
                " STRICT"
            )
            for part in self._parts:
                for step in part.steps[_seen(connection, part) :]:
                    connection.execute(step)
                connection.execute(
                    "INSERT OR REPLACE INTO part VALUES (?, ?)", (part.name, len(part.steps))
                )
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.commit()
        except BaseException:
            connection.rollback()
            raise

    def reindex(self, connection: sqlite3.Connection) -> None:
        """Lets everything be indexed anew."""
        for part in self._parts:
            part.reindex(connection)

    def _prepare(self, connection: sqlite3.Connection, tenant: Tenant) -> None:
        self.prepare(connection, name=self.path(tenant))

    def is_current(self, connection: sqlite3.Connection, *, name: object) -> bool:
        """
        Whether the tables are those of this Odyssey, and not of an older one.

        Raises:
            Unavailable: they are of a newer one.
        """
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            return False
        seen = {part.name: _seen(connection, part) for part in self._parts}
        newer = [part.name for part in self._parts if seen[part.name] > len(part.steps)]
        if version > VERSION or newer:
            raise Unavailable(
                f"notebook {name} was written by a newer Odyssey "
                f"({', '.join(newer) or f'version {version}'}); upgrade Odyssey"
            )
        return all(seen[part.name] == len(part.steps) for part in self._parts)


def _seen(connection: sqlite3.Connection, part: Part) -> int:
    row = connection.execute("SELECT steps FROM part WHERE name = ?", (part.name,)).fetchone()
    return int(row[0]) if row else 0
