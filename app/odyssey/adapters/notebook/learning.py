"""
Which records a consolidation has seen, and which it has not.

A row is written before the record is: a crash in between leaves a row without a record,
which is dropped later, and never a record that nobody learns from.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from odyssey.adapters.notebook.database import Gone, Notebooks, Part
from odyssey.domain.errors import Conflict
from odyssey.domain.memory.derived import MESSAGE, scope_name, scope_of
from odyssey.domain.memory.jobs import FARTHEST
from odyssey.domain.memory.record import MAX_ID, Record, Tenant, Trust, login_of, people_of
from odyssey.domain.memory.retention import storable
from odyssey.domain.memory.scope import Scope

LOOKS = 12
"""
How often a record that is not there is looked for, after 1, 2, 4 ... minutes, at most 6 hours:
a store that was away has a day to take in what waited for it.
"""
_LONGEST = timedelta(hours=6)

_STEPS = (
    """
    CREATE TABLE learning (
        id INTEGER PRIMARY KEY,
        record_id TEXT NOT NULL UNIQUE,
        scope TEXT NOT NULL,
        source TEXT NOT NULL,
        state TEXT NOT NULL,
        looks INTEGER NOT NULL,
        place REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX learning_state ON learning (state, scope, place)",
    "CREATE INDEX learning_source ON learning (source)",
    "CREATE TABLE learning_person (id INTEGER NOT NULL, login TEXT NOT NULL,"
    " PRIMARY KEY (login, id)) STRICT, WITHOUT ROWID",
    # Records that were invalidated before they were noted, as imported ones may be. By scope:
    # nobody takes back by its id what will be another's.
    "CREATE TABLE learning_invalid (scope TEXT NOT NULL, record_id TEXT NOT NULL,"
    " noted_at REAL NOT NULL, PRIMARY KEY (record_id, scope)) STRICT, WITHOUT ROWID",
)


class SqliteLearning:
    """What is to be learnt from, of all tenants."""

    def __init__(self, notebooks: Notebooks) -> None:
        self._notebooks = notebooks

    async def note(self, tenant: Tenant, records: Sequence[Record], *, now: datetime) -> None:
        """Notes events to be learnt from; what was injected from memory never is."""
        if any(record.trust is not Trust.INJECTED for record in records):
            await self._notebooks.write(
                tenant, lambda connection: note(connection, records, now=now)
            )

    async def scopes(self, tenant: Tenant, *, now: datetime) -> list[str]:
        """The scopes in which something is to be learnt."""
        if not await self._notebooks.exists(tenant):
            return []
        return await self._notebooks.read(tenant, lambda connection: _scopes(connection, now=now))

    async def pending(self, tenant: Tenant, scope: str, *, limit: int, now: datetime) -> list[str]:
        """The ids of records nobody has learnt from, those that wait longest first."""
        return await self._notebooks.read(
            tenant, lambda connection: _pending(connection, scope, limit, now=now)
        )

    async def still(self, tenant: Tenant, record_ids: Sequence[str]) -> list[str]:
        """Those of the records that nobody has learnt from, and that may be learnt from."""
        return await self._notebooks.read(
            tenant, lambda connection: [one for one in record_ids if _is_open(connection, one)]
        )

    async def missed(self, tenant: Tenant, record_ids: Sequence[str], *, now: datetime) -> None:
        """Lets ids that no record has be looked for later, and drops those missed often."""
        await self._notebooks.write(
            tenant, lambda connection: _missed(connection, record_ids, now=now)
        )


