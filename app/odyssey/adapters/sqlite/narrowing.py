"""
Which rows a question may see, and what the index of words finds among them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from odyssey.adapters.sqlite.rows import marks, slices
from odyssey.adapters.sqlite.schema import Tables
from odyssey.adapters.sqlite.vectors import Numbers
from odyssey.domain.memory.record import FIELDS, is_attribute, login_of
from odyssey.domain.memory.scope import REPOSITORY, Scope, Tier


class Reach(Enum):
    """How many rows a condition leaves: what is left out, or what is left in, may be few."""

    ALL = auto()
    BUT_PRIVATE = auto()
    ONLY = auto()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A condition on the columns of `record`, with its values; it holds whatever `reach` is."""

    condition: str
    values: tuple[str, ...]
    reach: Reach


Scored: TypeAlias = "dict[int, float]"


@dataclass(frozen=True, slots=True)
class Listed:
    """The numbers of the rows that a condition leaves in; with `BUT_PRIVATE`, of those left out."""

    reach: Reach
    numbers: Numbers

    def best(self, seqs: Numbers, scores: npt.NDArray[np.floating], *, limit: int) -> Scored:
        """
        The *limit* highest scores of rows that may be seen, highest first, by row number.

        Of equal ones the older row is first. *seqs* has each number once.
        """
        if self.reach is not Reach.ALL:
            is_listed = np.isin(seqs, self.numbers, assume_unique=True)
            keep = ~is_listed if self.reach is Reach.BUT_PRIVATE else is_listed
            seqs, scores = seqs[keep], scores[keep]
        if len(seqs) > limit:
            top = np.argpartition(scores, -limit)[-limit:]
            seqs, scores = seqs[top], scores[top]
        order = np.lexsort((seqs, -scores))
        return dict(zip(seqs[order].tolist(), scores[order].tolist(), strict=True))


_IS_SHARED = f"tier = '{Tier.REPOSITORY}'"
_IS_PRIVATE = f"tier <> '{Tier.REPOSITORY}'"


def narrow(
    connection: sqlite3.Connection,
    t: Tables,
    *,
    scope: Scope,
    kinds: Sequence[str],
    where: Mapping[str, str],
) -> Narrowed:
    """The rows of *scope* that match; keys of *where* are checked already."""
    condition, values = _of_scope(t, scope)
    conditions = [condition]
    if kinds:
        conditions.append(f"kind IN ({marks(kinds)})")
        values += kinds
    for name, value in where.items():
        if name in FIELDS:
            conditions.append(f"{name} = ?")
            values.append(value)
        elif is_attribute(name):
            conditions.append(
                f"seq IN (SELECT seq FROM {t.attribute} WHERE name = ? AND value = ?)"  # noqa: S608 - own names
            )
            values += [name, value]
        else:
            raise ValueError(f"memory cannot be narrowed by {name!r}")
    reach = Reach.ONLY
    if len(conditions) == 1 and scope == REPOSITORY:
        private = connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM {t.record} WHERE {_IS_PRIVATE})"  # noqa: S608 - own names
        ).fetchone()
        reach = Reach.BUT_PRIVATE if private[0] else Reach.ALL
    return Narrowed(" AND ".join(conditions), tuple(values), reach)


def _of_scope(t: Tables, scope: Scope) -> tuple[str, list[str]]:
    name = scope.name or ""
    match scope.tier:
        case Tier.REPOSITORY:
            return _IS_SHARED, []
        case Tier.THREAD:
            return f"(thread = ? AND tier IN ('{Tier.REPOSITORY}', '{Tier.THREAD}'))", [name]
        case Tier.PERSON:
            login = login_of(name)
            shared = f"{_IS_SHARED} AND seq IN (SELECT seq FROM {t.named} WHERE login = ?)"  # noqa: S608 - own names
            return f"({shared} OR tier = '{Tier.PERSON}' AND owner = ?)", [login, login]


def by_words(
    connection: sqlite3.Connection,
    table: str,
    *,
    asked: Sequence[str],
    listed: Listed,
    limit: int,
) -> Scored:
    """The best rows of `words` or `nearby` that may be seen, with their BM25 score, best first."""
    if not asked:
        return {}
    # Narrowed here: as a part of the statement each of two indexes would look the rows up anew,
    # and SQLite takes as long to sort.
    rows = connection.execute(
        f"SELECT rowid, -rank FROM {table} WHERE {table} MATCH ?",  # noqa: S608 - own names
        (" OR ".join(f'"{word}"' for word in asked),),
    ).fetchall()
    seqs = np.fromiter((seq for seq, _ in rows), dtype=np.int64, count=len(rows))
    scores = np.fromiter((score for _, score in rows), dtype=np.float64, count=len(rows))
    return listed.best(seqs, scores, limit=limit)


def newest(
    connection: sqlite3.Connection, t: Tables, narrowed: Narrowed, *, limit: int
) -> list[int]:
    """The rows that occurred last, newest first."""
    rows = connection.execute(
        f"SELECT seq FROM {t.record} WHERE {narrowed.condition}"  # noqa: S608 - marks only
        " ORDER BY occurred_at DESC, seq DESC LIMIT ?",
        (*narrowed.values, limit),
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
    connection: sqlite3.Connection, t: Tables, seqs: Sequence[int], narrowed: Narrowed
) -> dict[int, Place]:
    """The places of those of *seqs* that match, in the order of *seqs*."""
    found: dict[int, Place] = {}
    for some in slices(seqs):
        found.update(
            (row[0], Place(*row))
            for row in connection.execute(
                "SELECT seq, actor, occurred_at, before, after"  # noqa: S608 - marks only
                f" FROM {t.record} JOIN {t.nearby_terms} USING (seq)"
                f" WHERE seq IN ({marks(some)}) AND {narrowed.condition}",
                (*some, *narrowed.values),
            )
        )
    return {seq: found[seq] for seq in seqs if seq in found}


def listed(connection: sqlite3.Connection, t: Tables, narrowed: Narrowed) -> Listed:
    """The numbers of the rows that *narrowed* leaves in or out, whichever it names."""
    condition, values = narrowed.condition, narrowed.values
    match narrowed.reach:
        case Reach.ALL:
            return Listed(Reach.ALL, np.empty(0, dtype=np.int64))
        case Reach.BUT_PRIVATE:
            condition, values = _IS_PRIVATE, ()
        case Reach.ONLY:
            pass
    rows = connection.execute(
        f"SELECT seq FROM {t.record} WHERE {condition}",  # noqa: S608 - marks only
        values,
    ).fetchall()
    return Listed(
        narrowed.reach, np.fromiter((seq for (seq,) in rows), dtype=np.int64, count=len(rows))
    )
