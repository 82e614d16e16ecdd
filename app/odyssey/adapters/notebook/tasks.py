"""
Task memories in a notebook: the database of record, of which the index can be made again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from odyssey.adapters.notebook.database import Gone, Notebooks, Part
from odyssey.domain.memory.record import Tenant, Trust, login_of
from odyssey.domain.memory.scope import Scope, Tier
from odyssey.domain.memory.tasks import TaskMemory, memory_id_of

_STEPS = (
    """
    CREATE TABLE task (
        memory_id TEXT PRIMARY KEY,
        tier TEXT NOT NULL,
        owner TEXT NOT NULL,
        task_id TEXT NOT NULL,
        task_type TEXT NOT NULL,
        summary TEXT NOT NULL,
        success INTEGER NOT NULL,
        error_patterns TEXT NOT NULL,
        files TEXT NOT NULL,
        outcome_ref TEXT NOT NULL,
        source TEXT NOT NULL,
        actor TEXT,
        people TEXT NOT NULL,
        trust TEXT NOT NULL,
        learned_at TEXT NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1,
        is_indexed INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    "CREATE INDEX task_newest ON task (tier, owner, learned_at)",
    "CREATE INDEX task_by_task ON task (tier, owner, task_id)",
    "CREATE INDEX task_unindexed ON task (memory_id) WHERE is_indexed = 0",
    "CREATE TABLE task_person (login TEXT NOT NULL, memory_id TEXT NOT NULL,"
    " PRIMARY KEY (login, memory_id)) STRICT, WITHOUT ROWID",
    "CREATE TABLE task_use (memory_id TEXT NOT NULL, used_for TEXT NOT NULL,"
    " PRIMARY KEY (memory_id, used_for)) STRICT, WITHOUT ROWID",
)

_COLUMNS = (
    "memory_id, tier, owner, task_id, task_type, summary, success, error_patterns, files,"
    " outcome_ref, source, actor, people, trust, learned_at"
)
_READ = (
    f"SELECT {_COLUMNS}, (SELECT count(*) FROM task_use AS use"  # noqa: S608 - own names
    " WHERE use.memory_id = task.memory_id) FROM task"
)
_SLICE = 500


class SqliteTasks:
    """The task memories of all tenants."""

    def __init__(self, notebooks: Notebooks) -> None:
        self._notebooks = notebooks

    async def put(self, tenant: Tenant, memory: TaskMemory) -> TaskMemory:
        """
        Keeps the memory, in the place of one of the same outcome; as it is kept. Repeatable.

        How often it was used stays.
        """

        def write(connection: sqlite3.Connection) -> TaskMemory:
            _put(connection, memory)
            return by_ids(connection, [memory.memory_id])[memory.memory_id]

        return await self._notebooks.write(tenant, write)

    async def get(self, tenant: Tenant, memory_ids: Sequence[str]) -> dict[str, TaskMemory]:
        """The memories with these ids that are there."""
        if not memory_ids or not await self._notebooks.exists(tenant):
            return {}
        return await self._notebooks.read(tenant, lambda connection: by_ids(connection, memory_ids))

    async def of_task(self, tenant: Tenant, scope: Scope, task_id: str) -> list[TaskMemory]:
        """What exactly this tier remembers of one task, newest first: at most two outcomes."""
        if not await self._notebooks.exists(tenant):
            return []
        return await self._notebooks.read(
            tenant,
            lambda connection: _read(
                connection,
                "WHERE tier = ? AND owner = ? AND task_id = ? ORDER BY learned_at DESC",
                *owner_columns(scope),
                task_id,
            ),
        )

    async def newest(self, tenant: Tenant, scope: Scope, *, limit: int) -> list[TaskMemory]:
        """The newest memories of exactly this tier."""
        if not await self._notebooks.exists(tenant):
            return []
        return await self._notebooks.read(
            tenant, lambda connection: newest(connection, scope, limit=limit)
        )

    async def used(self, tenant: Tenant, memory_ids: Collection[str], *, used_for: str) -> None:
        """Counts that the memories were suggested for *used_for*, once each. Repeatable."""

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR IGNORE INTO task_use SELECT memory_id, ? FROM task WHERE memory_id = ?",
                [(used_for, each) for each in memory_ids],
            )

        if memory_ids:
            await self._notebooks.write(tenant, write)

    async def unindexed(self, tenant: Tenant, *, limit: int) -> list[tuple[TaskMemory, int]]:
        """Memories that the index does not have as they are, with their revisions."""
        if not await self._notebooks.exists(tenant):
            return []

        def read(connection: sqlite3.Connection) -> list[tuple[TaskMemory, int]]:
            revisions = dict(
                connection.execute(
                    "SELECT memory_id, revision FROM task WHERE is_indexed = 0"
                    " ORDER BY memory_id LIMIT ?",
                    (limit,),
                ).fetchall()
            )
            found = by_ids(connection, list(revisions))
            return [(found[each], revisions[each]) for each in found]

        return await self._notebooks.read(tenant, read)

    async def indexed(self, tenant: Tenant, done: Sequence[tuple[TaskMemory, int]]) -> list[str]:
        """
        Notes that the index has these revisions; the ids of those that are gone meanwhile.

        One that has changed since is to be indexed again, also if another process has done
        so: this one may have written later.
        """

        def write(connection: sqlite3.Connection) -> list[str]:
            return [
                one.memory_id
                for one, revision in done
                if not connection.execute(
                    "UPDATE task SET is_indexed = (revision = ?) WHERE memory_id = ?",
                    (revision, one.memory_id),
                ).rowcount
            ]

        return await self._notebooks.write(tenant, write) if done else []

    async def reindex(self, tenant: Tenant) -> int:
        """Lets every memory be indexed anew; how many. For an index that was lost."""
        if not await self._notebooks.exists(tenant):
            return 0
        return await self._notebooks.write(tenant, _reindex)


