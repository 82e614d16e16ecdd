"""
Workers that can be killed without a process for each: arq's own, over ports of their own.

A worker is known to Redis as a user of its own and to GitHub by a door of its own. Killing it
takes both away first: whatever its tasks still do on their way out reaches nobody, as with
SIGKILL. Its leases and locks stay until they end by themselves.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from arq.worker import Worker
from redis.asyncio import Redis

from odyssey.adapters.redis_connection import connect
from odyssey.adapters.redis_inbox import RedisInbox
from odyssey.bootstrap import open_ports
from odyssey.domain.identifiers import DeliveryId
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.worker import build_worker, keep_recovering
from schedules.door import Door

LEASE = timedelta(milliseconds=500)
"""Of deliveries and locks: how long a dead worker's stay its own."""
HASTE = 20
"""Waits between two tries are this many times shorter; all of them together last some seconds."""

MOST_CANCELLATIONS = 25
_numbers = itertools.count(1)


class HastyInbox(RedisInbox):
    """The inbox in which two tries lie close together."""

    async def retry(
        self, delivery_id: DeliveryId, after: timedelta, *, counts: bool = True
    ) -> None:
        """See `Inbox.retry`."""
        await super().retry(delivery_id, after / HASTE, counts=counts)


@dataclass(slots=True)
class Hand:
    """One worker, from its start until it is stopped or killed."""

    name: str
    ports: Ports
    door: Door
    worker: Worker
    task: asyncio.Task[Any]
    recovering: asyncio.Task[Any]
    is_dead: bool = False

    def stop_tasks(self) -> list[asyncio.Task[Any]]:
        """Cancels everything it runs; the tasks, to be waited for."""
        tasks = [self.task, self.recovering, *self.worker.tasks.values()]
        if self.worker.main_task is not None:
            tasks.append(self.worker.main_task)
        for task in tasks:
            task.cancel()
        return tasks


@asynccontextmanager
async def hired(settings: Settings, redis: Redis, url: str, door: Door) -> AsyncIterator[Hand]:
    """
    A working worker behind *door*, which is served at *url* already; gone when the block ends.

    *redis* is the harness's own connection, which may make and unmake users.
    """
    name = f"worker{next(_numbers)}"
    await redis.execute_command(  # type: ignore[no-untyped-call]  # has no types
        "ACL", "SETUSER", name, "on", f">{name}", "~*", "&*", "+@all"
    )
    address = urlsplit(settings.redis_url)
    own = settings.model_copy(
        update={
            "redis_url": f"{address.scheme}://{name}:{name}@{address.netloc}{address.path}",
            "github_api_url": url,
            "github_web_url": url,
            "lease": LEASE,
        }
    )
    async with AsyncExitStack() as exits:
        ports = await exits.enter_async_context(open_ports(own, embeds=False))
        client = connect(own.redis_url)
        exits.push_async_callback(client.aclose)
        inbox = HastyInbox(client, lease=own.lease, places=own.repository_places)
        ports = replace(ports, inbox=inbox)
        worker = build_worker(own, ports)
        hand = Hand(
            name,
            ports,
            door,
            worker,
            asyncio.create_task(worker.async_run(), name=f"{name} works"),
            asyncio.create_task(keep_recovering(ports, every=LEASE / 5), name=f"{name} recovers"),
        )
        try:
            yield hand
        finally:
            if not hand.is_dead:
                await dismiss(hand, redis)


async def dismiss(hand: Hand, redis: Redis) -> None:
    """
    Kills the worker: from now on nothing it does reaches anybody.

    What waits at its door must be let go by the caller.
    """
    hand.is_dead = True
    await redis.execute_command(  # type: ignore[no-untyped-call]  # has no types
        "ACL", "DELUSER", hand.name
    )
    for _ in range(MOST_CANCELLATIONS):
        # One that a task overheard is said again: the dead have no last wish.
        _, going = await asyncio.wait(hand.stop_tasks(), timeout=0.2)
        if not going:
            return
    raise RuntimeError(f"tasks of {hand.name} go on: {[each.get_stack() for each in going]}")
