"""
The kinds of things that are carried from notebook to notebook, each with its tables.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from odyssey.adapters.notebook import blocks, learning, observations, pattern_rows, tasks
from odyssey.domain.memory.blocks import Block
from odyssey.domain.memory.derived import read_scope
from odyssey.domain.memory.task_kinds import read_kind

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    The columns of a table that are carried, beside those of the key.

    Of `texts` secrets are masked, of `lists` (JSON) those of each text in them. `select`
    takes the key, `insert` the columns and the key by name. `defaults` stand for columns
    that older lines lack.
    """

    name: str
    columns: tuple[str, ...]
    select: str
    insert: str
    texts: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    One kind of thing; it has rows in the first table at least.

    `check` raises if the thing, just written, cannot be read. `settle` writes what follows
    from its rows. What is there gives way to what is carried if `gives_way` says so.
    """

    name: str
    key: tuple[str, ...]
    tables: tuple[Table, ...]
    check: Callable[[sqlite3.Connection, Key], None]
    settle: Callable[[sqlite3.Connection, Key], None] = lambda _connection, _key: None
    gives_way: Callable[[sqlite3.Connection, Key], bool] | None = None
    order: str = ""

    @property
    def keys(self) -> str:
        """The query for the key of each."""
        names = ", ".join(self.key)
        return f"SELECT {names} FROM {self._first} GROUP BY {names} ORDER BY {self.order or names}"  # noqa: S608 - own names

    @property
    def there(self) -> str:
        """The query for whether one is there, by its key."""
        return f"SELECT 1 FROM {self._first} WHERE {_equal(self.key)} LIMIT 1"  # noqa: S608 - own names

    @property
    def delete(self) -> str:
        """The statement that deletes the first table's rows of one."""
        return f"DELETE FROM {self._first} WHERE {_equal(self.key)}"  # noqa: S608 - own names

    @property
    def _first(self) -> str:
        return self.tables[0].name


def _equal(key: Key) -> str:
    return " AND ".join(f"{name} = ?" for name in key)


def _table(
    name: str,
    key: Key,
    columns: str,
    *,
    order: str = "",
    texts: str = "",
    lists: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> Table:
    carried = tuple(columns.split())
    marks = ", ".join(f":{each}" for each in (*key, *carried))
    return Table(
        name=name,
        columns=carried,
        select=f"SELECT {', '.join(carried)} FROM {name} WHERE {_equal(key)}"  # noqa: S608 - own names
        f" ORDER BY {order or carried[0]}",
        insert=f"INSERT INTO {name} ({', '.join((*key, *carried))}) VALUES ({marks})",  # noqa: S608 - own names
        texts=tuple(texts.split()),
        lists=tuple(lists.split()),
        defaults=defaults or {},
    )


def _check_observation(connection: sqlite3.Connection, key: Key) -> None:
    for each in observations.of_key(connection, key[0]):
        read_scope(each.scope)


def _settle_observation(connection: sqlite3.Connection, key: Key) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO observation_source VALUES (?, ?)",
        {
            (source.record_id, each.key)
            for each in observations.of_key(connection, key[0])
            for source in each.sources
        },
    )
    connection.execute("INSERT OR IGNORE INTO observation_unindexed VALUES (?)", key)


def _check_task(connection: sqlite3.Connection, key: Key) -> None:
    if tasks.by_ids(connection, key)[key[0]].memory_id != key[0]:
        raise ValueError(f"{key[0]} is not the id of this task's memory")


def _settle_task(connection: sqlite3.Connection, key: Key) -> None:
    tasks.name_people(connection, tasks.by_ids(connection, key)[key[0]])


def _check_pattern(connection: sqlite3.Connection, key: Key) -> None:
    [pattern] = pattern_rows.read(connection, "WHERE pattern_id = ?", *key)
    read_kind(pattern.kind)
    if pattern.pattern_id != key[0]:
        raise ValueError(f"{key[0]} is not the id of this pattern")
    if not 0 <= pattern.confidence <= 1:
        raise ValueError(f"pattern {key[0]}: a confidence of {pattern.confidence}")


def _check_block(connection: sqlite3.Connection, key: Key) -> None:
    blocks.of_label(connection, key)


def _check_deleted_block(connection: sqlite3.Connection, key: Key) -> None:
    [(version,)] = connection.execute(
        "SELECT version FROM block_deleted WHERE tier = ? AND owner = ? AND label = ?", key
    ).fetchall()
    Block(
        label=key[2],
        value="",
        updated_at=datetime.min.replace(tzinfo=UTC),
        scope=tasks.scope_of(key[0], key[1]),
    )
    if version < 1:
        raise ValueError(f"block {key[2]}: no block had {version} versions")


def _is_untouched(connection: sqlite3.Connection, key: Key) -> bool:
    """Whether a block is as every repository has it from its first use."""
    match blocks.of_label(connection, key):
        case [Block(version=1, value="", updated_by="", operation="create")]:
            return True
    return False


