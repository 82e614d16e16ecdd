"""
What is written to a tenant's file and read from it, as SQL on one open transaction.

Everything here is called inside `Files.connection`, in a thread of its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from odyssey.domain.memory.keys import REACH, own_terms, window_terms
from odyssey.domain.memory.record import ATTRIBUTES, FIELDS, Record, Trust

_RECORD = (
    "id, kind, text, occurred_at, utc_offset, actor, trust, source, thread, person, attributes"
)
_MANY = 500
"""Values in one IN (...), well below SQLite's limit on old versions, 999."""


def insert(connection: sqlite3.Connection, record: Record, *, masked: int) -> int | None:
    """The new row's number; None when a record with this id is there, which then stays."""
    words = " ".join(own_terms(record))
    offset = record.occurred_at.utcoffset() or timedelta()
    cursor = connection.execute(
        f"INSERT INTO record ({_RECORD}, masked, terms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608 - a constant
        " ON CONFLICT (id) DO NOTHING",
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
            json.dumps(dict(record.attributes), sort_keys=True),
            masked,
            words,
        ),
    )
    if cursor.rowcount != 1 or cursor.lastrowid is None:
        return None
    seq = cursor.lastrowid
    connection.executemany(
        "INSERT INTO attribute (seq, name, value) VALUES (?, ?, ?)",
        [(seq, name, value) for name, value in record.attributes.items()],
    )
    connection.execute("INSERT INTO words (rowid, terms) VALUES (?, ?)", (seq, words))
    connection.execute("INSERT INTO outbox (seq) VALUES (?)", (seq,))
    return seq


def refresh_nearby(connection: sqlite3.Connection, changed: Sequence[int]) -> None:
    """Makes the weighted keys of the rows *changed* and of their neighbours anew."""
    spans: dict[str, tuple[tuple[float, int], tuple[float, int]]] = {}
    for seq, thread, occurred_at in _places(connection, changed):
        if thread is None:
            _refresh_one(connection, seq)
            continue
        place = (occurred_at, seq)
        first, last = spans.get(thread, (place, place))
        spans[thread] = (min(first, place), max(last, place))
    for thread, (first, last) in spans.items():
        _refresh_span(connection, thread, first, last)


def _places(
    connection: sqlite3.Connection, seqs: Sequence[int]
) -> Iterator[tuple[int, str | None, float]]:
    for some in _slices(seqs):
        yield from connection.execute(
            f"SELECT seq, thread, occurred_at FROM record WHERE seq IN ({_marks(some)})",  # noqa: S608 - marks only
            some,
        ).fetchall()


def _refresh_one(connection: sqlite3.Connection, seq: int) -> None:
    words, occurred_at, offset = connection.execute(
        "SELECT terms, occurred_at, utc_offset FROM record WHERE seq = ?", (seq,)
    ).fetchone()
    key = window_terms(words.split(), before=(), after=(), moment=_moment(occurred_at, offset))
    _put_nearby(connection, seq, " ".join(key), before=None, after=None)


def _refresh_span(
    connection: sqlite3.Connection,
    thread: str,
    first: tuple[float, int],
    last: tuple[float, int],
) -> None:
    """The keys from `REACH` before *first* to `REACH` after *last*."""
    columns = "seq, terms, occurred_at, utc_offset"
    earlier = connection.execute(
        f"SELECT {columns} FROM record WHERE thread = ? AND (occurred_at, seq) < (?, ?)"  # noqa: S608 - a constant
        " ORDER BY occurred_at DESC, seq DESC LIMIT ?",
        (thread, *first, 2 * REACH),
    ).fetchall()
    within = connection.execute(
        f"SELECT {columns} FROM record WHERE thread = ? AND (occurred_at, seq) >= (?, ?)"  # noqa: S608 - a constant
        " AND (occurred_at, seq) <= (?, ?) ORDER BY occurred_at, seq",
        (thread, *first, *last),
    ).fetchall()
    later = connection.execute(
        f"SELECT {columns} FROM record WHERE thread = ? AND (occurred_at, seq) > (?, ?)"  # noqa: S608 - a constant
        " ORDER BY occurred_at, seq LIMIT ?",
        (thread, *last, 2 * REACH),
    ).fetchall()
    rows = [*reversed(earlier), *within, *later]
    words = [row[1].split() for row in rows]
    start = max(len(earlier) - REACH, 0)
    end = min(len(earlier) + len(within) + REACH, len(rows))
    for index in range(start, end):
        seq, _, occurred_at, offset = rows[index]
        key = window_terms(
            words[index],
            before=words[max(index - REACH, 0) : index][::-1],
            after=words[index + 1 : index + 1 + REACH],
            moment=_moment(occurred_at, offset),
        )
        _put_nearby(
            connection,
            seq,
            " ".join(key),
            before=rows[index - 1][0] if index else None,
            after=rows[index + 1][0] if index + 1 < len(rows) else None,
        )


