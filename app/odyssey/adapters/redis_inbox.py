"""
The inbox in Redis: a delivery is kept and handed to a worker in one step.

The steps themselves are in `redis_inbox.lua`. A delivery is `waiting` (a job
for it is in arq's queue), `leased` (a worker is at it), `done` or `failed`.
Each handing over is a job of its own, so neither a result nor a lock that arq
keeps for an earlier one stands in its way.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from odyssey.adapters.redis_connection import command, durability_gaps, unavailable_without_redis
from odyssey.domain.errors import Unavailable
from odyssey.domain.identifiers import DeliveryId, PullRequestRef
from odyssey.ports import RECONCILE, Delivery

QUEUE = "arq:queue"
OPEN = "odyssey:inbox:open"
WORK_DELIVERY = "work_delivery"
"""The name of the worker's function; its one argument is the delivery id."""

REMEMBER_DONE = timedelta(days=7)
"""GitHub offers a delivery again for 3 days."""
REMEMBER_FAILED = timedelta(days=30)

LARGEST_BATCH_BYTES = 1_000_000
COMPRESS_FROM_BYTES = 65_536
"""A usual payload has 10 to 30 kB: compressing it would cost as much time as all the rest."""
COMPRESS_APART_FROM_BYTES = 524_288
"""From this size it is given to a thread, so that others need not wait for it."""
_COMPRESSED = b"z"
_PLAIN = b"-"

Packed = tuple[str, str, bytes, str, bytes]
"""Id, event, body, when it was received, job: as the script takes them."""
Arrival = tuple[Packed, asyncio.Future[bool]]


def serialize_job(job: Any) -> bytes:
    """
    arq's `job_serializer`: JSON, so that what a job holds cannot become code when read.
    """
    return orjson.dumps(job, default=repr)


def deserialize_job(data: bytes) -> Any:
    """
    arq's `job_deserializer`.
    """
    return orjson.loads(data)


