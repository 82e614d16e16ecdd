"""
The control file of a store without transactions: what waits to be written, and who writes.

It is a SQLite file beside the memory, shared by the processes of one machine.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from odyssey.adapters import leases, write_ahead_log
from odyssey.adapters.leases import Leases
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant, login_of, people_of
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Stored, from_line, to_line

LEASE = timedelta(seconds=60)
"""After which a lease that was not renewed is anyone's: its holder was killed."""

ATTEMPTS = 240
"""After which (an hour) a row that the store refuses is left to `catch_up(again=True)`."""

_TABLES = """
CREATE TABLE IF NOT EXISTS outbox (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant   TEXT NOT NULL,
    shelf    TEXT NOT NULL,
    id       TEXT NOT NULL,
    source   TEXT NOT NULL,
    line     TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason   TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS outbox_tenant ON outbox (tenant, number);
CREATE TABLE IF NOT EXISTS named (
    number INTEGER NOT NULL REFERENCES outbox (number) ON DELETE CASCADE,
    login  TEXT NOT NULL,
    PRIMARY KEY (login, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS named_number ON named (number)
"""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the outbox."""

    number: int
    stored: Stored


class Control:
    """
    The outbox and the leases in one SQLite file; safe for threads and processes.

    *clock* gives seconds since 1970. A clock that is set back makes no lease longer
    than `LEASE`.
    """

    def __init__(
        self,
        path: Path,
        *,
        patience: timedelta = timedelta(seconds=10),
        clock: Callable[[], float] = time.time,
        lease: timedelta = LEASE,
    ) -> None:
        self.path = path
        self._patience = patience
        self._leases = Leases(self._open, patience=patience, clock=clock, lasts=lease)
        self._is_made = False

    def put(self, tenant: Tenant, rows: Sequence[Stored]) -> None:
        """Keeps *rows* until they are taken out; durable when it returns."""
        with self._open() as connection:
            for row in rows:
                number = connection.execute(
                    "INSERT INTO outbox (tenant, shelf, id, source, line) VALUES (?, ?, ?, ?, ?)",
                    (
                        tenant.name, row.shelf.value, row.record.id, row.record.source,
                        to_line(tenant, row),
                    ),
                ).lastrowid  # fmt: skip
                connection.executemany(
                    "INSERT INTO named (number, login) VALUES (?, ?)",
                    [(number, login) for login in people_of(row.record)],
                )

    def first(self, tenant: Tenant, *, limit: int, again: bool = False) -> list[Waiting]:
        """The rows that have waited longest, in the order in which they were put."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT number, line FROM outbox WHERE tenant = ? AND attempts < ?"
                " ORDER BY number LIMIT ?",
                (tenant.name, 2**31 if again else ATTEMPTS, limit),
            ).fetchall()
        return [Waiting(number, from_line(line)[1]) for number, line in found]

    def take_out(self, numbers: Sequence[int]) -> None:
        """These rows are in the store."""
        with self._open(durable=False) as connection:
            connection.executemany(
                "DELETE FROM outbox WHERE number = ?", [(number,) for number in numbers]
            )

    def refused(self, reasons: dict[int, str]) -> None:
        """The store refused these rows; they wait for another attempt."""
        with self._open() as connection:
            connection.executemany(
                "UPDATE outbox SET attempts = attempts + 1, reason = ? WHERE number = ?",
                [(reason[:500], number) for number, reason in reasons.items()],
            )

    def ids_from(self, tenant: Tenant, *, source: str | None, person: str | None) -> list[str]:
        """The ids of what waits of a source or a person."""
        condition, values = _matching(tenant, source, person)
        with self._open() as connection:
            found = connection.execute(
                f"SELECT id FROM outbox WHERE {condition}",  # noqa: S608 - a constant
                values,
            )
            return [one for (one,) in found]

    def forget(
        self, tenant: Tenant, *, source: str | None, person: str | None
    ) -> dict[Shelf, tuple[str, ...]]:
        """
        Deletes what waits of a source or a person, by shelf; the file is scrubbed. Repeatable.

        Raises:
            Unavailable: it is deleted, and traces of it are left while somebody reads.
        """
        condition, values = _matching(tenant, source, person)
        with self._open() as connection:
            found = connection.execute(
                f"SELECT number, shelf, id FROM outbox WHERE {condition}",  # noqa: S608 - a constant
                values,
            ).fetchall()
            connection.executemany(
                "DELETE FROM outbox WHERE number = ?", [(number,) for number, _, _ in found]
            )
        with self._bare() as connection:
            write_ahead_log.empty(
                connection, name=f"control file {self.path}", patience=self._patience
            )
        return {
            shelf: ids
            for shelf in Shelf
            if (ids := tuple(one for _, name, one in found if name == shelf.value))
        }

    def count(self, tenant: Tenant, *, source: str | None = None, person: str | None = None) -> int:
        """How many rows of a tenant wait: all, or those of a source or a person."""
        condition, values = _matching(tenant, source, person)
        with self._open() as connection:
            row = connection.execute(
                f"SELECT count(*) FROM outbox WHERE {condition}",  # noqa: S608 - a constant
                values,
            ).fetchone()
        return int(row[0])

    def tenants(self) -> list[Tenant]:
        """The tenants of which anything waits, by name."""
        with self._open() as connection:
            rows = connection.execute("SELECT DISTINCT tenant FROM outbox ORDER BY tenant")
            return [Tenant(name) for (name,) in rows]

    def lease(self, name: str) -> AbstractAsyncContextManager[None]:
        """
        Holds *name* for this process while the block runs; waits for it up to the patience.

        Raises:
            Unavailable: another process held it all the time; or the lease was lost, and
                the block was cancelled.
        """
        return self._leases.hold(name)

    def is_held(self, name: str) -> bool:
        """Whether any process holds *name* now."""
        return self._leases.is_held(name)

    @contextmanager
    def _open(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction, committed unless the body raises."""
        with self._bare() as connection:
            if not durable:
                # A lease that is lost with the power, or a row written twice, does no harm.
                connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    @contextmanager
    def _bare(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(
                sqlite3.connect(
                    self.path, timeout=self._patience.total_seconds(), isolation_level=None
                )
            ) as connection:
                connection.execute("PRAGMA foreign_keys = ON")
                write_ahead_log.begin(connection, patience=self._patience)
                # FULL: what was retained survives the power cable, not only kill -9.
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")
                if not self._is_made:
                    self._make(connection)
                yield connection
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
                raise
            raise Unavailable(
                f"control file {self.path}: {error}; "
                "see that the disk has room and that the file may be written"
            ) from error

    def _make(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise Unavailable(f"{self.path} was written by a newer Odyssey; upgrade Odyssey")
        if version < _VERSION:
            connection.execute("BEGIN IMMEDIATE")
            for statement in (*_TABLES.split(";\n"), leases.TABLE):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION:d}")
            connection.commit()
        self._is_made = True


def _matching(
    tenant: Tenant, source: str | None, person: str | None
) -> tuple[str, tuple[str, ...]]:
    if source is not None:
        return "tenant = ? AND source = ?", (tenant.name, source)
    if person is not None:
        named = "number IN (SELECT number FROM named WHERE login = ?)"
        return f"tenant = ? AND {named}", (tenant.name, login_of(person))
    return "tenant = ?", (tenant.name,)
