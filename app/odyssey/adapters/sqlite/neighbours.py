"""
The keys of rows among their neighbours, kept right as rows come and go.

Neighbours are the rows before and after in one thread, of those that belong to the
same people: what is private is in no other's key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from odyssey.adapters.sqlite.schema import Tables, moment
from odyssey.domain.memory.keys import REACH, window_terms

_MANY = 500

_Place = tuple[float, int]
_Group = tuple[str, str, str]


def refresh_nearby(connection: sqlite3.Connection, t: Tables, changed: Sequence[int]) -> None:
    """Makes the weighted keys of the rows *changed* and of their neighbours anew."""
    spans: dict[_Group, tuple[_Place, _Place]] = {}
    for seq, thread, tier, owner, occurred_at in _places(connection, t, changed):
        if thread is None:
            _refresh_one(connection, t, seq)
            continue
        group, place = (thread, tier, owner), (occurred_at, seq)
        first, last = spans.get(group, (place, place))
        spans[group] = (min(first, place), max(last, place))
    for group, (first, last) in spans.items():
        _refresh_span(connection, t, group, first=first, last=last)


def _places(
    connection: sqlite3.Connection, t: Tables, seqs: Sequence[int]
) -> Iterator[tuple[int, str | None, str, str, float]]:
    for start in range(0, len(seqs), _MANY):
        some = seqs[start : start + _MANY]
        yield from connection.execute(
            f"SELECT seq, thread, tier, owner, occurred_at FROM {t.record}"  # noqa: S608 - marks only
            f" WHERE seq IN ({','.join('?' for _ in some)})",
            some,
        ).fetchall()


def _refresh_one(connection: sqlite3.Connection, t: Tables, seq: int) -> None:
    words, occurred_at, offset = connection.execute(
        f"SELECT terms, occurred_at, utc_offset FROM {t.record} WHERE seq = ?",  # noqa: S608 - own names
        (seq,),
    ).fetchone()
    key = window_terms(words.split(), before=(), after=(), moment=moment(occurred_at, offset))
    _put_nearby(connection, t, seq, " ".join(key), before=None, after=None)


def _refresh_span(
    connection: sqlite3.Connection, t: Tables, group: _Group, *, first: _Place, last: _Place
) -> None:
    """The keys from `REACH` before *first* to `REACH` after *last*."""
    select = (
        f"SELECT seq, terms, occurred_at, utc_offset FROM {t.record}"  # noqa: S608 - own names
        " WHERE thread = ? AND tier = ? AND owner = ?"
    )
    earlier = connection.execute(
        f"{select} AND (occurred_at, seq) < (?, ?) ORDER BY occurred_at DESC, seq DESC LIMIT ?",
        (*group, *first, 2 * REACH),
    ).fetchall()
    within = connection.execute(
        f"{select} AND (occurred_at, seq) >= (?, ?)"
        " AND (occurred_at, seq) <= (?, ?) ORDER BY occurred_at, seq",
        (*group, *first, *last),
    ).fetchall()
    later = connection.execute(
        f"{select} AND (occurred_at, seq) > (?, ?) ORDER BY occurred_at, seq LIMIT ?",
        (*group, *last, 2 * REACH),
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
            moment=moment(occurred_at, offset),
        )
        _put_nearby(
            connection,
            t,
            seq,
            " ".join(key),
            before=rows[index - 1][0] if index else None,
            after=rows[index + 1][0] if index + 1 < len(rows) else None,
        )


def _put_nearby(
    connection: sqlite3.Connection,
    t: Tables,
    seq: int,
    words: str,
    *,
    before: int | None,
    after: int | None,
) -> None:
    known = connection.execute(
        f"SELECT terms, before, after FROM {t.nearby_terms} WHERE seq = ?",  # noqa: S608 - own names
        (seq,),
    ).fetchone()
    if known == (words, before, after):
        return
    if known is not None:
        # A contentless index forgets a row only when told exactly what it held.
        connection.execute(
            f"INSERT INTO {t.nearby} ({t.nearby}, rowid, terms) VALUES ('delete', ?, ?)",  # noqa: S608 - own names
            (seq, known[0]),
        )
    connection.execute(
        f"INSERT OR REPLACE INTO {t.nearby_terms} (seq, terms, before, after)"  # noqa: S608 - own names
        " VALUES (?, ?, ?, ?)",
        (seq, words, before, after),
    )
    connection.execute(
        f"INSERT INTO {t.nearby} (rowid, terms) VALUES (?, ?)",  # noqa: S608 - own names
        (seq, words),
    )
