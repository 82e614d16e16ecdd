"""
Several rankings made one.

Reciprocal ranks with equal weights let a weak arm drag a strong one down, so
arms are weighed, and weighed by score: a record that matches twice as well as
the next one should stay far ahead of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ARMS = {
    "words": "words",
    "nearby": "words nearby",
    "meaning": "meaning",
}
"""The scores of a candidate that count, and what `Recollection.matched` calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """
    How much each arm and each boost counts.

    Arms are compared after each was divided by its best score. A boost
    multiplies by at most 1 + its weight.
    """

    words: float = 0.25
    nearby: float = 1.0
    meaning: float = 0.5
    time: float = 0.15
    actor: float = 0.1
    recency: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """
    What the arms and boosts say of one record.

    `words` and `nearby` are BM25 scores, 0 where not found; `meaning` is a
    cosine. `time`, `actor` and `recency` are shares of their boost, 0 to 1.
    """

    key: int | str
    words: float = 0.0
    nearby: float = 0.0
    meaning: float = 0.0
    time: float = 0.0
    actor: float = 0.0
    recency: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """A candidate with its place in the one ranking; `matched` has the strongest first."""

    candidate: Candidate
    score: float
    matched: tuple[str, ...]


def fuse(candidates: Sequence[Candidate], weights: Weights) -> list[Fused]:
    """
    All candidates, best first; ties in the order they came.

    score = sum of weight * arm / best of that arm, times 1 + the boosts.
    """
    best = {
        arm: max((getattr(candidate, arm) for candidate in candidates), default=0.0) for arm in ARMS
    }
    fused = []
    for candidate in candidates:
        parts = {
            name: getattr(weights, arm) * max(getattr(candidate, arm), 0.0) / best[arm]
            if best[arm] > 0
            else 0.0
            for arm, name in ARMS.items()
        }
        boosts = {
            name: getattr(weights, name) * min(max(getattr(candidate, name), 0.0), 1.0)
            for name in ("time", "actor", "recency")
        }
        score = sum(parts.values()) * (1.0 + sum(boosts.values()))
        shown = {**parts, "time": boosts["time"], "actor": boosts["actor"]}
        matched = sorted((name for name in shown if shown[name] > 0), key=lambda n: -shown[n])
        fused.append(Fused(candidate=candidate, score=score, matched=tuple(matched)))
    return sorted(fused, key=lambda one: -one.score)
