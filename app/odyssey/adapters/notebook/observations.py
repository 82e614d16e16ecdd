"""
Observations in a notebook: every version, what they rest on, and which are to be indexed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from odyssey.adapters.notebook import jobs, learning
from odyssey.adapters.notebook.database import Gone, Notebooks, Part
from odyssey.domain.errors import Conflict
from odyssey.domain.memory.jobs import Job
from odyssey.domain.memory.observation import Observation, Source, Status, invalidated
from odyssey.domain.memory.record import Tenant, login_of

_STEPS = (
    """
    CREATE TABLE observation (
        key TEXT NOT NULL,
        version INTEGER NOT NULL,
        text TEXT NOT NULL,
        sources TEXT NOT NULL,
        confidence REAL NOT NULL,
        scope TEXT NOT NULL,
        created_at TEXT NOT NULL,
        status TEXT NOT NULL,
        reason TEXT NOT NULL,
        is_fresh INTEGER NOT NULL,
        PRIMARY KEY (key, version)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX observation_scope ON observation (scope, status)",
    "CREATE TABLE observation_source (record_id TEXT NOT NULL, key TEXT NOT NULL,"
    " PRIMARY KEY (record_id, key)) STRICT, WITHOUT ROWID",
    "CREATE TABLE observation_unindexed (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
)

_COLUMNS = "key, version, text, sources, confidence, scope, created_at, status, reason, is_fresh"

Decide = Callable[[Mapping[str, Observation]], Sequence[Observation]]
"""Gives the versions to write, told the highest version of every observation of the scope."""


class SqliteObservations:
    """The observations of all tenants."""

    def __init__(self, notebooks: Notebooks) -> None:
        self._notebooks = notebooks

    async def present(self, tenant: Tenant, scope: str) -> dict[str, Observation]:
        """The active version of each observation of exactly this scope, by key."""
        if not await self._notebooks.exists(tenant):
            return {}
        return await self._notebooks.read(
            tenant,
            lambda connection: {
                key: one
                for key, one in highest(connection, scope).items()
                if one.status is Status.ACTIVE
            },
        )

    async def versions(
        self, tenant: Tenant, *, scope: str | None = None, key: str | None = None
    ) -> list[Observation]:
        """Every version of a scope, or of one observation, by key and version."""
        if not await self._notebooks.exists(tenant):
            return []
        return await self._notebooks.read(
            tenant, lambda connection: _versions(connection, scope=scope, key=key)
        )

    async def resting_on(self, tenant: Tenant, record_id: str) -> list[str]:
        """The keys of the observations that rest, or once rested, on a record, sorted."""
        if not await self._notebooks.exists(tenant):
            return []
        return await self._notebooks.read(
            tenant, lambda connection: _resting_on(connection, [record_id])
        )

    async def settle(
        self,
        tenant: Tenant,
        job: Job,
        decide: Decide,
        *,
        scope: str,
        learnt: Sequence[str],
        now: datetime,
        result: Callable[[Sequence[Observation]], Mapping[str, Any]] = lambda _: {},
    ) -> list[Observation]:
        """
        Writes what *decide* gives, notes the records as learnt and the job as done: all or none.

        Raises:
            LeaseLost: the job was handed to another.
            Conflict: a record was forgotten or invalidated meanwhile, or *decide* says that
                what it was shown has changed.
        """

        def write(connection: sqlite3.Connection) -> list[Observation]:
            jobs.check(connection, job)
            learning.check(connection, learnt)
            written = list(decide(highest(connection, scope)))
            add(connection, written)
            learning.learnt(connection, learnt)
            jobs.finish(connection, job, now=now, result=result(written))
            return written

        return await self._notebooks.write(tenant, write)

    async def invalidate(
        self, tenant: Tenant, record_ids: Collection[str], *, scope: str, now: datetime
    ) -> list[Observation]:
        """
        Takes the records of *scope* away from what rests on them; the scope's new versions.

        What other records support stays, not fresh, and those are learnt from once more;
        the rest is deleted. A record of another scope is as one that is not there. Repeatable.
        """

        def write(connection: sqlite3.Connection) -> list[Observation]:
            mine, unknown = learning.drop(connection, record_ids, scope, now=now)
            made: list[Observation] = []
            for key in _resting_on(connection, mine | unknown):
                current = _versions(connection, key=key)[-1]
                # Whose a record is that was never noted, only what rests on it can tell.
                gone = mine | unknown if current.scope == scope else mine
                if versions := invalidated(current, gone, at=now):
                    add(connection, versions)
                    made.append(versions[0])
                    learning.renew(connection, (each.record_id for each in versions[0].sources))
            return [one for one in made if one.scope == scope]

        return await self._notebooks.write(tenant, write)

    async def unindexed(self, tenant: Tenant, *, limit: int) -> dict[str, Observation | None]:
        """The highest versions that the index lacks, by key; None where all are forgotten."""
        if not await self._notebooks.exists(tenant):
            return {}

        def read(connection: sqlite3.Connection) -> dict[str, Observation | None]:
            keys = connection.execute(
                "SELECT key FROM observation_unindexed ORDER BY key LIMIT ?", (limit,)
            ).fetchall()
            return {key: next(iter(_versions(connection, key=key)[-1:]), None) for (key,) in keys}

        return await self._notebooks.read(tenant, read)

    async def indexed(self, tenant: Tenant, versions: Mapping[str, int | None]) -> None:
        """
        Notes what the index has now; what has a newer version by then is to be indexed again.

        It is, also if another process has done so: this one may have written later.
        """

        def write(connection: sqlite3.Connection) -> None:
            for key, version in versions.items():
                row = connection.execute(
                    "SELECT max(version) FROM observation WHERE key = ?", (key,)
                ).fetchone()
                if row[0] == version:
                    statement = "DELETE FROM observation_unindexed WHERE key = ?"
                else:
                    statement = "INSERT OR IGNORE INTO observation_unindexed VALUES (?)"
                connection.execute(statement, (key,))

        await self._notebooks.write(tenant, write)

    async def reindex(self, tenant: Tenant) -> int:
        """Lets every observation be indexed anew; how many. For an index that was lost."""
        if not await self._notebooks.exists(tenant):
            return 0

        return await self._notebooks.write(tenant, _reindex)


