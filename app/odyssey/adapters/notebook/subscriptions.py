"""
Subscriptions in a notebook; each event becomes one job for each of them, in one transaction.

No row names a person or holds a memory's text, so there is nothing to forget here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

from odyssey.adapters.notebook import jobs
from odyssey.adapters.notebook.database import Notebooks, Part
from odyssey.domain.errors import OdysseyError
from odyssey.domain.memory.happening import Happened, MemoryEvent
from odyssey.domain.memory.jobs import JobKind, JobState
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.subscription import (
    MAX_SUBSCRIPTIONS,
    Hook,
    Subscription,
    Tally,
    TooManySubscriptions,
    notification,
)

log = logging.getLogger("odyssey.memory")

PART = Part(
    name="subscriptions",
    steps=(
        """
        CREATE TABLE subscription (
            id TEXT PRIMARY KEY,
            url TEXT NOT NULL,
            events TEXT NOT NULL,
            repository TEXT NOT NULL,
            secret TEXT NOT NULL,
            created_at REAL NOT NULL
        ) STRICT
        """,
    ),
)

# A job that is done has a result in the place of its payload.
_OF_SUBSCRIPTION = (
    "? IN (json_extract(payload, '$.subscription_id'), json_extract(result, '$.subscription_id'))"
)
_COLUMNS = "id, url, events, repository, secret, created_at"


class SqliteSubscriptions:
    """
    The subscriptions of all tenants, and what tells them.
    """

    def __init__(self, notebooks: Notebooks) -> None:
        self._notebooks = notebooks
        self._hooks: list[Hook] = []

    def subscribe(self, hook: Hook) -> Callable[[], None]:
        """Lets *hook* be told in this process, until what is returned is called."""
        self._hooks.append(hook)

        def end() -> None:
            if hook in self._hooks:
                self._hooks.remove(hook)

        return end

    async def publish(self, event: MemoryEvent) -> None:
        """
        Tells every hook, and asks for every subscriber to be posted to.

        A hook or a notebook that fails is logged: what happened has happened.
        """
        told = await asyncio.gather(
            *(_call(hook, event) for hook in tuple(self._hooks)), return_exceptions=True
        )
        for problem in told:
            if isinstance(problem, BaseException):
                log.error("a subscriber to %s failed", event.name, exc_info=problem)
        try:
            # Most have no subscriber, and writing waits for other processes and for the disk.
            if any(event.name in each.events for each in await self._known(event.tenant)):
                await self._notebooks.write(
                    event.tenant, lambda connection: _ask(connection, event)
                )
        except OdysseyError as error:
            log.warning("tenant %s: nobody is told of %s: %s", event.tenant, event.name, error)

    async def add(self, tenant: Tenant, subscription: Subscription) -> None:
        """Keeps it, unless there are enough."""

        def write(connection: sqlite3.Connection) -> None:
            (count,) = connection.execute("SELECT count(*) FROM subscription").fetchone()
            if count >= MAX_SUBSCRIPTIONS:
                raise TooManySubscriptions(
                    f"{subscription.repository} has {count} subscriptions; delete one first"
                )
            connection.execute(
                f"INSERT INTO subscription ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - own names
                (
                    subscription.id,
                    subscription.url,
                    json.dumps([str(each) for each in subscription.events]),
                    subscription.repository,
                    subscription.secret,
                    subscription.created_at.timestamp(),
                ),
            )

        await self._notebooks.write(tenant, write)

    async def of(self, tenant: Tenant) -> list[tuple[Subscription, Tally]]:
        """All of a tenant with what became of their notifications, oldest first."""
        if not await self._notebooks.exists(tenant):
            return []

        def read(connection: sqlite3.Connection) -> list[tuple[Subscription, Tally]]:
            return [(each, _tally(connection, each.id)) for each in _all(connection)]

        return await self._notebooks.read(tenant, read)

    async def find(self, tenant: Tenant, subscription_id: str) -> Subscription | None:
        """The one with this id."""
        found = await self._known(tenant)
        return next((each for each in found if each.id == subscription_id), None)

    async def delete(self, tenant: Tenant, subscription_id: str) -> bool:
        """Ends it; whether it was there."""
        if not await self._notebooks.exists(tenant):
            return False

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute(
                f"DELETE FROM job WHERE kind = ? AND state <> ? AND {_OF_SUBSCRIPTION}",  # noqa: S608 - own names
                (str(JobKind.NOTIFY), str(JobState.LEASED), subscription_id),
            )
            gone = connection.execute("DELETE FROM subscription WHERE id = ?", (subscription_id,))
            return gone.rowcount > 0

        return await self._notebooks.write(tenant, write)

    async def _known(self, tenant: Tenant) -> list[Subscription]:
        if not await self._notebooks.exists(tenant):
            return []
        return await self._notebooks.read(tenant, _all)


async def _call(hook: Hook, event: MemoryEvent) -> None:
    await hook(event)


def _ask(connection: sqlite3.Connection, event: MemoryEvent) -> None:
    for each in _all(connection):
        if event.name not in each.events:
            continue
        body = notification(event, each.repository)
        jobs.ask(
            connection,
            JobKind.NOTIFY,
            # Told twice before it was posted, it is posted once.
            key=f"{each.id}:{body['id']}",
            now=event.occurred_at,
            payload={"subscription_id": each.id, "body": body},
        )


def _all(connection: sqlite3.Connection) -> list[Subscription]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM subscription ORDER BY created_at, id")  # noqa: S608 - own names
    return [
        Subscription(
            id=row[0],
            url=row[1],
            events=tuple(Happened(each) for each in json.loads(row[2])),
            repository=row[3],
            secret=row[4],
            created_at=datetime.fromtimestamp(row[5], UTC),
        )
        for row in rows
    ]


def _tally(connection: sqlite3.Connection, subscription_id: str) -> Tally:
    rows = connection.execute(
        f"SELECT state, reason FROM job WHERE kind = ? AND {_OF_SUBSCRIPTION}"  # noqa: S608 - own names
        " ORDER BY updated_at",
        (str(JobKind.NOTIFY), subscription_id),
    ).fetchall()
    states = [state for state, _ in rows]
    problems = [reason for state, reason in rows if reason and state != JobState.DONE]
    return Tally(
        waiting=states.count(JobState.WAITING) + states.count(JobState.LEASED),
        delivered=states.count(JobState.DONE),
        given_up=states.count(JobState.DEAD),
        last_problem=problems[-1] if problems else "",
    )
