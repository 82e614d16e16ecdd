"""
One recall in one file: what every arm finds, and what the arms say of each row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np

from odyssey.adapters.embedding import Vector
from odyssey.adapters.memory_store import Hit, Query
from odyssey.adapters.sqlite import narrowing, vectors
from odyssey.adapters.sqlite.frequencies import Frequencies
from odyssey.adapters.sqlite.narrowing import Listed, Place
from odyssey.adapters.sqlite.schema import Tables, moment

_POOL = 80
"""Rows taken from each arm; the fused answer is far shorter."""

_AROUND = 40
"""Of the rows closest in meaning, those whose neighbours are looked at too."""

View = tuple[vectors.Numbers, vectors.Floats]


def search(
    connection: sqlite3.Connection,
    t: Tables,
    query: Query,
    *,
    view: View | None,
    frequencies: Frequencies,
) -> tuple[list[Hit], list[Hit]]:
    """What the arms find, and the newest of the rest, from one consistent view of the file."""
    narrowed = narrowing.narrow(
        connection, t, scope=query.scope, kinds=query.kinds, where=query.where
    )
    cosines = _Cosines.of(view, query.vector)
    asked = frequencies.choose(connection, query.question.terms)
    listed = narrowing.listed(connection, t, narrowed)
    words, nearby = (
        narrowing.by_words(connection, table, asked=asked, listed=listed, limit=_POOL)
        for table in (t.words, t.nearby)
    )
    closest = cosines.closest(listed, limit=_POOL)
    pool = list(dict.fromkeys([*nearby, *words, *closest]))
    places = narrowing.places(connection, t, pool, narrowed)
    around = [
        seq
        for one in closest[:_AROUND]
        if one in places
        for seq in (places[one].before, places[one].after)
        if seq is not None and seq not in places
    ]
    places.update(narrowing.places(connection, t, around, narrowed))
    rest: list[int] = []
    if query.rest:
        rest = narrowing.newest(connection, t, narrowed, limit=query.rest + len(places))
    rest_places = narrowing.places(connection, t, rest, narrowed)
    cosine = cosines.lookup(
        [
            seq
            for place in (*places.values(), *rest_places.values())
            for seq in (place.seq, place.before, place.after)
        ]
    )
    return (
        [_hit(place, words, nearby=nearby, cosines=cosine) for place in places.values()],
        [_hit(place, {}, nearby={}, cosines=cosine) for place in rest_places.values()],
    )


def _hit(
    place: Place,
    words: Mapping[int, float],
    *,
    nearby: Mapping[int, float],
    cosines: Mapping[int, float],
) -> Hit:
    own, before, after = (
        0.0 if seq is None else cosines.get(seq, 0.0)
        for seq in (place.seq, place.before, place.after)
    )
    return Hit(
        key=place.seq,
        actor=place.actor,
        occurred_at=moment(place.occurred_at, 0),
        words=words.get(place.seq, 0.0),
        nearby=nearby.get(place.seq, 0.0),
        own=own,
        before=before,
        after=after,
    )


class _Cosines:
    """Every record's closeness to the question; empty without a model."""

    def __init__(self, seqs: vectors.Numbers, found: vectors.Floats) -> None:
        self._seqs = seqs
        self._found = found

    @classmethod
    def of(cls, view: View | None, vector: Vector | None) -> _Cosines:
        if view is None or vector is None:
            return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
        return cls(*vectors.similarities(*view, vector))

    def closest(self, listed: Listed, *, limit: int) -> list[int]:
        """The numbers of the closest rows that may be seen, closest first."""
        return list(listed.best(self._seqs, self._found, limit=limit))

    def lookup(self, seqs: Sequence[int | None]) -> dict[int, float]:
        """The cosines of those of *seqs* that have a vector."""
        wanted = np.unique(np.asarray([seq for seq in seqs if seq is not None], dtype=np.int64))
        if not len(self._seqs) or not len(wanted):
            return {}
        places = np.minimum(np.searchsorted(self._seqs, wanted), len(self._seqs) - 1)
        there = self._seqs[places] == wanted
        found = self._found[places[there]].tolist()
        return dict(zip(wanted[there].tolist(), found, strict=True))