def _put_nearby(
    connection: sqlite3.Connection, seq: int, words: str, *, before: int | None, after: int | None
) -> None:
    known = connection.execute(
        "SELECT terms, before, after FROM nearby_terms WHERE seq = ?", (seq,)
    ).fetchone()
    if known == (words, before, after):
        return
    if known is not None:
        _delete_words(connection, "nearby", seq, known[0])
    connection.execute(
        "INSERT OR REPLACE INTO nearby_terms (seq, terms, before, after) VALUES (?, ?, ?, ?)",
        (seq, words, before, after),
    )
    connection.execute("INSERT INTO nearby (rowid, terms) VALUES (?, ?)", (seq, words))


def _delete_words(connection: sqlite3.Connection, table: str, seq: int, words: str) -> None:
    # A contentless index forgets a row only when told exactly what it held.
    connection.execute(
        f"INSERT INTO {table} ({table}, rowid, terms) VALUES ('delete', ?, ?)",  # noqa: S608 - own table names
        (seq, words),
    )


def delete(connection: sqlite3.Connection, seqs: Sequence[int]) -> None:
    """Deletes the rows with all that was made of them, and mends their neighbours' keys."""
    around: set[int] = set()
    threads = {place[1] for place in _places(connection, seqs)} - {None}
    for seq in seqs:
        words, nearby = connection.execute(
            "SELECT record.terms, nearby_terms.terms FROM record"
            " LEFT JOIN nearby_terms USING (seq) WHERE seq = ?",
            (seq,),
        ).fetchone()
        _delete_words(connection, "words", seq, words)
        if nearby is not None:
            _delete_words(connection, "nearby", seq, nearby)
        connection.execute("DELETE FROM record WHERE seq = ?", (seq,))
    for thread in threads:
        rows = connection.execute("SELECT seq FROM record WHERE thread = ?", (thread,))
        around.update(seq for (seq,) in rows)
    refresh_nearby(connection, sorted(around))
    connection.execute("INSERT INTO words (words) VALUES ('optimize')")
    connection.execute("INSERT INTO nearby (nearby) VALUES ('optimize')")


def matching(
    connection: sqlite3.Connection, kinds: Sequence[str], where: Mapping[str, str]
) -> tuple[str, list[str]] | None:
    """A condition on `record.seq` and its values; None when nothing is narrowed."""
    conditions: list[str] = []
    values: list[str] = []
    if kinds:
        conditions.append(f"kind IN ({_marks(kinds)})")
        values += kinds
    for name, value in where.items():
        if name in FIELDS:
            conditions.append(f"{name} = ?")
            values.append(value)
        elif name in ATTRIBUTES:
            conditions.append("seq IN (SELECT seq FROM attribute WHERE name = ? AND value = ?)")
            values += [name, value]
        else:
            raise ValueError(f"memory cannot be narrowed by {name!r}")
    return (" AND ".join(conditions), values) if conditions else None


