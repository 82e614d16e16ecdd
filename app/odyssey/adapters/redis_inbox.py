"""
The inbox in Redis: a delivery is kept and handed to a worker in one step.

The steps themselves are in `redis_inbox.lua`. A delivery is `waiting` (a job
for it is in arq's queue, or it is in its repository's line), `leased` (a worker
is at it), `done` or `failed`. Each handing over is a job of its own, so neither
a result nor a lock that arq keeps for an earlier one stands in its way.

A repository has a few places: so many of its deliveries are queued or worked at
a time, the others wait in a line of its own. So nobody is behind a noisy one.
"""

from __future__ import annotations

import asyncio
import secrets
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
from odyssey.adapters.redis_heart import Heart, Hold, clock
from odyssey.domain.errors import LeaseLost, Unavailable
from odyssey.domain.identifiers import (
    DeliveryId,
    InstallationId,
    PullRequestRef,
    RepositoryRef,
)
from odyssey.ports import RECONCILE, Delivery

QUEUE = "arq:queue"
OPEN = "odyssey:inbox:open"
WORK_DELIVERY = "work_delivery"
"""The name of the worker's function; its one argument is the delivery id. Also in the script."""

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

Packed = tuple[str, str, bytes, str, str, str]
"""Id, event, body, when it was received, repository, subject: as the script takes them."""
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

    A lease ends after *lease* unless `heartbeat` extends it; *places* are those of
    each repository. One instance for each process: it is the owner of the leases
    it takes. Without a *heart* it has one of its own.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        lease: timedelta = timedelta(seconds=1.2),
        places: int = 4,
        heart: Heart | None = None,
    ) -> None:
        self._redis = redis
        self._lease = lease
        self._places = places
        self._heart = heart or Heart(redis, open_key=OPEN)
        self._owner = secrets.token_hex(8)
        self._asked_at: dict[DeliveryId, float] = {}
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
                repository=ref.repository,
                subject=str(ref),
            )
        )

    async def take(self, delivery_id: DeliveryId) -> Delivery | None:
        """See `Inbox.take`."""
        return self._taken(clock(), await self._change("take", delivery_id))

    async def take_next(self) -> Delivery | None:
        """See `Inbox.take_next`."""
        return self._taken(clock(), await self._change("take_next"))

    def _taken(self, asked_at: float, found: Any) -> Delivery | None:
        if not found:
            return None
        id, event, body, received_at, line, subject, tries, taken = found
        delivery_id = DeliveryId(id.decode())
        self._asked_at[delivery_id] = asked_at
        return Delivery(
            id=delivery_id,
            event=event.decode(),
            body=_unpacked(body),
            received_at=datetime.fromtimestamp(float(received_at), UTC),
            repository=_repository(line.decode()),
            subject=subject.decode(),
            attempt=tries,
            is_repeated=taken > 1,
        )

    @asynccontextmanager
    async def heartbeat(self, delivery_id: DeliveryId) -> AsyncIterator[None]:
        """See `Inbox.heartbeat`."""
        hold = Hold(
            "lease",
            delivery_id,
            self._owner,
            ttl=self._lease,
            since=self._asked_at.pop(delivery_id, clock()),
            error=lambda: LeaseLost(f"the lease of delivery {delivery_id} was lost meanwhile"),
        )
        async with self._heart.holding(hold):
            yield

    async def done(self, delivery_id: DeliveryId, *, settles: bool = False) -> None:
        """See `Inbox.done`. Without effect while another worker holds the lease."""
        self._asked_at.pop(delivery_id, None)
        await self._change("done", delivery_id, _seconds(REMEMBER_DONE), int(settles))

    async def failed(
        self, delivery_id: DeliveryId, reason: str, *, owed: Delivery | None = None
    ) -> None:
        """See `Inbox.failed`. Without effect while another worker holds the lease."""
        follow_up = _packed(owed, _packed_body(owed.body)) if owed else ()
        remember = _seconds(REMEMBER_FAILED)
        await self._change("failed", delivery_id, remember, reason[:2_000], *follow_up)

    async def retry(
        self, delivery_id: DeliveryId, after: timedelta, *, counts: bool = True
    ) -> None:
        """See `Inbox.retry`. Without effect unless the lease is the caller's."""
        await self._change("retry", delivery_id, max(0, _ms(after)), int(counts))

    async def find_state(self, delivery_id: DeliveryId) -> str | None:
        """See `Inbox.find_state`."""
        with unavailable_without_redis():
            found = await command(self._redis, "HGET", f"odyssey:inbox:{delivery_id}", "state")
        return found.decode() if found else None

    async def is_quiet(self) -> bool:
        """See `Inbox.is_quiet`."""
        with unavailable_without_redis():
            return not await self._redis.zcard(OPEN)

    async def recover(self) -> int:
        """
        See `Inbox.recover`.

        These are leased deliveries whose lease is over, and waiting ones whose job is lost.
        """
        total, is_more = 0, 1
        while is_more:
            count, is_more = await self._change("recover")
            total += count
        return total

    async def check_durability(self) -> list[str]:
        """What the server's settings leave to chance, each with its remedy; empty when nothing."""
        return await durability_gaps(self._redis)

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
        for (_, _, body, *_), _ in self._arrivals:
            if count and size + len(body) > LARGEST_BATCH_BYTES:
                break
            size, count = size + len(body), count + 1
        batch, self._arrivals = self._arrivals[:count], self._arrivals[count:]
        return batch

    async def _change(self, change: str, *arguments: str | bytes | int) -> Any:
        common = (2, OPEN, QUEUE, change, self._owner, self._places, _ms(self._lease))
        with unavailable_without_redis():
            if self._digest is not None:
                try:
                    return await command(self._redis, "EVALSHA", self._digest, *common, *arguments)
                except NoScriptError:  # the server was restarted
                    pass
            self._digest = await self._redis.script_load(self._source)
            return await command(self._redis, "EVALSHA", self._digest, *common, *arguments)


def _packed(delivery: Delivery, body: bytes) -> Packed:
    return (
        delivery.id,
        delivery.event,
        body,
        repr(delivery.received_at.timestamp()),
        _line(delivery.repository),
        delivery.subject.lower(),
    )


def _line(repository: RepositoryRef | None) -> str:
    # GitHub's names ignore case, but are shown as they are written: both are kept.
    if repository is None:
        return ""
    return f"{repository.installation_id}/{repository.full_name}"


def _repository(line: str) -> RepositoryRef | None:
    if not line:
        return None
    installation_id, owner, name = line.split("/")
    return RepositoryRef(InstallationId(int(installation_id)), owner, name)


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
