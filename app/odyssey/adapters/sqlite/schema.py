"""
The tables of a tenant's file, and how a file of an older Odyssey becomes one of this.

Every shelf has the same tables, those of other shelves than events with the shelf's
name in front; they are made when something is first put on it.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from odyssey.domain.memory.record import Record, Trust, people_of
from odyssey.domain.memory.scope import Shelf

VERSION = 3

_META = """
CREATE TABLE IF NOT EXISTS meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID
"""

_TABLES = """
CREATE TABLE IF NOT EXISTS {p}record (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    text        TEXT NOT NULL,
    occurred_at REAL NOT NULL,
    utc_offset  INTEGER NOT NULL,
    actor       TEXT,
    trust       TEXT NOT NULL,
    source      TEXT NOT NULL,
    thread      TEXT,
    person      TEXT,
    attributes  TEXT NOT NULL,
    masked      INTEGER NOT NULL,
    terms       TEXT NOT NULL,
    tier        TEXT NOT NULL DEFAULT 'repository',
    owner       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS {p}record_thread ON {p}record (thread, occurred_at, seq);
CREATE INDEX IF NOT EXISTS {p}record_newest ON {p}record (occurred_at, seq);
CREATE INDEX IF NOT EXISTS {p}record_source ON {p}record (source);
CREATE INDEX IF NOT EXISTS {p}record_of_kind ON {p}record (kind, tier);
CREATE INDEX IF NOT EXISTS {p}record_private ON {p}record (tier, owner)
    WHERE tier <> 'repository';
CREATE TABLE IF NOT EXISTS {p}attribute (
    seq   INTEGER NOT NULL REFERENCES {p}record (seq) ON DELETE CASCADE,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, value, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS {p}attribute_seq ON {p}attribute (seq);
CREATE TABLE IF NOT EXISTS {p}named (
    login TEXT NOT NULL,
    seq   INTEGER NOT NULL REFERENCES {p}record (seq) ON DELETE CASCADE,
    PRIMARY KEY (login, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS {p}named_seq ON {p}named (seq);
CREATE VIRTUAL TABLE IF NOT EXISTS {p}words USING fts5 (
    terms, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_./#-'"
);
CREATE VIRTUAL TABLE IF NOT EXISTS {p}nearby USING fts5 (
    terms, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_./#-'"
);
CREATE VIRTUAL TABLE IF NOT EXISTS {p}words_vocabulary USING fts5vocab ({p}words, row);
CREATE VIRTUAL TABLE IF NOT EXISTS {p}nearby_vocabulary USING fts5vocab ({p}nearby, row);
CREATE TABLE IF NOT EXISTS {p}nearby_terms (
    seq    INTEGER PRIMARY KEY REFERENCES {p}record (seq) ON DELETE CASCADE,
    terms  TEXT NOT NULL,
    before INTEGER,
    after  INTEGER
);
CREATE TABLE IF NOT EXISTS {p}vector (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    seq    INTEGER NOT NULL REFERENCES {p}record (seq) ON DELETE CASCADE,
    chunk  INTEGER NOT NULL,
    model  TEXT NOT NULL,
    value  BLOB NOT NULL,
    UNIQUE (seq, model, chunk)
);
CREATE TABLE IF NOT EXISTS {p}outbox (
    seq      INTEGER PRIMARY KEY REFERENCES {p}record (seq) ON DELETE CASCADE,
    attempts INTEGER NOT NULL DEFAULT 0
)
"""


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of one shelf's tables."""

    record: str
    attribute: str
    named: str
    words: str
    nearby: str
    nearby_terms: str
    vector: str
    outbox: str

    @property
    def vocabularies(self) -> tuple[str, str]:
        """Of `nearby` and of `words`: how many rows have a term."""
        return f"{self.nearby}_vocabulary", f"{self.words}_vocabulary"


@lru_cache(maxsize=len(Shelf))
def tables(shelf: Shelf) -> Tables:
    """The tables of *shelf*; those of events have the plain names."""
    p = _prefix(shelf)
    return Tables(*(f"{p}{name}" for name in Tables.__dataclass_fields__))


def shelves(connection: sqlite3.Connection) -> list[Shelf]:
    """The shelves on which anything was ever put."""
    found = connection.execute("SELECT value FROM meta WHERE name LIKE 'shelf:%'")
    known = {value for (value,) in found}
    return [shelf for shelf in Shelf if shelf is Shelf.EVENT or shelf.value in known]


def make_shelf(connection: sqlite3.Connection, shelf: Shelf) -> None:
    """Makes the tables of *shelf*, unless they are there; inside the caller's transaction."""
    if shelf in shelves(connection):
        return
    _run(connection, _TABLES.format(p=_prefix(shelf)))
    connection.execute("INSERT INTO meta VALUES (?, ?)", (f"shelf:{shelf}", shelf.value))


def prepare(connection: sqlite3.Connection) -> None:
    """
    Makes a new file, or one of an older schema, one of `VERSION`, in one transaction.

    A new version is a new step here, which changes the tables of every shelf that
    the file has.
    """
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have done it while this one waited.
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.execute(_META)
        _run(connection, _TABLES.format(p=""))
    if version == 1:
        _to_2(connection)
    if 0 < version < 3:
        _to_3(connection)
    if version < VERSION:
        connection.execute(f"PRAGMA user_version = {VERSION:d}")
    connection.commit()


def _to_2(connection: sqlite3.Connection) -> None:
    """Tiers, the people a row names, and vectors of two models beside one another."""
    connection.execute("ALTER TABLE record ADD COLUMN tier TEXT NOT NULL DEFAULT 'repository'")
    connection.execute("ALTER TABLE record ADD COLUMN owner TEXT NOT NULL DEFAULT ''")
    connection.execute("DROP INDEX IF EXISTS record_person")
    connection.execute("DROP INDEX IF EXISTS record_actor")
    connection.execute("ALTER TABLE vector RENAME TO vector_1")
    _run(connection, _TABLES.format(p=""))
    connection.execute(
        "INSERT INTO vector (id, seq, chunk, model, value)"
        " SELECT id, seq, chunk, model, value FROM vector_1"
    )
    connection.execute("DROP TABLE vector_1")
    for seq, actor, person, attributes in connection.execute(
        "SELECT seq, actor, person, attributes FROM record"
    ).fetchall():
        record = Record(
            id="-", kind="-", text="", occurred_at=datetime(2000, 1, 1, tzinfo=UTC),
            trust=Trust.TOOL, source="", actor=actor, person=person,
            attributes=json.loads(attributes),
        )  # fmt: skip
        connection.executemany(
            "INSERT OR IGNORE INTO named (login, seq) VALUES (?, ?)",
            [(login, seq) for login in people_of(record)],
        )


def _to_3(connection: sqlite3.Connection) -> None:
    """An index that answers which rows of a kind all may see without reading them."""
    for shelf in shelves(connection):
        p = _prefix(shelf)
        connection.execute(f"DROP INDEX IF EXISTS {p}record_kind")
        _run(connection, _TABLES.format(p=p))


def moment(timestamp: float, offset: int) -> datetime:
    """A time from its two columns, in the zone it was given in."""
    zone = timezone(timedelta(seconds=offset)) if offset else UTC
    return _EPOCH.astimezone(zone) + timedelta(microseconds=round(timestamp * 1_000_000))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _prefix(shelf: Shelf) -> str:
    return "" if shelf is Shelf.EVENT else f"{shelf.value}_"


def _run(connection: sqlite3.Connection, script: str) -> None:
    # Not executescript: it commits what is open.
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)