def by_words(
    connection: sqlite3.Connection,
    table: str,
    *,
    asked: Sequence[str],
    narrowed: tuple[str, list[str]] | None,
    limit: int,
) -> list[tuple[int, float]]:
    """The best rows of `words` or `nearby` with their BM25 score, best first."""
    if not asked:
        return []
    query = " OR ".join(f'"{word}"' for word in asked)
    condition, values = "", []
    if narrowed:
        condition = f" AND rowid IN (SELECT seq FROM record WHERE {narrowed[0]})"  # noqa: S608 - marks only
        values = narrowed[1]
    rows = connection.execute(
        f"SELECT rowid, -rank FROM {table} WHERE {table} MATCH ?{condition}"  # noqa: S608 - own table names, marks
        " ORDER BY rank LIMIT ?",
        (query, *values, limit),
    )
    return [(seq, score) for seq, score in rows]


def newest(
    connection: sqlite3.Connection, narrowed: tuple[str, list[str]] | None, *, limit: int
) -> list[int]:
    """The rows that occurred last, newest first."""
    condition, values = narrowed or ("TRUE", [])
    rows = connection.execute(
        f"SELECT seq FROM record WHERE {condition} ORDER BY occurred_at DESC, seq DESC LIMIT ?",  # noqa: S608 - marks only
        (*values, limit),
    )
    return [seq for (seq,) in rows]


@dataclass(frozen=True, slots=True)
class Place:
    """Where and by whom a row was said; `before` and `after` are its neighbours' numbers."""

    seq: int
    actor: str | None
    occurred_at: float
    before: int | None
    after: int | None


def places(
    connection: sqlite3.Connection,
    seqs: Sequence[int],
    narrowed: tuple[str, list[str]] | None = None,
) -> dict[int, Place]:
    """The places of those of *seqs* that match, in the order of *seqs*."""
    condition, values = narrowed or ("TRUE", [])
    found: dict[int, Place] = {}
    for some in _slices(seqs):
        found.update(
            (row[0], Place(*row))
            for row in connection.execute(
                "SELECT seq, actor, occurred_at, before, after"  # noqa: S608 - marks only
                " FROM record JOIN nearby_terms USING (seq)"
                f" WHERE seq IN ({_marks(some)}) AND {condition}",
                (*some, *values),
            )
        )
    return {seq: found[seq] for seq in seqs if seq in found}


def numbers(connection: sqlite3.Connection, narrowed: tuple[str, list[str]]) -> list[int]:
    """The numbers of all rows that match, ascending."""
    rows = connection.execute(
        f"SELECT seq FROM record WHERE {narrowed[0]} ORDER BY seq",  # noqa: S608 - marks only
        narrowed[1],
    )
    return [seq for (seq,) in rows]


def read(connection: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, Record]:
    """The records of the rows that are still there."""
    found: dict[int, Record] = {}
    for some in _slices(seqs):
        rows = connection.execute(
            f"SELECT seq, {_RECORD} FROM record WHERE seq IN ({_marks(some)})",  # noqa: S608 - marks only
            some,
        )
        found.update((row[0], to_record(row[1:])) for row in rows)
    return found


def to_record(row: Sequence[object]) -> Record:
    """A record from the columns of a row, in the order of `_RECORD`."""
    identifier, kind, text, occurred_at, offset, actor, trust, source, thread, person, rest = row
    attributes: dict[str, str] = json.loads(str(rest))
    return Record(
        id=str(identifier),
        kind=str(kind),
        text=str(text),
        occurred_at=_moment(float(str(occurred_at)), int(str(offset))),
        actor=None if actor is None else str(actor),
        trust=Trust(str(trust)),
        source=str(source),
        thread=None if thread is None else str(thread),
        person=None if person is None else str(person),
        attributes=attributes,
    )


def _moment(timestamp: float, offset: int) -> datetime:
    zone = timezone(timedelta(seconds=offset)) if offset else UTC
    return datetime.fromtimestamp(timestamp, zone)


def _slices(seqs: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(seqs), _MANY):
        yield seqs[start : start + _MANY]


def _marks(values: Iterable[object]) -> str:
    return ",".join("?" for _ in values)
