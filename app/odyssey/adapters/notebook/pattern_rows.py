"""
The rows of patterns: how they are made of tasks, read, and forgotten with them.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from datetime import UTC, datetime

from odyssey.adapters.notebook import tasks
from odyssey.adapters.notebook.database import Gone
from odyssey.adapters.notebook.tasks import owner_columns, scope_of
from odyssey.domain.memory.confidence import Belief
from odyssey.domain.memory.indicators import Indicator
from odyssey.domain.memory.patterns import (
    NotEnough,
    Pattern,
    PatternType,
    RecommendedContext,
    learn,
)
from odyssey.domain.memory.record import login_of
from odyssey.domain.memory.scope import Scope
from odyssey.domain.memory.task_kinds import Kind, read_kind
from odyssey.domain.memory.tasks import TaskMemory

LOOKED_AT = 1_000
"""Tasks of a tier, the newest, among which those of a kind are looked for."""

STEPS = (
    """
    CREATE TABLE pattern (
        pattern_id TEXT PRIMARY KEY,
        tier TEXT NOT NULL,
        owner TEXT NOT NULL,
        pattern_type TEXT NOT NULL,
        kind TEXT NOT NULL,
        success_indicators TEXT NOT NULL,
        failure_indicators TEXT NOT NULL,
        recommended_context TEXT NOT NULL,
        samples_for INTEGER NOT NULL,
        samples_against INTEGER NOT NULL,
        min_samples INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1,
        is_indexed INTEGER NOT NULL DEFAULT 0
    ) STRICT
    """,
    "CREATE INDEX pattern_owner ON pattern (tier, owner, pattern_type)",
    "CREATE INDEX pattern_unindexed ON pattern (pattern_id) WHERE is_indexed = 0",
    "CREATE TABLE pattern_sample (memory_id TEXT NOT NULL, pattern_id TEXT NOT NULL,"
    " PRIMARY KEY (memory_id, pattern_id)) STRICT, WITHOUT ROWID",
    "CREATE INDEX pattern_sample_of ON pattern_sample (pattern_id)",
    "CREATE TABLE pattern_vote (pattern_id TEXT NOT NULL, voter TEXT NOT NULL,"
    " helpful INTEGER NOT NULL, weight REAL NOT NULL,"
    " PRIMARY KEY (pattern_id, voter)) STRICT, WITHOUT ROWID",
    "CREATE TABLE pattern_use (pattern_id TEXT NOT NULL, used_for TEXT NOT NULL,"
    " PRIMARY KEY (pattern_id, used_for)) STRICT, WITHOUT ROWID",
)

_TABLES = ("pattern", "pattern_sample", "pattern_vote", "pattern_use")

_READ = """
    SELECT pattern_id, tier, owner, pattern_type, kind, success_indicators, failure_indicators,
        recommended_context, samples_for, samples_against, created_at, updated_at, min_samples,
        (SELECT coalesce(sum(weight), 0.0) FROM pattern_vote AS vote
            WHERE vote.pattern_id = pattern.pattern_id AND helpful = 1),
        (SELECT coalesce(sum(weight), 0.0) FROM pattern_vote AS vote
            WHERE vote.pattern_id = pattern.pattern_id AND helpful = 0),
        (SELECT count(*) FROM pattern_use AS use WHERE use.pattern_id = pattern.pattern_id)
    FROM pattern
