"""
How common a term is, and which terms of a question are worth asking for.

BM25 in FTS5 costs two microseconds for each row that has a term. A term that
most rows have says next to nothing and costs the most, so a long question is
asked by its rarest terms.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from odyssey.adapters.sqlite.schema import Tables

BUDGET = 2_500
"""Rows that the terms of one question may touch together; the rarest term is always asked."""

_MOST_KEPT = 50_000


class Frequencies:
    """
    The number of rows of one shelf of one tenant that have a term, as last counted.

    A count is taken again when the tenant has grown by a tenth since: it only
    chooses between terms, so it may be a little old.
    """

    def __init__(self, t: Tables) -> None:
        self._t = t
        self._known: dict[str, tuple[int, int]] = {}

    def choose(self, connection: sqlite3.Connection, terms: Sequence[str]) -> list[str]:
        """The rarest of *terms*, as many as the budget allows; terms no row has are left out."""
        row = connection.execute(
            f"SELECT max(seq) FROM {self._t.record}"  # noqa: S608 - own names
        ).fetchone()
        size = int(row[0] or 0)
        counted = [
            (count, term) for term in terms if (count := self._count(connection, term, size))
        ]
        chosen: list[str] = []
        touched = 0
        for count, term in sorted(counted):
            if chosen and touched + count > BUDGET:
                break
            chosen.append(term)
            touched += count
        return chosen

    def _count(self, connection: sqlite3.Connection, term: str, size: int) -> int:
        count, then = self._known.get(term, (0, 0))
        if then and size <= 1.1 * then and count:
            return count
        # Days are in the keys among neighbours only, the end of a long text in the words only.
        for vocabulary in self._t.vocabularies:
            row = connection.execute(
                f"SELECT doc FROM {vocabulary} WHERE term = ?",  # noqa: S608 - own table names
                (term,),
            ).fetchone()
            count = int(row[0]) if row else 0
            if count:
                break
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[term] = (count, size)
        return count