def _reindex(connection: sqlite3.Connection) -> int:
    return connection.execute("UPDATE task SET is_indexed = 0").rowcount


def newest(connection: sqlite3.Connection, scope: Scope, *, limit: int) -> list[TaskMemory]:
    """The newest memories of exactly this tier."""
    return _read(
        connection,
        "WHERE tier = ? AND owner = ? ORDER BY learned_at DESC LIMIT ?",
        *owner_columns(scope),
        limit,
    )


def by_ids(connection: sqlite3.Connection, memory_ids: Sequence[str]) -> dict[str, TaskMemory]:
    """The memories with these ids that are there, in the order of the ids."""
    found: dict[str, TaskMemory] = {}
    for start in range(0, len(memory_ids), _SLICE):
        some = memory_ids[start : start + _SLICE]
        marks = ", ".join("?" * len(some))
        for memory in _read(connection, f"WHERE memory_id IN ({marks})", *some):
            found[memory.memory_id] = memory
    return {each: found[each] for each in memory_ids if each in found}


def take_away(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    """Deletes the memories that rest on what is gone; their ids."""
    ids = _gone(connection, gone)
    for table in ("task", "task_person", "task_use"):
        connection.executemany(
            f"DELETE FROM {table} WHERE memory_id = ?",  # noqa: S608 - own names
            [(each,) for each in ids],
        )
    return ids


def _left(connection: sqlite3.Connection, gone: Gone) -> int:
    orphans = connection.execute(
        "SELECT (SELECT count(*) FROM task_use WHERE memory_id NOT IN (SELECT memory_id FROM task))"
        " + (SELECT count(*) FROM task_person WHERE memory_id NOT IN (SELECT memory_id FROM task))"
    ).fetchone()
    return len(_gone(connection, gone)) + int(orphans[0])


def _gone(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    rows: list[tuple[str]] = []
    if gone.person is not None:
        rows += connection.execute(
            "SELECT memory_id FROM task_person WHERE login = ?", (login_of(gone.person),)
        ).fetchall()
    if gone.source:
        rows += connection.execute(
            "SELECT memory_id FROM task WHERE source = ?", (gone.source,)
        ).fetchall()
    for each in filter(lambda record_id: record_id.startswith("task:"), gone.record_ids):
        rows += connection.execute(
            "SELECT memory_id FROM task WHERE memory_id = ?", (memory_id_of(each),)
        ).fetchall()
    return sorted({memory_id for (memory_id,) in rows})


def _put(connection: sqlite3.Connection, memory: TaskMemory) -> None:
    tier, owner = owner_columns(memory.scope)
    connection.execute(
        f"INSERT INTO task ({_COLUMNS}) VALUES ({', '.join('?' * 15)})"  # noqa: S608 - own names
        " ON CONFLICT (memory_id) DO UPDATE SET task_type = excluded.task_type,"
        " summary = excluded.summary, error_patterns = excluded.error_patterns,"
        " files = excluded.files, outcome_ref = excluded.outcome_ref, source = excluded.source,"
        " actor = excluded.actor, people = excluded.people, trust = excluded.trust,"
        " learned_at = excluded.learned_at, revision = revision + 1, is_indexed = 0",
        (
            memory.memory_id, tier, owner, memory.task_id, memory.task_type, memory.summary,
            int(memory.success), json.dumps(memory.error_patterns), json.dumps(memory.files),
            memory.outcome_ref, memory.source, memory.actor, json.dumps(memory.people),
            memory.trust.value, memory.learned_at.astimezone(UTC).isoformat(),
        ),
    )  # fmt: skip
    name_people(connection, memory)


def name_people(connection: sqlite3.Connection, memory: TaskMemory) -> None:
    """Notes whom a memory, which is there, is by or about, so that it is forgotten with them."""
    tier, owner = owner_columns(memory.scope)
    named = [memory.actor or "", *memory.people]
    if tier == Tier.PERSON:
        named.append(owner)
    connection.execute("DELETE FROM task_person WHERE memory_id = ?", (memory.memory_id,))
    connection.executemany(
        "INSERT OR IGNORE INTO task_person VALUES (?, ?)",
        [(login_of(each), memory.memory_id) for each in named if each],
    )


def _read(connection: sqlite3.Connection, condition: str, *values: object) -> list[TaskMemory]:
    return [
        TaskMemory(
            task_id=row[3],
            task_type=row[4],
            summary=row[5],
            success=bool(row[6]),
            error_patterns=tuple(json.loads(row[7])),
            files=tuple(json.loads(row[8])),
            outcome_ref=row[9],
            source=row[10],
            actor=row[11],
            people=tuple(json.loads(row[12])),
            trust=Trust(row[13]),
            learned_at=datetime.fromisoformat(row[14]),
            scope=scope_of(row[1], row[2]),
            reused_count=row[15],
        )
        for row in connection.execute(f"{_READ} {condition}", values)
    ]


def scope_of(tier: str, owner: str) -> Scope:
    """The tier of a row, by its two columns."""
    return Scope(Tier(tier), owner or None)


def owner_columns(scope: Scope) -> tuple[str, str]:
    """The two columns that say to whom a row belongs; logins are alike in any letter case."""
    name = scope.name or ""
    return scope.tier.value, login_of(name) if scope.tier is Tier.PERSON else name


PART = Part(name="task", steps=_STEPS, left=_left, reindex=_reindex)
"""`patterns.PART` forgets for both: patterns rest on tasks."""
