"""
One recall: candidates from every arm, fused, read, without doubles.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from odyssey.adapters.embedding import Vector
from odyssey.adapters.sqlite import rows, vectors
from odyssey.domain.memory.fusion import Candidate, Fused, Weights, fuse
from odyssey.domain.memory.record import Recollection, Record
from odyssey.domain.memory.terms import distinct, identifiers, terms

_POOL = 200
"""Rows taken from each arm; the fused answer is far shorter."""

MAX_QUERY_TERMS = 48
"""A whole diff may be a query; its first terms are enough to find what is like it."""

View = tuple[vectors.Numbers, vectors.Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for."""

    query: str
    limit: int
    kinds: tuple[str, ...]
    where: Mapping[str, str]
    now: datetime


def recall(
    connection: sqlite3.Connection,
    request: Request,
    vector: Vector | None,
    view: View | None,
    weights: Weights,
) -> list[Recollection]:
    """The answer to *request*, from one consistent view of the file."""
    narrowed = rows.matching(connection, request.kinds, request.where)
    cosines: dict[int, float] = {}
    closest: list[int] = []
    if vector is not None and view is not None:
        cosines, closest = _by_meaning(connection, view, vector, narrowed)
    asked = distinct([*terms(request.query), *identifiers(request.query)], limit=MAX_QUERY_TERMS)
    words = dict(rows.by_words(connection, "words", asked, narrowed, limit=_POOL))
    nearby = dict(rows.by_words(connection, "nearby", asked, narrowed, limit=_POOL))
    candidates = [
        Candidate(
            key=seq,
            words=words.get(seq, 0.0),
            nearby=nearby.get(seq, 0.0),
            meaning=cosines.get(seq, 0.0),
        )
        for seq in dict.fromkeys([*nearby, *words, *closest])
    ]
    ranked = [one for one in fuse(candidates, weights) if one.score > 0]
    if request.where or not request.query.strip():
        seen = {one.candidate.key for one in ranked}
        rest = rows.newest(connection, narrowed, limit=request.limit + len(seen))
        ranked += [
            Fused(candidate=Candidate(key=seq), score=0.0, matched=())
            for seq in rest
            if seq not in seen
        ]
    return _answer(connection, ranked, cosines, limit=request.limit)


def _by_meaning(
    connection: sqlite3.Connection,
    view: View,
    vector: Vector,
    narrowed: tuple[str, list[str]] | None,
) -> tuple[dict[int, float], list[int]]:
    """Every matching record's cosine, and the closest of them."""
    seqs, found = vectors.similarities(*view, vector)
    if narrowed is not None:
        allowed = np.asarray(rows.numbers(connection, narrowed), dtype=np.int64)
        keep = np.isin(seqs, allowed, assume_unique=True)
        seqs, found = seqs[keep], found[keep]
    if not len(seqs):
        return {}, []
    pool = min(_POOL, len(seqs))
    top = np.argpartition(found, -pool)[-pool:]
    top = top[np.argsort(-found[top], kind="stable")]
    return dict(zip(seqs.tolist(), found.tolist(), strict=True)), seqs[top].tolist()


def _answer(
    connection: sqlite3.Connection,
    ranked: list[Fused],
    cosines: Mapping[int, float],
    *,
    limit: int,
) -> list[Recollection]:
    """The first *limit* different texts, as records."""
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
            if same in told:
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
