"""
The audit log as files of lines, appended to by any number of processes of one machine.

Nothing that was written is ever changed or taken away: also the line that a killed process
left half-written stays, ended, and the next entry names it.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from odyssey.adapters.audit_reader import LOCK, SUFFIX, end_of_file, log_files, tail
from odyssey.domain.audit import (
    MAX_LINE,
    START,
    End,
    Entry,
    Kind,
    NotAnEntry,
    chained,
    end_of,
    torn_details,
    write_line,
)
from odyssey.domain.errors import Unavailable

log = logging.getLogger("odyssey.audit")

MAX_FILE_BYTES = 32 * 1024 * 1024
"""Some 60,000 entries; a new month begins a new file too."""
LOCK_POLL_S = 0.001


@dataclass(slots=True)
class _Open:
    """The newest file, and its end as this process last saw it."""

    path: Path
    descriptor: int
    inode: int
    size: int = -1
    end: End | None = None
    """None: the file has no entry yet."""


class AuditFile:
    """
    The log below *folder*, one chain for this machine.

    What `append` returned is on its way to the disk whatever becomes of this process;
    with *durable* it has survived a power cut.
    """

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime],
        host: str | None = None,
        max_file_bytes: int = MAX_FILE_BYTES,
        patience: timedelta = timedelta(seconds=5),
    ) -> None:
        self._folder = folder
        self._now = now
        self._host = host or socket.gethostname()
        self._max_file_bytes = max_file_bytes
        self._patience = patience
        self._lock = -1
        self._open: _Open | None = None
        self._last = START

    async def append(self, entry: Entry, *, durable: bool = False) -> Entry:
        """
        *entry* as it was chained and written.

        Raises:
            Unavailable: it could not be written; the message says why and what to do.
        """
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                while True:
                    if self._try_lock():
                        break
                    await asyncio.sleep(LOCK_POLL_S)
        except TimeoutError as error:
            raise Unavailable(
                f"the audit log {self._folder} is held by another process for over "
                f"{self._patience.total_seconds():g} s; without its entry nothing is done"
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        # No await until the lock is given back: within a process tasks hold the same lock.
        try:
            written, descriptor = self._write(entry)
            # Another task may be the one that closes the file meanwhile.
            descriptor = os.dup(descriptor) if durable else -1
        except OSError as error:
            self._forget()
            raise self._unwritable(error) from error
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
        if durable:
            await self._sync(descriptor)
        return written

    def witness(self) -> str:
        """
        The newest entry as `N:HASH`, to be shown elsewhere; "" while nothing can be read.
        """
        newest = self.newest()
        return newest.witness if newest else ""

    def newest(self) -> End | None:
        """
        The end of the chain; None while nothing can be read.
        """
        try:
            ends = (end_of_file(each) for each in reversed(log_files(self._folder)))
            return next((each for each in ends if each), None)
        except (OSError, NotAnEntry):
            return None

    def close(self) -> None:
        """Lets go of the files."""
        self._forget()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _try_lock(self) -> bool:
        path = self._folder / LOCK
        try:
            if self._lock >= 0 and os.fstat(self._lock).st_ino != path.stat().st_ino:
                self.close()
        except FileNotFoundError:
            # The folder was moved away; who holds its lock keeps nobody out of the new one.
            self.close()
        if self._lock < 0:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _write(self, entry: Entry) -> tuple[Entry, int]:
        at = self._newest_file(entry.at)
        data, end = b"", at.end
        if end is None:
            opened = chained(self._opening(entry.at, at.path), self._end_before(at.path))
            data, end = write_line(opened), end_of(opened)
        written = chained(entry, end)
        data += write_line(written)
        self._put(at, data)
        at.end = self._last = end_of(written)
        return written, at.descriptor

    def _put(self, at: _Open, data: bytes) -> None:
        count = os.write(at.descriptor, data)
        if count != len(data):
            # A full disk takes a part. The next append ends that line and names it.
            raise OSError(errno.ENOSPC, f"only {count} of {len(data)} bytes were written")
        at.size += count

    def _newest_file(self, moment: datetime) -> _Open:
        files = log_files(self._folder)
        month = f"{moment.astimezone(UTC):%Y-%m}"
        if not files:
            return self._switch(self._folder / f"{month}-0001{SUFFIX}")
        at = self._open
        status = files[-1].stat()
        # The path may be another file by now: one that is taken away keeps its descriptor.
        if at is None or at.path != files[-1] or at.inode != status.st_ino:
            at = self._switch(files[-1])
        elif status.st_size != at.size:
            self._catch_up(at, status.st_size)
        if at.end is None or (at.size < self._max_file_bytes and at.path.name >= month):
            return at
        return self._switch(_next_path(at.path, month))

    def _switch(self, path: Path) -> _Open:
        self._forget()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        status = os.fstat(descriptor)
        self._open = _Open(path, descriptor, status.st_ino)
        if status.st_size == 0:
            _sync_folder(self._folder)
        self._catch_up(self._open, status.st_size)
        return self._open

    def _catch_up(self, at: _Open, size: int) -> None:
        """Reads what others have appended, and ends a line that was left half-written."""
        start = max(0, size - 2 * MAX_LINE)
        try:
            end, cut = tail(os.pread(at.descriptor, size - start, start), is_whole=start == 0)
        except NotAnEntry as error:
            raise OSError(
                errno.EIO,
                f"its last line {error}: see `odyssey audit verify`, then move {at.path.name} "
                "out of the folder and keep it",
            ) from error
        at.size, at.end = size, self._not_before(end)
        if cut:
            torn = Entry(
                kind=Kind.TORN, at=self._now(), details=torn_details(cut.removesuffix(b"\n"))
            )
            named = chained(torn, at.end or self._end_before(at.path))
            self._put(at, (b"" if cut.endswith(b"\n") else b"\n") + write_line(named))
            at.end = end_of(named)

    def _not_before(self, end: End | None) -> End | None:
        """
        *end*, unless this process knows a later one: then somebody has taken entries away, and
        the chain goes on behind that one, so that the gap shows.
        """
        if end is None or end.sequence > self._last.sequence or end == self._last:
            return end
        log.error("audit log: entry %s was there and is not any more", self._last.sequence)
        return self._last

    def _opening(self, moment: datetime, path: Path) -> Entry:
        before = [each.name for each in log_files(self._folder) if each.name < path.name]
        return Entry(
            kind=Kind.OPENED,
            at=moment,
            details={"host": self._host[:100], "file": path.name, "after": (before or [""])[-1]},
        )

    def _end_before(self, path: Path) -> End:
        found = START
        for each in reversed(log_files(self._folder)):
            if each.name < path.name and (end := end_of_file(each)):
                found = end
                break
        return self._not_before(found) or found

    def _unwritable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"the audit log {self._folder} cannot be written ({error.strerror or error}); without "
            "its entry nothing is done. Is the disk full, read-only, or somebody else's?"
        )

    def _forget(self) -> None:
        if self._open is not None:
            os.close(self._open.descriptor)
            self._open = None

    async def _sync(self, descriptor: int) -> None:
        try:
            await asyncio.to_thread(os.fsync, descriptor)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Puts a new file's name on the disk; without it, its content is nobody's."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _next_path(path: Path, month: str) -> Path:
    before, number = path.name[:7], int(path.name[8:12])
    if before < month:
        return path.with_name(f"{month}-0001{SUFFIX}")
    return path.with_name(f"{before}-{number + 1:04d}{SUFFIX}")