def _reindex(connection: sqlite3.Connection) -> int:
    return connection.execute(
        "INSERT OR IGNORE INTO observation_unindexed SELECT DISTINCT key FROM observation"
    ).rowcount


def highest(connection: sqlite3.Connection, scope: str) -> dict[str, Observation]:
    """The highest version of each observation of a scope, deleted ones too, by key."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM observation WHERE scope = ? AND (key, version) IN"  # noqa: S608 - own names
        " (SELECT key, max(version) FROM observation WHERE scope = ? GROUP BY key) ORDER BY key",
        (scope, scope),
    )
    return {one.key: one for one in map(_observation, rows)}


def add(connection: sqlite3.Connection, versions: Iterable[Observation]) -> None:
    """Writes versions, and retires those they follow; all of them are to be indexed."""
    for one in versions:
        sources = [[each.occurred_at.isoformat(), each.record_id] for each in one.sources]
        written = connection.execute(
            "INSERT INTO observation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            # Of a version that is there only what became of it may change.
            " ON CONFLICT (key, version) DO UPDATE SET status = excluded.status"
            " WHERE text = excluded.text AND sources = excluded.sources",
            (
                one.key, one.version, one.text,
                json.dumps(sources),
                one.confidence, one.scope, one.created_at.astimezone(UTC).isoformat(),
                one.status.value, one.reason, int(one.is_fresh),
            ),
        ).rowcount  # fmt: skip
        if written != 1:
            raise Conflict(f"observation {one.key}: version {one.version} is there already")
        connection.executemany(
            "INSERT OR IGNORE INTO observation_source VALUES (?, ?)",
            [(each.record_id, one.key) for each in one.sources],
        )
        connection.execute("INSERT OR IGNORE INTO observation_unindexed VALUES (?)", (one.key,))


def of_key(connection: sqlite3.Connection, key: str) -> list[Observation]:
    """Every version of one observation, the oldest first."""
    return _versions(connection, key=key)


def _versions(
    connection: sqlite3.Connection, *, scope: str | None = None, key: str | None = None
) -> list[Observation]:
    column, value = ("key", key) if key is not None else ("scope", scope)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM observation WHERE {column} = ? ORDER BY key, version",  # noqa: S608 - own names
        (value,),
    )
    return [_observation(row) for row in rows]


def _observation(row: tuple[Any, ...]) -> Observation:
    return Observation(
        key=row[0],
        version=row[1],
        text=row[2],
        sources=tuple(
            Source(datetime.fromisoformat(moment), record_id)
            for moment, record_id in json.loads(row[3])
        ),
        confidence=row[4],
        scope=row[5],
        created_at=datetime.fromisoformat(row[6]),
        status=Status(row[7]),
        reason=row[8],
        is_fresh=bool(row[9]),
    )


def _resting_on(connection: sqlite3.Connection, record_ids: Collection[str]) -> list[str]:
    found: set[str] = set()
    for record_id in record_ids:
        rows = connection.execute(
            "SELECT key FROM observation_source WHERE record_id = ?", (record_id,)
        )
        found |= {key for (key,) in rows}
    return sorted(found)


def _matching(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    keys = set(_resting_on(connection, learning.records_of(connection, gone)))
    if gone.person is not None:
        rows = connection.execute(
            "SELECT DISTINCT key FROM observation WHERE scope = ?",
            (f"person:{login_of(gone.person)}",),
        )
        keys |= {key for (key,) in rows}
    return sorted(keys)


def _forget(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    """
    Deletes every version of what rests, or once rested, on what is gone.

    An invalidation would leave the words in old versions. What other records say is
    learnt from them once more.
    """
    keys = _matching(connection, gone)
    for key in keys:
        rows = connection.execute(
            "SELECT record_id FROM observation_source WHERE key = ?", (key,)
        ).fetchall()
        learning.renew(connection, (record_id for (record_id,) in rows))
        for table in ("observation", "observation_source"):
            connection.execute(f"DELETE FROM {table} WHERE key = ?", (key,))  # noqa: S608 - own names
        # Whoever is cut off here has not taken it out of the index yet: the timer does.
        connection.execute("INSERT OR IGNORE INTO observation_unindexed VALUES (?)", (key,))
    return [f"observation:{key}" for key in keys]


def _left(connection: sqlite3.Connection, gone: Gone) -> int:
    return len(_matching(connection, gone))


PART = Part(name="observation", steps=_STEPS, forget=_forget, left=_left, reindex=_reindex)