def _check_learning(connection: sqlite3.Connection, key: Key) -> None:
    [(scope, state, looks, place)] = connection.execute(
        "SELECT scope, state, looks, place FROM learning WHERE record_id = ?", key
    ).fetchall()
    read_scope(scope)
    if state not in _STATES or looks < 0 or not math.isfinite(place):
        raise ValueError(f"record {key[0]}: no state {state!r}, {looks} looks, place {place}")


def _settle_learning(connection: sqlite3.Connection, key: Key) -> None:
    learning.take_back(connection, key[0])


def _check_invalidation(connection: sqlite3.Connection, key: Key) -> None:
    read_scope(key[0])
    [(noted_at,)] = connection.execute(
        "SELECT noted_at FROM learning_invalid WHERE scope = ? AND record_id = ?", key
    ).fetchall()
    if not math.isfinite(noted_at):
        raise ValueError(f"record {key[1]}: noted at {json.dumps(noted_at)}")


def _check_message(connection: sqlite3.Connection, key: Key) -> None:
    [(scope, added_at)] = connection.execute(
        "SELECT scope, added_at FROM conversation_message WHERE record_id = ?", key
    ).fetchall()
    read_scope(scope)
    if not math.isfinite(added_at):
        raise ValueError(f"message {key[0]}: added at {json.dumps(added_at)}")


def _settle_message(connection: sqlite3.Connection, key: Key) -> None:
    # The job of its batch is not carried: what nobody has learnt from is batched anew.
    connection.execute(
        "UPDATE conversation_message SET is_batched = 0 WHERE record_id = ? AND record_id IN"
        " (SELECT record_id FROM learning WHERE state IN ('batched', 'batch failed'))",
        key,
    )
    connection.execute(
        "UPDATE learning SET state = 'batched' WHERE record_id = ? AND state = 'batch failed'", key
    )


_STATES = ("pending", "batched", "done", "failed", "batch failed", "invalid", "gone")
_BLOCK = ("tier", "owner", "label")
_TASK = ("memory_id",)
_PATTERN = ("pattern_id",)
_RECORD = ("record_id",)
_INVALID = ("scope", "record_id")

KINDS = (
    Kind(
        name="invalidation",
        key=_INVALID,
        tables=(_table("learning_invalid", _INVALID, "noted_at"),),
        check=_check_invalidation,
    ),
    Kind(
        name="learning",
        key=_RECORD,
        order="id",
        tables=(
            _table("learning", _RECORD, "scope source state looks place"),
            Table(
                name="learning_person",
                columns=("login",),
                select="SELECT login FROM learning_person JOIN learning USING (id)"
                " WHERE record_id = ? ORDER BY login",
                insert="INSERT OR IGNORE INTO learning_person"
                " SELECT id, :login FROM learning WHERE record_id = :record_id",
            ),
        ),
        check=_check_learning,
        settle=_settle_learning,
    ),
    Kind(
        name="message",
        key=_RECORD,
        order="id",
        tables=(
            _table(
                "conversation_message",
                _RECORD,
                "scope added_at is_batched session",
                defaults={"session": ""},
            ),
        ),
        check=_check_message,
        settle=_settle_message,
    ),
    Kind(
        name="observation",
        key=("key",),
        tables=(
            _table(
                "observation",
                ("key",),
                "version text sources confidence scope created_at status reason is_fresh",
                texts="text reason",
            ),
        ),
        check=_check_observation,
        settle=_settle_observation,
    ),
    Kind(
        name="task",
        key=_TASK,
        tables=(
            _table(
                "task",
                _TASK,
                "tier owner task_id task_type summary success error_patterns files outcome_ref"
                " source actor people trust learned_at",
                texts="task_type summary outcome_ref source",
                lists="error_patterns files",
            ),
            _table("task_use", _TASK, "used_for"),
        ),
        check=_check_task,
        settle=_settle_task,
    ),
    Kind(
        name="pattern",
        key=_PATTERN,
        tables=(
            _table(
                "pattern",
                _PATTERN,
                "tier owner pattern_type kind success_indicators failure_indicators"
                " recommended_context samples_for samples_against min_samples created_at"
                " updated_at",
                lists="success_indicators failure_indicators recommended_context",
            ),
            Table(
                name="pattern_sample",
                columns=("memory_id",),
                select="SELECT memory_id FROM pattern_sample WHERE pattern_id = ?"
                " ORDER BY memory_id",
                # Of what is no task here a pattern could never be learnt anew.
                insert="INSERT INTO pattern_sample"
                " SELECT memory_id, :pattern_id FROM task WHERE memory_id = :memory_id",
            ),
            _table("pattern_vote", _PATTERN, "voter helpful weight"),
            _table("pattern_use", _PATTERN, "used_for"),
        ),
        check=_check_pattern,
    ),
    Kind(
        name="block",
        key=_BLOCK,
        tables=(
            _table(
                "block",
                _BLOCK,
                "version value most read_only description updated_by operation updated_at",
                texts="value description",
            ),
        ),
        check=_check_block,
        gives_way=_is_untouched,
    ),
    Kind(
        name="deleted block",
        key=_BLOCK,
        tables=(_table("block_deleted", _BLOCK, "version"),),
        check=_check_deleted_block,
    ),
)
"""In the order in which they are written: each rests on those before it at most."""

BY_NAME = {kind.name: kind for kind in KINDS}