class RedisInbox:
    """
    The port `Inbox`; its worker is arq, with `serialize_job` and `deserialize_job`.

    A lease ends after *lease* unless `heartbeat` extends it. One instance for
    each process: it is the owner of the leases it takes.
    """

    def __init__(self, redis: Redis, *, lease: timedelta = timedelta(seconds=30)) -> None:
        self._redis = redis
        self._lease = lease
        self._owner = secrets.token_hex(8)
        self._source = Path(__file__).with_suffix(".lua").read_text()
        self._digest: str | None = None
        self._arrivals: list[Arrival] = []
        self._keeping: asyncio.Task[None] | None = None

    async def accept(self, delivery: Delivery) -> bool:
        """See `Inbox.accept`. Deliveries that arrive together share one write to the disk."""
        if len(delivery.body) < COMPRESS_APART_FROM_BYTES:
            body = _packed_body(delivery.body)
        else:
            body = await asyncio.to_thread(_packed_body, delivery.body)
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._arrivals.append((_packed(delivery, body), kept))
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep_arrivals())
        return await kept

    async def ask_reconcile(self, ref: PullRequestRef) -> None:
        """See `Inbox.ask_reconcile`."""
        await self.accept(
            Delivery(
                id=DeliveryId(f"reconcile-{uuid.uuid4()}"),
                event=RECONCILE,
                body=orjson.dumps(
                    {
                        "installation_id": ref.repository.installation_id,
                        "owner": ref.repository.owner,
                        "name": ref.repository.name,
                        "number": ref.number,
                    }
                ),
                received_at=datetime.now(UTC),
            )
        )

    async def take(self, delivery_id: DeliveryId) -> Delivery | None:
        """See `Inbox.take`."""
        found = await self._change("take", delivery_id, self._owner, _ms(self._lease))
        if found is None:
            return None
        event, body, received_at, taken = found
        return Delivery(
            id=delivery_id,
            event=event.decode(),
            body=_unpacked(body),
            received_at=datetime.fromtimestamp(float(received_at), UTC),
            attempt=taken,
        )

    @asynccontextmanager
    async def heartbeat(self, delivery_id: DeliveryId) -> AsyncIterator[None]:
        """See `Inbox.heartbeat`."""
        beating = asyncio.create_task(self._beat(delivery_id))
        try:
            yield
        finally:
            beating.cancel()

    async def done(self, delivery_id: DeliveryId) -> None:
        """See `Inbox.done`. Without effect while another worker holds the lease."""
        await self._change("done", delivery_id, self._owner, _seconds(REMEMBER_DONE))

    async def failed(self, delivery_id: DeliveryId, reason: str) -> None:
        """See `Inbox.failed`. Without effect while another worker holds the lease."""
        remember = _seconds(REMEMBER_FAILED)
        await self._change("failed", delivery_id, self._owner, remember, reason[:2_000])

    async def retry(self, delivery_id: DeliveryId, after: timedelta) -> None:
        """See `Inbox.retry`. Without effect unless the lease is the caller's."""
        await self._change("retry", delivery_id, self._owner, max(0, _ms(after)), _job(delivery_id))

    async def is_quiet(self) -> bool:
        """See `Inbox.is_quiet`."""
        with unavailable_without_redis():
            return not await self._redis.zcard(OPEN)

    async def recover(self) -> int:
        """
        See `Inbox.recover`.

        These are leased deliveries whose lease is over, and waiting ones whose job is lost.
        """
        ids = [DeliveryId(each.decode()) for each in await self._change("overdue")]
        count = 0
        for start in range(0, len(ids), 200):
            pairs = [part for id in ids[start : start + 200] for part in (id, _job(id))]
            count += await self._change("recover", _ms(self._lease), *pairs)
        return count

    async def check_durability(self) -> list[str]:
        """What the server's settings leave to chance, each with its remedy; empty when nothing."""
        return await durability_gaps(self._redis)

    async def _beat(self, delivery_id: DeliveryId) -> None:
        is_ours = True
        while is_ours:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                is_ours = bool(
                    await self._change("extend", delivery_id, self._owner, _ms(self._lease))
                )
            except Unavailable:
                # The next beat may succeed; if none does, the lease ends, as it should.
                continue

    async def _keep_arrivals(self) -> None:
        # While one batch is written the next gathers: the slower the disk, the larger the batches.
        while self._arrivals:
            batch = self._next_batch()
            try:
                answers = await self._change(
                    "accept", *(part for packed, _ in batch for part in packed)
                )
            except Unavailable as error:
                for _, kept in batch:
                    if not kept.done():
                        kept.set_exception(Unavailable(str(error), retry_after=error.retry_after))
            else:
                for (_, kept), answer in zip(batch, answers, strict=True):
                    if not kept.done():
                        kept.set_result(bool(answer))
            finally:
                # Nobody may wait for ever, whatever ended this task.
                for _, kept in batch:
                    kept.cancel()

    def _next_batch(self) -> list[Arrival]:
        size = count = 0
        for (_, _, body, _, _), _ in self._arrivals:
            if count and size + len(body) > LARGEST_BATCH_BYTES:
                break
            size, count = size + len(body), count + 1
        batch, self._arrivals = self._arrivals[:count], self._arrivals[count:]
        return batch

    async def _change(self, *arguments: str | bytes | int) -> Any:
        with unavailable_without_redis():
            rest = (2, OPEN, QUEUE, *arguments)
            if self._digest is not None:
                try:
                    return await command(self._redis, "EVALSHA", self._digest, *rest)
                except NoScriptError:  # the server was restarted
                    pass
            self._digest = await self._redis.script_load(self._source)
            return await command(self._redis, "EVALSHA", self._digest, *rest)


def _job(delivery_id: DeliveryId) -> bytes:
    # arq's own form of a job: try, function, arguments, keywords, time it was queued in ms.
    now_ms = time.time_ns() // 1_000_000
    return serialize_job({"t": None, "f": WORK_DELIVERY, "a": [delivery_id], "k": {}, "et": now_ms})


def _packed(delivery: Delivery, body: bytes) -> Packed:
    return (
        delivery.id,
        delivery.event,
        body,
        repr(delivery.received_at.timestamp()),
        _job(delivery.id),
    )


def _packed_body(body: bytes) -> bytes:
    if len(body) < COMPRESS_FROM_BYTES:
        return _PLAIN + body
    return _COMPRESSED + zlib.compress(body, 1)


def _unpacked(kept: bytes) -> bytes:
    body = kept[1:]
    return zlib.decompress(body) if kept[:1] == _COMPRESSED else body


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _seconds(duration: timedelta) -> int:
    return duration // timedelta(seconds=1)
