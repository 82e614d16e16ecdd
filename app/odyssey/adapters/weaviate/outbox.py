"""
The outbox worked off: rows in their order, in batches, no longer than the caller may wait.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from odyssey.adapters.control import Control, Waiting
from odyssey.adapters.weaviate import writing
from odyssey.adapters.weaviate.connection import Connection
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Stored

_log = logging.getLogger(__name__)

_BATCH = 64

_BEFORE_READING = 128
"""The most rows that somebody who only reads waits for; the others are the timer's."""

_COUNTED_SECONDS = 15.0
"""Between two attempts that count: the timer's own pace, however often somebody reads."""

_OTHERS_TURN_SECONDS = 0.1
"""Between two batches: whoever waits for the lease looks twice in this time."""


class Outbox(Control):
    """A control file that knows which of two rows with one id is the later."""

    def drop_older(self, tenant: Tenant, written: Sequence[Waiting]) -> None:
        """Drops refused rows that would replace *written*, which came after them."""
        latest = {
            (one.stored.shelf.value, one.stored.record.id): one.number
            for one in sorted(written, key=lambda one: one.number)
        }
        with self._open(durable=False) as connection:
            refused = connection.execute(
                "SELECT number, shelf, id FROM outbox WHERE tenant = ? AND attempts > 0",
                (tenant.name,),
            ).fetchall()
            connection.executemany(
                "DELETE FROM outbox WHERE number = ?",
                [
                    (number,)
                    for number, shelf, one in refused
                    if number < latest.get((shelf, one), 0)
                ],
            )


class Drain:
    """Writes what waits; *writing* lets one process at a time write a tenant."""

    def __init__(
        self,
        connection: Connection,
        outbox: Outbox,
        writing: Callable[[Tenant], AbstractAsyncContextManager[None]],
    ) -> None:
        self._connection = connection
        self._outbox = outbox
        self._writing = writing
        self._counted: dict[int, float] = {}

    async def all(self, tenant: Tenant, *, again: bool = False) -> None:
        """
        Writes what waits; what is refused stays there, with the reason.

        Raises:
            Unavailable: the server is away, or another process writes the tenant.
        """
        await self._some(tenant, set(), again=again)

    async def before_reading(self, tenant: Tenant) -> None:
        """
        So that what this machine has kept is found, unless that is much.

        What was refused just now is left alone: it would be so again.
        """
        lately = time.monotonic() - _COUNTED_SECONDS
        refused = {number for number, when in self._counted.items() if when > lately}
        try:
            async with asyncio.timeout(self._connection.patience.total_seconds() / 2):
                await self._some(tenant, refused, most=_BEFORE_READING)
        except (Unavailable, TimeoutError) as error:
            # Reading says by itself when the server is away; a busy writer is no reason to fail.
            _log.warning(
                "tenant %s: read without what waits in the outbox: %s",
                tenant, str(error) or "there is much",
            )  # fmt: skip

    async def _some(
        self, tenant: Tenant, tried: set[int], *, again: bool = False, most: float = float("inf")
    ) -> None:
        """Writes at most *most* rows, without those of the numbers *tried*."""
        done = 0
        while done < most and await asyncio.to_thread(self._outbox.count, tenant) > 0:
            if done:
                await asyncio.sleep(_OTHERS_TURN_SECONDS)
            async with self._writing(tenant):
                waiting = await asyncio.to_thread(
                    self._outbox.first, tenant, limit=_BATCH + len(tried), again=again
                )
                waiting = [one for one in waiting if one.number not in tried][:_BATCH]
                if not waiting:
                    return
                tried |= await self._write(tenant, waiting)
            done += len(waiting)

    async def _write(self, tenant: Tenant, waiting: Sequence[Waiting]) -> set[int]:
        """Writes one batch; the numbers of the rows that were refused."""
        refused: dict[int, str] = {}
        for shelf in Shelf:
            some = [one for one in waiting if one.stored.shelf is shelf]
            if not some:
                continue
            async with self._connection.client():
                collection = await self._connection.make(shelf, tenant)
                latest = _once([one.stored for one in some])
                written = await writing.write(collection, tenant, latest)
            refused |= {
                one.number: written.refused[one.stored.record.id]
                for one in some
                if one.stored.record.id in written.refused
            }
        if refused:
            await asyncio.to_thread(self._outbox.refused, self._counting(refused))
            _log.error(
                "tenant %s: Weaviate refused %d rows, kept in the outbox; the first: %s",
                tenant, len(refused), next(iter(refused.values()))[:300],
            )  # fmt: skip
        done = [one for one in waiting if one.number not in refused]
        await asyncio.to_thread(self._outbox.drop_older, tenant, done)
        await asyncio.to_thread(self._outbox.take_out, [one.number for one in done])
        for one in done:
            self._counted.pop(one.number, None)
        return set(refused)

    def _counting(self, refused: Mapping[int, str]) -> dict[int, str]:
        """Those of which no attempt was counted just now."""
        now = time.monotonic()
        counting = {
            number: reason
            for number, reason in refused.items()
            if now - self._counted.get(number, -_COUNTED_SECONDS) >= _COUNTED_SECONDS
        }
        self._counted |= dict.fromkeys(counting, now)
        return counting


def _once(rows: Sequence[Stored]) -> list[Stored]:
    """Of rows with one id the one that stays."""
    ordered = rows[::-1] if rows[0].shelf.keeps_first else rows
    return list({row.record.id: row for row in ordered}.values())
