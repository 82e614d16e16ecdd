"""
Forgetting in one tenant's file, and the proof of it.
"""

from __future__ import annotations

import sqlite3

from odyssey.adapters.sqlite import rows, vectors
from odyssey.adapters.sqlite.files import Files
from odyssey.adapters.sqlite.schema import Tables, shelves, tables
from odyssey.domain.memory.record import Tenant, login_of
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Forgotten
from odyssey.domain.memory.terms import terms


def forget(files: Files, tenant: Tenant, *, source: str | None, person: str | None) -> Forgotten:
    """
    Deletes the rows of a source or a person from every shelf, and looks again.

    Deleted pages are overwritten, the indexes of words rewritten and the
    write-ahead log emptied, so the text is in no file of the tenant afterwards.
    """
    deleted: dict[Shelf, tuple[str, ...]] = {}
    with files.connection(tenant, write=True) as connection:
        for shelf in shelves(connection):
            t = tables(shelf)
            found = _matching(connection, t, source, person)
            if not found:
                continue
            rows.delete(connection, t, list(found))
            rows.tidy(connection, t)
            vectors.start_epoch(connection, t)
            deleted[shelf] = tuple(found.values())
    files.scrub(tenant)
    with files.connection(tenant) as connection:
        left = mentions = 0
        for shelf in shelves(connection):
            t = tables(shelf)
            left += len(_matching(connection, t, source, person)) + _orphans(connection, t)
            if person is not None:
                mentions += _mentions(connection, t, person)
    return Forgotten(deleted=deleted, left=left, mentions=mentions)


def ids_from(files: Files, tenant: Tenant, *, source: str | None, person: str | None) -> list[str]:
    """The ids of what `forget` would delete, of all shelves."""
    with files.connection(tenant) as connection:
        return [
            each
            for shelf in shelves(connection)
            for each in _matching(connection, tables(shelf), source, person).values()
        ]


def _matching(
    connection: sqlite3.Connection, t: Tables, source: str | None, person: str | None
) -> dict[int, str]:
    if source is not None:
        condition, value = "source = ?", source
    else:
        condition = f"seq IN (SELECT seq FROM {t.named} WHERE login = ?)"  # noqa: S608 - own names
        value = login_of(person or "")
    return dict(
        connection.execute(
            f"SELECT seq, id FROM {t.record} WHERE {condition} ORDER BY seq",  # noqa: S608 - own names
            (value,),
        ).fetchall()
    )


def _orphans(connection: sqlite3.Connection, t: Tables) -> int:
    """What is left of rows that are gone: vectors, keys, attributes, places in the outbox."""
    return sum(
        connection.execute(
            f"SELECT count(*) FROM {table} WHERE seq NOT IN (SELECT seq FROM {t.record})"  # noqa: S608 - own names
        ).fetchone()[0]
        for table in (t.vector, t.nearby_terms, t.attribute, t.named, t.outbox)
    )


def _mentions(connection: sqlite3.Connection, t: Tables, person: str) -> int:
    words = terms(login_of(person))
    if not words:
        return 0
    query = " AND ".join(f'"{word}"' for word in words)
    found = connection.execute(
        f"SELECT count(*) FROM {t.words} WHERE {t.words} MATCH ?",  # noqa: S608 - own names
        (query,),
    ).fetchone()
    return int(found[0])
