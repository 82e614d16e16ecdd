"""
Leases in a SQLite file: one process of a machine does a thing at a time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import timedelta
from typing import Protocol

from odyssey.background import beside
from odyssey.domain.errors import Unavailable

TABLE = """
CREATE TABLE IF NOT EXISTS lease (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  REAL NOT NULL
) WITHOUT ROWID
"""

_RENEWALS = 4
"""In the time after which a lease that was not renewed is over."""

_TRIES = 16
"""In the same time, once a renewal has failed."""

_log = logging.getLogger(__name__)


class Opens(Protocol):
    """Opens the file that has the table, inside a transaction."""

    def __call__(self, *, durable: bool) -> AbstractContextManager[sqlite3.Connection]:
        """
        A connection; committed unless the block raises, and by then on the disk if *durable*.

        Raises:
            Unavailable: the file cannot be had within the patience.
        """
        ...


class Leases:
    """
    The leases in one file; safe for threads and processes.

    *clock* gives seconds since 1970. A clock that is set back makes no lease longer
    than *lasts*.
    """

    def __init__(
        self, opens: Opens, *, patience: timedelta, clock: Callable[[], float], lasts: timedelta
    ) -> None:
        self._opens = opens
        self._patience = patience
        self._clock = clock
        self._lasts = lasts
        self._holder = f"{os.getpid()}-{secrets.token_hex(4)}"

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """
        Holds *name* for this process while the block runs; waits for it up to the patience.

        Raises:
            Unavailable: another process held it all the time; or the lease was lost, and
                the block was cancelled.
        """
        mine = f"{self._holder}-{secrets.token_hex(4)}"
        is_over = threading.Event()
        try:
            since = await self._wait_for(name, mine, is_over)
            async with self._keeping(name, mine, since):
                yield
        finally:
            # A thread that still waits for the file sees that nobody wants the lease any more.
            is_over.set()
            loop = asyncio.get_running_loop()
            # Shielded: a second cancellation would take it out of the queue of threads.
            await asyncio.shield(loop.run_in_executor(None, self._release, name, mine))

    def is_held(self, name: str) -> bool:
        """Whether any process holds *name* now."""
        with self._opens(durable=False) as connection:
            row = connection.execute(
                "SELECT count(*) FROM lease WHERE name = ? AND until >= ?", (name, self._clock())
            ).fetchone()
        return bool(row[0])

    async def _wait_for(self, name: str, mine: str, is_over: threading.Event) -> float:
        """Returns once it is held; by the loop's clock when that was asked for."""
        loop = asyncio.get_running_loop()
        end = time.monotonic() + self._patience.total_seconds()
        since = loop.time()
        while not await asyncio.to_thread(self._acquire, name, mine, is_over):
            if time.monotonic() > end:
                raise Unavailable(
                    f"another process writes {name}; call again", retry_after=self._lasts
                )
            await asyncio.sleep(0.05)
            since = loop.time()
        return since

    @asynccontextmanager
    async def _keeping(self, name: str, mine: str, since: float) -> AsyncIterator[None]:
        """Renews a lease that was asked for at *since*; when it cannot, the block is cancelled."""
        try:
            async with (
                asyncio.timeout_at(since + self._lasts.total_seconds()) as held,
                beside(
                    self._renew(name, mine, held), failing=f"the lease of {name} is not renewed"
                ),
            ):
                yield
        except TimeoutError as error:
            if not held.expired():
                raise
            raise Unavailable(
                f"the lease of {name} was lost, and another process may write it; call again"
            ) from error

    async def _renew(self, name: str, mine: str, held: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        lasts = self._lasts.total_seconds()
        pause = lasts / _RENEWALS
        while True:
            await asyncio.sleep(pause)
            since = loop.time()
            try:
                is_mine = await asyncio.to_thread(self._extend, name, mine)
            except Unavailable as error:
                _log.warning("the lease of %s was not renewed, once more: %s", name, error)
                pause = lasts / _TRIES
                continue
            if held.expired():
                return
            if not is_mine:
                held.reschedule(loop.time())
                return
            held.reschedule(since + lasts)
            pause = lasts / _RENEWALS

    # Everything below runs in a thread.

    def _acquire(self, name: str, mine: str, is_over: threading.Event) -> bool:
        now = self._clock()
        until = now + self._lasts.total_seconds()
        with self._opens(durable=False) as connection:
            # Here, where no other writes: whoever sets it releases after this is committed.
            if is_over.is_set():
                return False
            connection.execute(
                "INSERT INTO lease VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
                " SET holder = excluded.holder, until = excluded.until"
                # `until` too far ahead was written before the clock was set back.
                " WHERE holder = excluded.holder OR until < ? OR until > excluded.until",
                (name, mine, until, now),
            )
            row = connection.execute("SELECT holder FROM lease WHERE name = ?", (name,)).fetchone()
        return bool(row[0] == mine)

    def _extend(self, name: str, mine: str) -> bool:
        """Whether it was still this holder's."""
        until = self._clock() + self._lasts.total_seconds()
        # Never taken anew: a thread that was left running may come here after the release.
        with self._opens(durable=False) as connection:
            found = connection.execute(
                "UPDATE lease SET until = ? WHERE name = ? AND holder = ?", (until, name, mine)
            )
            return found.rowcount == 1

    def _release(self, name: str, mine: str) -> None:
        try:
            with self._opens(durable=False) as connection:
                connection.execute("DELETE FROM lease WHERE name = ? AND holder = ?", (name, mine))
        except Unavailable as error:
            # What was done under the lease is done, and what ended it is not to be hidden.
            _log.warning("the lease of %s is free in %s only: %s", name, self._lasts, error)
