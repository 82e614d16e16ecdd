"""
One recall: candidates from every arm, fused, read, without doubles.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from odyssey.adapters.embedding import Vector
from odyssey.adapters.sqlite import rows, vectors
from odyssey.adapters.sqlite.frequencies import Frequencies
from odyssey.domain.memory.asking import Question
from odyssey.domain.memory.fusion import Candidate, Fused, Weights, fuse, meaning_nearby
from odyssey.domain.memory.record import Recollection, Record

_POOL = 80
"""Rows taken from each arm; the fused answer is far shorter."""

_AROUND = 40
"""Of the rows closest in meaning, those whose neighbours are looked at too."""

View = tuple[vectors.Numbers, vectors.Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for."""

    question: Question
    limit: int
    kinds: tuple[str, ...]
    where: Mapping[str, str]


def recall(
    connection: sqlite3.Connection,
    request: Request,
    *,
    vector: Vector | None,
    view: View | None,
    frequencies: Frequencies,
    weights: Weights,
) -> list[Recollection]:
    """The answer to *request*, from one consistent view of the file."""
    narrowed = rows.matching(connection, request.kinds, request.where)
    question = request.question
    cosines = _Cosines.of(view, vector)
    asked = frequencies.choose(connection, question.terms)
    words = dict(rows.by_words(connection, "words", asked=asked, narrowed=narrowed, limit=_POOL))
    nearby = dict(rows.by_words(connection, "nearby", asked=asked, narrowed=narrowed, limit=_POOL))
    closest = cosines.closest(
        None if narrowed is None else rows.numbers(connection, narrowed), limit=_POOL
    )
    pool = list(dict.fromkeys([*nearby, *words, *closest]))
    places = rows.places(connection, pool)
    if closest:
        around = [
            seq
            for one in closest[:_AROUND]
            if one in places
            for seq in (places[one].before, places[one].after)
            if seq is not None and seq not in places
        ]
        places.update(rows.places(connection, around, narrowed))
    cosine = cosines.lookup(
        [seq for place in places.values() for seq in (place.seq, place.before, place.after)]
    )
    candidates = [
        _candidate(place, question, words=words, nearby=nearby, cosines=cosine)
        for place in places.values()
    ]
    ranked = fuse(candidates, weights, limit=4 * request.limit + 20)
    if request.where or not question.text.strip():
        seen = {one.candidate.key for one in ranked}
        rest = rows.newest(connection, narrowed, limit=request.limit + len(seen))
        ranked += [
            Fused(candidate=Candidate(key=seq), score=0.0, matched=())
            for seq in rest
            if seq not in seen
        ]
        cosine.update(cosines.lookup(rest))
    is_listing = not question.text.strip()
    return _answer(connection, ranked, cosine, limit=request.limit, doubles=is_listing)


def _candidate(
    place: rows.Place,
    question: Question,
    *,
    words: Mapping[int, float],
    nearby: Mapping[int, float],
    cosines: Mapping[int, float],
) -> Candidate:
    own, before, after = (
        0.0 if seq is None else cosines.get(seq, 0.0)
        for seq in (place.seq, place.before, place.after)
    )
    moment = datetime.fromtimestamp(place.occurred_at, UTC)
    return Candidate(
        key=place.seq,
        words=words.get(place.seq, 0.0),
        nearby=nearby.get(place.seq, 0.0),
        meaning=own,
        meaning_nearby=meaning_nearby(own, before, after),
        time=question.is_about(moment),
        actor=question.names(place.actor),
        recency=question.recency(moment),
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

    def closest(self, allowed: Sequence[int] | None, *, limit: int) -> list[int]:
        """The numbers of the closest records, closest first, of those *allowed*."""
        seqs, found = self._seqs, self._found
        if allowed is not None:
            keep = np.isin(seqs, np.asarray(allowed, dtype=np.int64), assume_unique=True)
            seqs, found = seqs[keep], found[keep]
        if not len(seqs):
            return []
        count = min(limit, len(seqs))
        top = np.argpartition(found, -count)[-count:]
        numbers: list[int] = seqs[top[np.argsort(-found[top], kind="stable")]].tolist()
        return numbers

    def lookup(self, seqs: Sequence[int | None]) -> dict[int, float]:
        """The cosines of those of *seqs* that have a vector."""
        wanted = np.unique(np.asarray([seq for seq in seqs if seq is not None], dtype=np.int64))
        if not len(self._seqs) or not len(wanted):
            return {}
        places = np.minimum(np.searchsorted(self._seqs, wanted), len(self._seqs) - 1)
        there = self._seqs[places] == wanted
        found = self._found[places[there]].tolist()
        return dict(zip(wanted[there].tolist(), found, strict=True))


def _answer(
    connection: sqlite3.Connection,
    ranked: list[Fused],
    cosines: Mapping[int, float],
    *,
    limit: int,
    doubles: bool,
) -> list[Recollection]:
    """The first *limit* records, each text once unless *doubles*."""
    answer: list[Recollection] = []
    told: set[tuple[str, str | None, str | None, str]] = set()
    position = 0
    while len(answer) < limit and position < len(ranked):
        some = ranked[position : position + 2 * limit]
        position += len(some)
        found = rows.read(connection, [int(one.candidate.key) for one in some])
        for one in some:
            seq = int(one.candidate.key)
            record = found.get(seq)
            if record is None or len(answer) == limit:
                continue
            same = _identity(record)
            if same in told and not doubles:
                continue
            told.add(same)
            answer.append(
                Recollection(
                    record=record,
                    score=one.score,
                    similarity=float(cosines.get(seq, 0.0)),
                    matched=one.matched,
                )
            )
    return answer


def _identity(record: Record) -> tuple[str, str | None, str | None, str]:
    """Records that would tell the reader nothing new beside one another."""
    return (record.kind, record.actor, record.thread, record.text)
