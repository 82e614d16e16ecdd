"""
Messages of conversations that wait until there are enough of them to be learnt from together.

Only their ids are here: the messages themselves are records like any other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from odyssey.adapters.notebook import jobs, learning
from odyssey.adapters.notebook.database import Gone, Notebooks, Part
from odyssey.domain.memory.jobs import JobKind
from odyssey.domain.memory.record import Tenant

_STEPS = (
    """
    CREATE TABLE conversation_message (
        id INTEGER PRIMARY KEY,
        record_id TEXT NOT NULL UNIQUE,
        scope TEXT NOT NULL,
        added_at REAL NOT NULL,
        is_batched INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    "CREATE INDEX conversation_open ON conversation_message (scope, id) WHERE NOT is_batched",
    "ALTER TABLE conversation_message ADD COLUMN session TEXT NOT NULL DEFAULT ''",
)


class SqliteConversations:
    """The batchers of all tenants."""

    def __init__(self, notebooks: Notebooks) -> None:
        self._notebooks = notebooks

    async def add(
        self,
        tenant: Tenant,
        scope: str,
        record_ids: Sequence[str],
        *,
        size: int,
        now: datetime,
        session: str = "",
    ) -> tuple[list[str], int]:
        """
        Adds messages; the jobs of the batches of *size* that are full now, and how many wait.

        A batch is of one session. Repeatable: a message is in one batch.
        """
        one = _Conversation(scope, session)

        def write(connection: sqlite3.Connection) -> tuple[list[str], int]:
            connection.executemany(
                "INSERT OR IGNORE INTO conversation_message (record_id, scope, session, added_at)"
                " VALUES (?, ?, ?, ?)",
                [(each, one.scope, one.session, now.timestamp()) for each in record_ids],
            )
            made: list[str] = []
            while len(found := _open(connection, one, size)) == size:
                made.append(_batch(connection, one, found, now=now))
            return made, len(found)

        return await self._notebooks.write(tenant, write)

    async def flush(
        self, tenant: Tenant, *, added_before: datetime, size: int, now: datetime
    ) -> list[str]:
        """The jobs of the batches that are made because their first message waits too long."""

        def write(connection: sqlite3.Connection) -> list[str]:
            due = connection.execute(
                "SELECT scope, session FROM conversation_message WHERE NOT is_batched"
                " GROUP BY scope, session HAVING min(added_at) <= ?",
                (added_before.timestamp(),),
            ).fetchall()
            made: list[str] = []
            for one in (_Conversation(*row) for row in due):
                while found := _open(connection, one, size):
                    made.append(_batch(connection, one, found, now=now))
            return made

        is_due = await self._notebooks.read(
            tenant,
            lambda connection: connection.execute(
                "SELECT 1 FROM conversation_message WHERE NOT is_batched AND added_at <= ?",
                (added_before.timestamp(),),
            ).fetchone(),
        )
        return await self._notebooks.write(tenant, write) if is_due else []

    async def known(self, tenant: Tenant, record_ids: Sequence[str]) -> list[str]:
        """Those of the messages that were added before."""
        if not record_ids or not await self._notebooks.exists(tenant):
            return []

        def read(connection: sqlite3.Connection) -> list[str]:
            return [
                each
                for each in record_ids
                if connection.execute(
                    "SELECT 1 FROM conversation_message WHERE record_id = ?", (each,)
                ).fetchone()
            ]

        return await self._notebooks.read(tenant, read)


@dataclass(frozen=True, slots=True)
class _Conversation:
    """Whose messages are batched together."""

    scope: str
    session: str


def _open(connection: sqlite3.Connection, one: _Conversation, limit: int) -> list[str]:
    rows = connection.execute(
        "SELECT record_id FROM conversation_message"
        " WHERE scope = ? AND session = ? AND NOT is_batched ORDER BY id LIMIT ?",
        (one.scope, one.session, limit),
    )
    return [record_id for (record_id,) in rows]


def _batch(
    connection: sqlite3.Connection, one: _Conversation, record_ids: Sequence[str], *, now: datetime
) -> str:
    connection.executemany(
        "UPDATE conversation_message SET is_batched = 1 WHERE record_id = ?",
        [(each,) for each in record_ids],
    )
    return jobs.ask(
        connection,
        JobKind.SYNTHESISE,
        now=now,
        key=f"batch:{record_ids[0]}",
        payload={"scope": one.scope, "records": list(record_ids)},
    )


def _forget(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    connection.executemany(
        "DELETE FROM conversation_message WHERE record_id = ?",
        [(each,) for each in learning.records_of(connection, gone)],
    )
    return []


PART = Part(name="conversation", steps=_STEPS, forget=_forget)
