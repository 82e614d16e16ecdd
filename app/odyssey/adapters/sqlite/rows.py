"""
Records written to a tenant's file and read from it, as SQL on one open transaction.

Everything here is called inside `Files.connection`, in a thread of its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from odyssey.adapters.sqlite.neighbours import refresh_nearby
from odyssey.adapters.sqlite.schema import Tables, moment
from odyssey.domain.memory.keys import own_terms
from odyssey.domain.memory.record import Record, Trust, owner_of, people_of
from odyssey.domain.memory.scope import Tier

RECORD = (
    "id, kind, text, occurred_at, utc_offset, actor, trust, source, thread, person, tier,"
    " attributes"
)
"""The columns `to_record` reads."""

_MANY = 500
"""Values in one IN (...), well below SQLite's limit on old versions, 999."""


def insert(connection: sqlite3.Connection, t: Tables, record: Record, *, masked: int) -> int | None:
    """The new row's number; None when a record with this id is there, which then stays."""
    words = " ".join(own_terms(record))
    offset = record.occurred_at.utcoffset() or timedelta()
    cursor = connection.execute(
        f"INSERT INTO {t.record} ({RECORD}, masked, terms, owner)"  # noqa: S608 - own names
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO NOTHING",
        (
            record.id,
            record.kind,
            record.text,
            record.occurred_at.timestamp(),
            int(offset.total_seconds()),
            record.actor,
            record.trust.value,
            record.source,
            record.thread,
            record.person,
            record.tier.value,
            json.dumps(dict(record.attributes), sort_keys=True),
            masked,
            words,
            owner_of(record),
        ),
    )
    if cursor.rowcount != 1 or cursor.lastrowid is None:
        return None
    seq = cursor.lastrowid
    connection.executemany(
        f"INSERT INTO {t.attribute} (seq, name, value) VALUES (?, ?, ?)",  # noqa: S608 - own names
        [(seq, name, value) for name, value in record.attributes.items()],
    )
    connection.executemany(
        f"INSERT INTO {t.named} (login, seq) VALUES (?, ?)",  # noqa: S608 - own names
        [(login, seq) for login in people_of(record)],
    )
    connection.execute(
        f"INSERT INTO {t.words} (rowid, terms) VALUES (?, ?)",  # noqa: S608 - own names
        (seq, words),
    )
    connection.execute(f"INSERT INTO {t.outbox} (seq) VALUES (?)", (seq,))  # noqa: S608 - own names
    return seq


def delete(connection: sqlite3.Connection, t: Tables, seqs: Sequence[int]) -> None:
    """Deletes the rows with all that was made of them, and mends their neighbours' keys."""
    threads: set[str] = set()
    for seq in seqs:
        thread, words, nearby = connection.execute(
            f"SELECT thread, {t.record}.terms, {t.nearby_terms}.terms FROM {t.record}"  # noqa: S608 - own names
            f" LEFT JOIN {t.nearby_terms} USING (seq) WHERE seq = ?",
            (seq,),
        ).fetchone()
        if thread is not None:
            threads.add(thread)
        delete_words(connection, t.words, seq, words)
        if nearby is not None:
            delete_words(connection, t.nearby, seq, nearby)
        connection.execute(f"DELETE FROM {t.record} WHERE seq = ?", (seq,))  # noqa: S608 - own names
    around: set[int] = set()
    for thread in threads:
        found = connection.execute(
            f"SELECT seq FROM {t.record} WHERE thread = ?",  # noqa: S608 - own names
            (thread,),
        )
        around.update(seq for (seq,) in found)
    refresh_nearby(connection, t, sorted(around))


def tidy(connection: sqlite3.Connection, t: Tables) -> None:
    """Rewrites the indexes of words, so that no page of theirs holds a deleted word."""
    for table in (t.words, t.nearby):
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608 - own names


def delete_words(connection: sqlite3.Connection, table: str, seq: int, words: str) -> None:
    """Takes a row out of an index of words."""
    # A contentless index forgets a row only when told exactly what it held.
    connection.execute(
        f"INSERT INTO {table} ({table}, rowid, terms) VALUES ('delete', ?, ?)",  # noqa: S608 - own names
        (seq, words),
    )


def numbers_of(connection: sqlite3.Connection, t: Tables, ids: Sequence[str]) -> dict[str, int]:
    """The numbers of the rows with these ids, of those that are there."""
    found: dict[str, int] = {}
    for some in slices(ids):
        found.update(
            connection.execute(
                f"SELECT id, seq FROM {t.record} WHERE id IN ({marks(some)})",  # noqa: S608 - marks only
                some,
            ).fetchall()
        )
    return found


def read(connection: sqlite3.Connection, t: Tables, seqs: Sequence[int]) -> dict[int, Record]:
    """The records of the rows that are still there."""
    found: dict[int, Record] = {}
    for some in slices(seqs):
        rows = connection.execute(
            f"SELECT seq, {RECORD} FROM {t.record} WHERE seq IN ({marks(some)})",  # noqa: S608 - marks only
            some,
        )
        found.update((row[0], to_record(row[1:])) for row in rows)
    return found


def to_record(row: Sequence[object]) -> Record:
    """A record from the columns of a row, in the order of `RECORD`."""
    (
        identifier,
        kind,
        text,
        occurred_at,
        offset,
        actor,
        trust,
        source,
        thread,
        person,
        tier,
        rest,
    ) = row
    attributes: dict[str, str] = json.loads(str(rest))
    return Record(
        id=str(identifier),
        kind=str(kind),
        text=str(text),
        occurred_at=moment(float(str(occurred_at)), int(str(offset))),
        actor=None if actor is None else str(actor),
        trust=Trust(str(trust)),
        source=str(source),
        thread=None if thread is None else str(thread),
        person=None if person is None else str(person),
        tier=Tier(str(tier)),
        attributes=attributes,
    )


def slices(values: Sequence[object]) -> Iterator[Sequence[object]]:
    """*values* in pieces that one statement takes."""
    for start in range(0, len(values), _MANY):
        yield values[start : start + _MANY]


def marks(values: Iterable[object]) -> str:
    """One question mark for each value."""
    return ",".join("?" for _ in values)
