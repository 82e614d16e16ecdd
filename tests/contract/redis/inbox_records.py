"""
Deliveries for the inbox, and what the server holds of them.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from redis.asyncio import Redis

from odyssey.adapters.redis_connection import command
from odyssey.adapters.redis_inbox import (
    OPEN,
    QUEUE,
    deserialize_job,
)
from odyssey.domain.identifiers import DeliveryId, PullRequestRef, RepositoryRef
from odyssey.ports import Delivery

NOW = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC)


def delivery(body: bytes = b'{"action":"created"}') -> Delivery:
    """
    A delivery with an id of its own.
    """
    return Delivery(
        id=DeliveryId(str(uuid.uuid4())), event="issue_comment", body=body, received_at=NOW
    )


def of(repository: RepositoryRef, *, subject: PullRequestRef | None = None) -> Delivery:
    """
    A delivery of that repository, about *subject* if that is all it says.
    """
    return replace(delivery(), repository=repository, subject=str(subject or "").lower())


async def queued(redis: Redis) -> list[str]:
    """
    The delivery ids arq would be asked to work, in order.
    """
    jobs = []
    for job_id in await redis.zrange(QUEUE, 0, -1):
        kept = await redis.get(b"arq:job:" + job_id)
        if kept is not None:
            jobs.append(deserialize_job(kept)["a"][0])
    return jobs


async def record(redis: Redis, of: Delivery) -> dict[bytes, bytes]:
    """
    What is kept of a delivery.
    """
    kept: dict[bytes, bytes] = await command(redis, "HGETALL", f"odyssey:inbox:{of.id}")
    return kept


async def until_lease_is_over(redis: Redis, delivery_id: str) -> None:
    """
    Ends the lease now, as if its time had passed.
    """
    await redis.zadd(OPEN, {delivery_id: 1})