def note(connection: sqlite3.Connection, records: Iterable[Record], *, now: datetime) -> None:
    """
    Notes events, and of a conversation's messages only who they are by.

    What was invalidated before is noted as that.
    """
    for record in records:
        if record.trust is Trust.INJECTED:
            continue
        state = "batched" if record.kind == MESSAGE else "pending"
        row = connection.execute(
            "INSERT INTO learning (record_id, scope, source, state, looks, place)"
            " VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (record_id) DO UPDATE"
            " SET state = 'pending', looks = 0, place = excluded.place WHERE state = 'gone'"
            " RETURNING id",
            (
                storable(record.id), storable(scope_of(record)), storable(record.source), state,
                now.timestamp(),
            ),
        ).fetchone()  # fmt: skip
        if row:
            connection.executemany(
                "INSERT OR IGNORE INTO learning_person VALUES (?, ?)",
                [(row[0], storable(login)) for login in people_of(record)],
            )
            take_back(connection, storable(record.id))


def take_back(connection: sqlite3.Connection, record_id: str) -> None:
    """Lets nobody learn from a record that was invalidated before it was noted just now."""
    connection.execute(
        "UPDATE learning SET state = 'invalid' WHERE record_id = ?"
        " AND (record_id, scope) IN (SELECT record_id, scope FROM learning_invalid)",
        (record_id,),
    )


def check(connection: sqlite3.Connection, record_ids: Iterable[str]) -> None:
    """
    Passes records that may be learnt from.

    Raises:
        Conflict: one of them was forgotten, invalidated or learnt from meanwhile.
    """
    for one in record_ids:
        if not _is_open(connection, one):
            raise Conflict(f"record {one} was forgotten or learnt from meanwhile; judged again")


def drop(
    connection: sqlite3.Connection, record_ids: Iterable[str], scope: str, *, now: datetime
) -> tuple[set[str], set[str]]:
    """
    Lets nobody learn from the records of *scope* any more: they are not true.

    Gives those that are the scope's, and those that were never noted, which are not learnt
    from when they are. What is another scope's is left as it is, and not told of.
    """
    mine, unknown = set[str](), set[str]()
    for record_id in map(storable, record_ids):
        row = connection.execute(
            "SELECT scope FROM learning WHERE record_id = ?", (record_id,)
        ).fetchone()
        if row is None:
            unknown.add(record_id)
            if len(record_id) <= MAX_ID:
                connection.execute(
                    "INSERT OR IGNORE INTO learning_invalid VALUES (?, ?, ?)",
                    (storable(scope), record_id, now.timestamp()),
                )
        elif row[0] == storable(scope):
            mine.add(record_id)
            connection.execute(
                "UPDATE learning SET state = 'invalid' WHERE record_id = ?", (record_id,)
            )
    return mine, unknown


def learnt(connection: sqlite3.Connection, record_ids: Iterable[str]) -> None:
    """Notes that a consolidation has seen the records."""
    connection.executemany(
        "UPDATE learning SET state = 'done'"
        " WHERE record_id = ? AND state IN ('pending', 'batched')",
        [(each,) for each in record_ids],
    )


def fail(connection: sqlite3.Connection, record_ids: Iterable[str]) -> None:
    """Notes that the consolidation, or the batch, of the records is a dead letter."""
    connection.executemany(
        "UPDATE learning SET"
        " state = CASE state WHEN 'batched' THEN 'batch failed' ELSE 'failed' END"
        " WHERE record_id = ? AND state IN ('pending', 'batched')",
        [(each,) for each in record_ids],
    )


def renew(connection: sqlite3.Connection, record_ids: Iterable[str]) -> None:
    """Lets records be learnt from once more, where they were already."""
    connection.executemany(
        "UPDATE learning SET state = 'pending' WHERE record_id = ? AND state = 'done'",
        [(each,) for each in record_ids],
    )


def revive(connection: sqlite3.Connection) -> None:
    """Lets what failed be learnt from again."""
    connection.execute("UPDATE learning SET state = 'pending' WHERE state = 'failed'")
    connection.execute("UPDATE learning SET state = 'batched' WHERE state = 'batch failed'")


