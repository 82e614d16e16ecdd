"""
The tables of a tenant's file, and connections to it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant

VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS record (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    text        TEXT NOT NULL,
    occurred_at REAL NOT NULL,
    utc_offset  INTEGER NOT NULL,
    actor       TEXT,
    trust       TEXT NOT NULL,
    source      TEXT NOT NULL,
    thread      TEXT,
    person      TEXT,
    attributes  TEXT NOT NULL,
    masked      INTEGER NOT NULL,
    terms       TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS record_thread ON record (thread, occurred_at, seq);
CREATE INDEX IF NOT EXISTS record_newest ON record (occurred_at, seq);
CREATE INDEX IF NOT EXISTS record_source ON record (source);
CREATE INDEX IF NOT EXISTS record_person ON record (person);
CREATE INDEX IF NOT EXISTS record_actor ON record (actor);
CREATE INDEX IF NOT EXISTS record_kind ON record (kind);
CREATE TABLE IF NOT EXISTS attribute (
    seq   INTEGER NOT NULL REFERENCES record (seq) ON DELETE CASCADE,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, value, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS attribute_seq ON attribute (seq);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    terms, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_./#-'"
);
CREATE VIRTUAL TABLE IF NOT EXISTS nearby USING fts5 (
    terms, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_./#-'"
);
CREATE VIRTUAL TABLE IF NOT EXISTS words_vocabulary USING fts5vocab (words, row);
CREATE VIRTUAL TABLE IF NOT EXISTS nearby_vocabulary USING fts5vocab (nearby, row);
CREATE TABLE IF NOT EXISTS nearby_terms (
    seq    INTEGER PRIMARY KEY REFERENCES record (seq) ON DELETE CASCADE,
    terms  TEXT NOT NULL,
    before INTEGER,
    after  INTEGER
);
CREATE TABLE IF NOT EXISTS vector (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    seq    INTEGER NOT NULL REFERENCES record (seq) ON DELETE CASCADE,
    chunk  INTEGER NOT NULL,
    model  TEXT NOT NULL,
    value  BLOB NOT NULL,
    UNIQUE (seq, chunk)
);
CREATE TABLE IF NOT EXISTS outbox (
    seq      INTEGER PRIMARY KEY REFERENCES record (seq) ON DELETE CASCADE,
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""

_IDLE = 4
"""Connections kept for the next use, for each tenant."""


class Files:
    """
    The tenants' files in one folder, and a few open connections to each.

    Safe for threads; other processes may use the same files.
    """

    def __init__(self, folder: Path, *, patience: timedelta) -> None:
        self._folder = folder
        self._patience = patience
        self._idle: dict[Tenant, list[sqlite3.Connection]] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def path(self, tenant: Tenant) -> Path:
        """Where a tenant's memory is."""
        return self._folder / f"{tenant.name}.db"

    def exists(self, tenant: Tenant) -> bool:
        """Whether anything was ever retained for the tenant."""
        return self.path(tenant).exists()

    def tenants(self) -> list[Tenant]:
        """Every tenant that has a file, by name."""
        return [Tenant(path.stem) for path in sorted(self._folder.glob("inst-*.db"))]

    @contextmanager
    def connection(self, tenant: Tenant, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """
        A connection inside one transaction, committed unless the body raises.

        Raises:
            Unavailable: another process held the file longer than the patience, or
                the file cannot be read or written.
        """
        try:
            connection = self._take(tenant)
            try:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                self._give(tenant, connection)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError):
                raise
            raise Unavailable(
                f"memory {self.path(tenant)}: {error}; "
                "see that the disk has room and that the file may be written"
            ) from error

    def scrub(self, tenant: Tenant) -> None:
        """
        Carries the write-ahead log into the file and empties it.

        Deleted text is overwritten in the file at once; the log would keep it a while.
        """
        connection = self._take(tenant)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._give(tenant, connection)

    def close(self) -> None:
        """Closes the idle connections; one in use is closed when it is given back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _take(self, tenant: Tenant) -> sqlite3.Connection:
        with self._lock:
            waiting = self._idle.get(tenant)
            if waiting:
                return waiting.pop()
        return self._open(tenant)

    def _give(self, tenant: Tenant, connection: sqlite3.Connection) -> None:
        with self._lock:
            waiting = self._idle.setdefault(tenant, [])
            if len(waiting) < _IDLE and not self._is_closed:
                waiting.append(connection)
                return
        connection.close()

    def _open(self, tenant: Tenant) -> sqlite3.Connection:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(
            self.path(tenant),
            timeout=self._patience.total_seconds(),
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: a retained record survives the power cable, not only kill -9.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA mmap_size = 268435456")
            self._prepare(connection, tenant)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, tenant: Tenant) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == VERSION:
            return
        if version > VERSION:
            raise Unavailable(
                f"memory {self.path(tenant)} was written by a newer Odyssey "
                f"(schema {version}, this one knows {VERSION}); upgrade Odyssey"
            )
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION:d}")
        connection.commit()
