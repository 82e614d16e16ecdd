"""
A tenant's file as the first version of Odyssey wrote it, with one record.
"""

from __future__ import annotations

TABLES = """
CREATE TABLE IF NOT EXISTS record (
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
    terms       TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS record_thread ON record (thread, occurred_at, seq);
CREATE INDEX IF NOT EXISTS record_newest ON record (occurred_at, seq);
CREATE INDEX IF NOT EXISTS record_source ON record (source);
CREATE INDEX IF NOT EXISTS record_person ON record (person);
CREATE INDEX IF NOT EXISTS record_actor ON record (actor);
CREATE INDEX IF NOT EXISTS record_kind ON record (kind);
CREATE TABLE IF NOT EXISTS attribute (
    seq   INTEGER NOT NULL REFERENCES record (seq) ON DELETE CASCADE,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, value, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS attribute_seq ON attribute (seq);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    terms, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_./#-'"
);
CREATE VIRTUAL TABLE IF NOT EXISTS nearby USING fts5 (
    terms, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_./#-'"
);
CREATE VIRTUAL TABLE IF NOT EXISTS words_vocabulary USING fts5vocab (words, row);
CREATE VIRTUAL TABLE IF NOT EXISTS nearby_vocabulary USING fts5vocab (nearby, row);
CREATE TABLE IF NOT EXISTS nearby_terms (
    seq    INTEGER PRIMARY KEY REFERENCES record (seq) ON DELETE CASCADE,
    terms  TEXT NOT NULL,
    before INTEGER,
    after  INTEGER
);
CREATE TABLE IF NOT EXISTS vector (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    seq    INTEGER NOT NULL REFERENCES record (seq) ON DELETE CASCADE,
    chunk  INTEGER NOT NULL,
    model  TEXT NOT NULL,
    value  BLOB NOT NULL,
    UNIQUE (seq, chunk)
);
CREATE TABLE IF NOT EXISTS outbox (
    seq      INTEGER PRIMARY KEY REFERENCES record (seq) ON DELETE CASCADE,
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""

ROWS = """
INSERT INTO record (id, kind, text, occurred_at, utc_offset, actor, trust, source, thread, person,
    attributes, masked, terms)
VALUES ('1', 'comment', 'apples are ripe', 1773489600.0, 0, 'Ada', 'person', 'https://x.test/1',
    'pull/1', NULL, '{"requester": "bob"}', 0, 'ada appl ripe');
INSERT INTO words (rowid, terms) VALUES (1, 'ada appl ripe');
INSERT INTO nearby_terms (seq, terms) VALUES (1, 'ada appl ripe');
INSERT INTO nearby (rowid, terms) VALUES (1, 'ada appl ripe');
INSERT INTO attribute (seq, name, value) VALUES (1, 'requester', 'bob');
INSERT INTO vector (seq, chunk, model, value) VALUES (1, 0, 'hashing', zeroblob(256));
INSERT INTO meta VALUES ('model', 'hashing');
PRAGMA user_version = 1;
"""

SCRIPT = TABLES + ROWS