def count(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many records wait to be learnt from, and how many failed."""
    found = dict(connection.execute("SELECT state, count(*) FROM learning GROUP BY state"))
    failed = found.get("failed", 0) + found.get("batch failed", 0)
    return int(found.get("pending", 0)), int(failed)


def records_of(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    """The ids of the records that are gone, as far as they were noted."""
    found = set(gone.record_ids)
    if gone.source is not None:
        found |= _ids(connection, "SELECT record_id FROM learning WHERE source = ?", gone.source)
    if gone.person is not None:
        found |= _ids(
            connection,
            "SELECT record_id FROM learning JOIN learning_person USING (id) WHERE login = ?",
            login_of(gone.person),
        )
    return sorted(found)


def _ids(connection: sqlite3.Connection, query: str, value: str) -> set[str]:
    return {str(each) for (each,) in connection.execute(query, (value,))}


def _is_open(connection: sqlite3.Connection, record_id: str) -> bool:
    return bool(
        connection.execute(
            "SELECT 1 FROM learning WHERE record_id = ? AND state IN ('pending', 'batched')",
            (record_id,),
        ).fetchone()
    )


_DUE = "state = 'pending' AND (place <= :now OR place > :farthest)"


def _moments(now: datetime) -> dict[str, float]:
    return {"now": now.timestamp(), "farthest": (now + FARTHEST).timestamp()}


def _scopes(connection: sqlite3.Connection, *, now: datetime) -> list[str]:
    rows = connection.execute(
        f"SELECT DISTINCT scope FROM learning WHERE {_DUE}",  # noqa: S608 - own names
        _moments(now),
    )
    return sorted(scope for (scope,) in rows)


def _pending(connection: sqlite3.Connection, scope: str, limit: int, *, now: datetime) -> list[str]:
    rows = connection.execute(
        f"SELECT record_id FROM learning WHERE {_DUE} AND scope = :scope"  # noqa: S608 - own names
        " ORDER BY place, id LIMIT :limit",
        {**_moments(now), "scope": scope, "limit": limit},
    )
    return [record_id for (record_id,) in rows]


def _missed(connection: sqlite3.Connection, record_ids: Sequence[str], *, now: datetime) -> None:
    for record_id in record_ids:
        row = connection.execute(
            "SELECT looks FROM learning WHERE record_id = ? AND state = 'pending'", (record_id,)
        ).fetchone()
        if row is None:
            continue
        looks = int(row[0]) + 1
        wait = min(timedelta(minutes=2 ** (looks - 1)), _LONGEST)
        connection.execute(
            "UPDATE learning SET looks = ?, place = ?, state = ? WHERE record_id = ?",
            (
                looks, (now + wait).timestamp(), "gone" if looks >= LOOKS else "pending",
                record_id,
            ),
        )  # fmt: skip


def _forget(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    if gone.person is not None:
        connection.execute("DELETE FROM learning_invalid WHERE scope = ?", _own(gone.person))
    for record_id in records_of(connection, gone):
        connection.execute("DELETE FROM learning_invalid WHERE record_id = ?", (record_id,))
        row = connection.execute(
            "SELECT id FROM learning WHERE record_id = ?", (record_id,)
        ).fetchone()
        if row:
            connection.execute("DELETE FROM learning_person WHERE id = ?", row)
            connection.execute("DELETE FROM learning WHERE id = ?", row)
    return []


def _left(connection: sqlite3.Connection, gone: Gone) -> int:
    own = 0
    if gone.person is not None:
        (own,) = connection.execute(
            "SELECT count(*) FROM learning_invalid WHERE scope = ?", _own(gone.person)
        ).fetchone()
    rows = sum(
        connection.execute(
            "SELECT (SELECT count(*) FROM learning WHERE record_id = :id)"
            " + (SELECT count(*) FROM learning_invalid WHERE record_id = :id)",
            {"id": record_id},
        ).fetchone()[0]
        for record_id in records_of(connection, gone)
    )
    return int(own + rows)


def _own(person: str) -> tuple[str]:
    return (scope_name(Scope.of_person(person)),)


PART = Part(name="learning", steps=_STEPS, forget=_forget, left=_left)
