"""
What a notebook holds as lines of a file, one for each thing with all that belongs to it.

Carried are observations and blocks with every version, how many a deleted block had, tasks,
patterns with votes, what was learnt from or taken back, and messages that wait. What callers
and this server have agreed on is not: jobs, subscriptions and their secrets; another server
would post everything a second time.

A line is `{"format", "tenant", "kind", "key", "rows"}`: its rows by table, without the
columns of the key. What is in a target already stays, as a whole.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TextIO

from odyssey.adapters.notebook import carried_kinds as kinds
from odyssey.adapters.notebook.carried_kinds import KINDS, Kind, Table
from odyssey.adapters.notebook.database import NotebookFiles
from odyssey.adapters.notebook.parts import PARTS
from odyssey.domain.errors import OdysseyError
from odyssey.domain.memory.masking import mask
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.retention import storable

FORMAT: Final = "notebook 1"
"""The version of a line; records have other lines (`domain/memory/stored.py`)."""

_IS_LINE = re.compile(r'\s*\{\s*"format"\s*:\s*"notebook ')


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One thing of a notebook: its key, and its rows by table."""

    kind: str
    key: tuple[str, ...]
    rows: Mapping[str, tuple[Mapping[str, Any], ...]]


def is_line(line: str) -> bool:
    """Whether a line is one of a notebook's and not a record's."""
    return _IS_LINE.match(line) is not None


def to_line(tenant: Tenant, unit: Unit) -> str:
    """One line of JSON, without its line break."""
    return json.dumps(
        {
            "format": FORMAT,
            "tenant": tenant.name,
            "kind": unit.kind,
            "key": unit.key,
            "rows": unit.rows,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def each_unit(connection: sqlite3.Connection) -> Iterator[Unit]:
    """Everything that is carried, kind by kind; one thing is in memory at a time, and all keys."""
    for kind in KINDS:
        for key in connection.execute(kind.keys).fetchall():
            yield _read(connection, kind, key)


def write_all(tenant: Tenant, connection: sqlite3.Connection, *, out: TextIO) -> Counter[str]:
    """Writes a line for each thing, all of one moment; how many of each kind."""
    written: Counter[str] = Counter()
    for unit in each_unit(connection):
        out.write(to_line(tenant, unit) + "\n")
        written[unit.kind] += 1
    return written


def in_order(units: Iterable[Unit]) -> list[Unit]:
    """As they are to be written: patterns rest on tasks, messages on notes of their records."""
    places = {kind.name: place for place, kind in enumerate(KINDS)}
    return sorted(units, key=lambda one: places[one.kind])


def load(connection: sqlite3.Connection, units: Iterable[Unit]) -> Counter[str]:
    """Writes what is not there; how many of each kind."""
    added: Counter[str] = Counter()
    for unit in in_order(units):
        kind = kinds.BY_NAME[unit.kind]
        if connection.execute(kind.there, unit.key).fetchone():
            if kind.gives_way is None or not kind.gives_way(connection, unit.key):
                continue
            if _read(connection, kind, unit.key) == unit:
                continue
            connection.execute(kind.delete, unit.key)
        _insert(connection, kind, unit)
        added[kind.name] += 1
    return added


class Checker:
    """
    Reads lines, and tries each in a notebook in memory, as the notebook's own parts read it.

    What should have been masked is masked.
    """

    def __init__(self) -> None:
        files = NotebookFiles(Path(), PARTS, patience=timedelta())
        self._scratch = sqlite3.connect(":memory:", isolation_level=None)
        files.prepare(self._scratch, name="in memory")

    def __enter__(self) -> Checker:
        return self

    def __exit__(self, *_error: object) -> None:
        self._scratch.close()

    def from_line(self, line: str) -> tuple[Tenant, Unit]:
        """
        What `to_line` wrote.

        Raises:
            ValueError: it is no such line, or no notebook could read it; says why.
        """
        try:
            row = json.loads(line)
            if row["format"] != FORMAT:
                raise ValueError(f"its format is {row['format']!r}, and {FORMAT!r} can be read")
            kind = kinds.BY_NAME.get(row["kind"])
            if kind is None:
                raise ValueError(f"a notebook has no {row['kind']!r}")
            unit = Unit(
                kind=kind.name,
                key=tuple(map(str, row["key"])),
                rows={
                    table.name: tuple(_clean(table, each) for each in row["rows"][table.name])
                    for table in kind.tables
                },
            )
            self._try(kind, unit)
            return Tenant(row["tenant"]), unit
        except KeyError as error:
            raise ValueError(f"it has no {error.args[0]!r}") from error
        except sqlite3.Error as error:
            raise ValueError(f"no notebook can hold it: {error}") from error
        except (
            TypeError, AttributeError, LookupError, OverflowError, RecursionError, OdysseyError,
        ) as error:  # fmt: skip
            raise ValueError(f"a value is wrong: {error}") from error

    def _try(self, kind: Kind, unit: Unit) -> None:
        if len(unit.key) != len(kind.key) or not unit.rows[kind.tables[0].name]:
            raise ValueError(f"a {kind.name} needs a key of {len(kind.key)} parts, and a row")
        self._scratch.execute("BEGIN")
        try:
            _insert(self._scratch, kind, unit)
            kind.check(self._scratch, unit.key)
        finally:
            self._scratch.rollback()


def _read(connection: sqlite3.Connection, kind: Kind, key: tuple[str, ...]) -> Unit:
    rows = {
        table.name: tuple(
            dict(zip(table.columns, row, strict=True))
            for row in connection.execute(table.select, key)
        )
        for table in kind.tables
    }
    return Unit(kind=kind.name, key=key, rows=rows)


def _insert(connection: sqlite3.Connection, kind: Kind, unit: Unit) -> None:
    named = dict(zip(kind.key, unit.key, strict=True))
    for table in kind.tables:
        connection.executemany(table.insert, [{**named, **row} for row in unit.rows[table.name]])
    kind.settle(connection, unit.key)


def _clean(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    row = {**table.defaults, **row}
    if set(row) != set(table.columns):
        raise ValueError(f"{table.name}: its columns are {', '.join(table.columns)}")
    return {name: _masked(table, name, row[name]) for name in table.columns}


def _masked(table: Table, name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name in table.texts:
        return mask(storable(value)).text
    if name in table.lists and mask(value).count:
        return json.dumps(_each_masked(json.loads(value)))
    return value


def _each_masked(value: Any) -> Any:
    match value:
        case str():
            return mask(storable(value)).text
        case list():
            return [_each_masked(each) for each in value]
        case dict():
            return {name: _each_masked(each) for name, each in value.items()}
    return value