"""


def learn_from(
    connection: sqlite3.Connection,
    scope: Scope,
    kind: Kind,
    pattern_type: PatternType,
    *,
    min_samples: int,
    now: datetime,
) -> Pattern | NotEnough:
    """The pattern of *kind* as the tasks of this tier make it; nothing is written."""
    own: list[TaskMemory] = []
    others: list[TaskMemory] = []
    for task in tasks.newest(connection, scope, limit=LOOKED_AT):
        is_own = kind.fits(task.task_type, task.summary, task.task_id)
        (own if is_own else others).append(task)
    return learn(
        kind,
        pattern_type,
        tasks=own,
        others=others,
        scope=scope,
        min_samples=min_samples,
        now=now,
    )


def keep(connection: sqlite3.Connection, *, made: Pattern) -> Pattern | None:
    """The pattern as it is kept; None when a task it was made from is gone."""
    if len(tasks.by_ids(connection, made.samples)) < len(made.samples):
        return None
    tier, owner = owner_columns(made.scope)
    connection.execute(
        "INSERT INTO pattern (pattern_id, tier, owner, pattern_type, kind, success_indicators,"
        " failure_indicators, recommended_context, samples_for, samples_against, min_samples,"
        " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (pattern_id) DO UPDATE SET"
        " success_indicators = excluded.success_indicators,"
        " failure_indicators = excluded.failure_indicators,"
        " recommended_context = excluded.recommended_context,"
        " samples_for = excluded.samples_for, samples_against = excluded.samples_against,"
        " min_samples = excluded.min_samples, updated_at = excluded.updated_at,"
        " revision = revision + 1, is_indexed = 0",
        (
            made.pattern_id, tier, owner, made.pattern_type.value, made.kind,
            json.dumps([asdict(one) for one in made.success_indicators]),
            json.dumps([asdict(one) for one in made.failure_indicators]),
            json.dumps(asdict(made.recommended_context)),
            made.belief.samples_for, made.belief.samples_against, made.min_samples,
            _time(made.created_at), _time(made.updated_at),
        ),
    )  # fmt: skip
    connection.execute("DELETE FROM pattern_sample WHERE pattern_id = ?", (made.pattern_id,))
    connection.executemany(
        "INSERT INTO pattern_sample VALUES (?, ?)",
        [(each, made.pattern_id) for each in made.samples],
    )
    return read(connection, "WHERE pattern_id = ?", made.pattern_id)[0]


def forget(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    """
    Deletes tasks and votes; what was learnt from those tasks is learnt anew without them.

    A pattern with too few tasks left is deleted. Every one whose words may be those of what
    is gone is out of the index, and goes there again as it is now.
    """
    if gone.person is not None:
        connection.execute("DELETE FROM pattern_vote WHERE voter = ?", (login_of(gone.person),))
    away = tasks.take_away(connection, gone)
    shaken = sorted(
        {
            pattern_id
            for each in away
            for (pattern_id,) in connection.execute(
                "SELECT pattern_id FROM pattern_sample WHERE memory_id = ?", (each,)
            )
        }
    )
    for pattern_id in shaken:
        old = read(connection, "WHERE pattern_id = ?", pattern_id)[0]
        made = learn_from(
            connection,
            old.scope,
            read_kind(old.kind),
            old.pattern_type,
            min_samples=old.min_samples,
            now=old.updated_at,
        )
        if isinstance(made, NotEnough):
            for table in _TABLES:
                connection.execute(
                    f"DELETE FROM {table} WHERE pattern_id = ?",  # noqa: S608 - own names
                    (pattern_id,),
                )
        else:
            keep(connection, made=made)
    return [*(f"task:{each}" for each in away), *(f"pattern:{each}" for each in shaken)]


def left(connection: sqlite3.Connection, gone: Gone) -> int:
    """Votes of the person, and samples that are no task any more."""
    votes = orphans = 0
    if gone.person is not None:
        (votes,) = connection.execute(
            "SELECT count(*) FROM pattern_vote WHERE voter = ?", (login_of(gone.person),)
        ).fetchone()
    (orphans,) = connection.execute(
        "SELECT count(*) FROM pattern_sample WHERE memory_id NOT IN (SELECT memory_id FROM task)"
    ).fetchone()
    return int(votes) + int(orphans)


def read(connection: sqlite3.Connection, condition: str, *values: str) -> list[Pattern]:
    """The patterns that match the condition, with their votes and uses."""
    found = []
    for row in connection.execute(f"{_READ} {condition}", values).fetchall():
        context = json.loads(row[7])
        pattern = Pattern(
            pattern_type=PatternType(row[3]),
            kind=row[4],
            success_indicators=_indicators(row[5]),
            failure_indicators=_indicators(row[6]),
            recommended_context=RecommendedContext(
                **{name: tuple(values) for name, values in context.items()}
            ),
            belief=Belief(samples_for=row[8], samples_against=row[9]),
            samples=tuple(
                memory_id
                for (memory_id,) in connection.execute(
                    "SELECT memory_id FROM pattern_sample WHERE pattern_id = ?", (row[0],)
                )
            ),
            created_at=datetime.fromisoformat(row[10]),
            updated_at=datetime.fromisoformat(row[11]),
            scope=scope_of(row[1], row[2]),
            min_samples=row[12],
            usage_count=row[15],
        )
        belief = replace(pattern.belief, helpful=row[13], unhelpful=row[14])
        found.append(replace(pattern, belief=belief))
    return found


def _indicators(text: str) -> tuple[Indicator, ...]:
    return tuple(Indicator(**one) for one in json.loads(text))


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
