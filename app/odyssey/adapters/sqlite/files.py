"""
The tenants' files in one folder, and connections to them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from odyssey.adapters import write_ahead_log
from odyssey.adapters.sqlite.schema import VERSION, prepare
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant

_IDLE = 4
"""Connections kept for the next use, for each tenant."""

_MOST_IDLE = 64
"""Of all tenants together: an open file each, and their write-ahead logs."""

_PAUSE_S = 0.01
"""Between two looks whether the folder is free; opening a file takes a few of these."""

_log = logging.getLogger(__name__)


class Files:
    """
    The tenants' files in one folder, and a few open connections to each.

    Safe for threads; other processes may use the same files.
    """

    def __init__(self, folder: Path, *, patience: timedelta) -> None:
        self.folder = folder
        self._patience = patience
        self._strays: set[Path] = set()
        self._idle: dict[Tenant, list[sqlite3.Connection]] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def path(self, tenant: Tenant) -> Path:
        """Where a tenant's memory is."""
        return self.folder / f"{tenant.name}.db"

    def exists(self, tenant: Tenant) -> bool:
        """Whether anything was ever retained for the tenant."""
        return self.path(tenant).exists()

    def tenants(self) -> list[Tenant]:
        """Every tenant that has a file, by name; a file of another name is nobody's."""
        return [
            tenant
            for path in sorted(self.folder.glob("inst-*.db"))
            if (tenant := self._tenant_of(path)) is not None
        ]

    @contextmanager
    def connection(self, tenant: Tenant, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """
        A connection inside one transaction, committed unless the body raises.

        Raises:
            Unavailable: another process held the file longer than the patience, or
                the file cannot be read or written.
        """
        with self.bare(tenant) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    @contextmanager
    def bare(self, tenant: Tenant) -> Iterator[sqlite3.Connection]:
        """
        A connection outside any transaction.

        Raises:
            Unavailable: as `connection`.
        """
        try:
            connection = self._take(tenant)
            try:
                yield connection
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
        Carries the write-ahead log into the file and empties it. Repeatable.

        Deleted text is overwritten in the file at once; the log would keep it a while.

        Raises:
            Unavailable: as `connection`, or somebody read longer than the patience.
        """
        with self.bare(tenant) as connection:
            write_ahead_log.empty(
                connection, name=f"memory {self.path(tenant)}", patience=self._patience
            )

    def close(self) -> None:
        """Closes the idle connections; one in use is closed when it is given back."""
        with self._lock:
            self._is_closed = True
        self._close_idle()

    def _tenant_of(self, path: Path) -> Tenant | None:
        try:
            return Tenant(path.stem)
        except ValueError:
            if path not in self._strays:
                self._strays.add(path)
                _log.warning("memory: %s is no tenant's file and left alone", path)
            return None

    def _close_idle(self) -> None:
        with self._lock:
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
            is_room = sum(map(len, self._idle.values())) < _MOST_IDLE
            waiting = self._idle.setdefault(tenant, [])
            if is_room and len(waiting) < _IDLE and not self._is_closed:
                waiting.append(connection)
                return
        connection.close()
        if not is_room:
            self._close_idle()

    def _open(self, tenant: Tenant) -> sqlite3.Connection:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(self.folder, self._patience):
            return self._open_alone(tenant)

    def _open_alone(self, tenant: Tenant) -> sqlite3.Connection:
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
        if version > VERSION:
            raise Unavailable(
                f"memory {self.path(tenant)} was written by a newer Odyssey "
                f"(schema {version}, this one knows {VERSION}); upgrade Odyssey"
            )
        if version < VERSION:
            prepare(connection)


@contextmanager
def _alone(folder: Path, patience: timedelta) -> Iterator[None]:
    """
    No thread or process opens a file in *folder* beside this one.

    SQLite does not wait, whatever its patience, when two make a file WAL at once.

    Raises:
        Unavailable: another was at it longer than *patience*.
    """
    end = time.monotonic() + patience.total_seconds()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Not one call that waits: it could not be given an end.
        while not _is_locked(descriptor):
            if time.monotonic() > end:
                raise Unavailable(
                    f"memory {folder}: another process holds the folder; see that none is stopped "
                    "in the middle of its work, and call again"
                )
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    """Takes the lock, unless another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
