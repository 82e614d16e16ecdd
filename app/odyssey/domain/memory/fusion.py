"""
Several rankings made one.

Reciprocal ranks with equal weights let a weak arm drag a strong one down, so
arms are weighed, and weighed by score: a record that matches twice as well as
the next one should stay far ahead of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SMOOTHING = 0.5
"""How much of a neighbour's cosine counts in `meaning nearby`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """
    How much each arm and each boost counts.

    Arms are compared after each was divided by its best score. A boost
    multiplies by at most 1 + its weight. The defaults were fitted on two
    conversations in LoCoMo's format, where everything near them does as well.
    """

    words: float = 0.15
    nearby: float = 1.0
    meaning: float = 0.25
    meaning_nearby: float = 1.0
    time: float = 0.15
    actor: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """
    What the arms and boosts say of one record.

    `words` and `nearby` are BM25 scores, 0 where not found; `meaning` is a
    cosine and `meaning_nearby` that cosine with a share of its neighbours'.
    `time` and `actor` are shares of their boost, 0 to 1.
    """

    key: int | str
    words: float = 0.0
    nearby: float = 0.0
    meaning: float = 0.0
    meaning_nearby: float = 0.0
    time: float = 0.0
    actor: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """A candidate with its place in the one ranking; `matched` has the strongest first."""

    candidate: Candidate
    score: float
    matched: tuple[str, ...]


def fuse(candidates: Sequence[Candidate], weights: Weights, *, limit: int) -> list[Fused]:
    """
    The best *limit* candidates that match at all, best first; ties in the order they came.

    score = mean of arm / best of that arm, by weight, times 1 + the boosts. It is 1 for what
    is best in every arm that found anything, and more only by the boosts.
    """
    arms_best = (
        (weights.words, max((one.words for one in candidates), default=0.0)),
        (weights.nearby, max((one.nearby for one in candidates), default=0.0)),
        (weights.meaning, max((one.meaning for one in candidates), default=0.0)),
        (weights.meaning_nearby, max((one.meaning_nearby for one in candidates), default=0.0)),
    )
    total = sum(weight for weight, best in arms_best if best > 0)
    words, nearby, meaning, around = (
        weight / total / best if best > 0 and total > 0 else 0.0 for weight, best in arms_best
    )
    scored: list[tuple[float, int, tuple[float, ...]]] = []
    for index, one in enumerate(candidates):
        arms = (
            words * max(one.words, 0.0),
            nearby * max(one.nearby, 0.0),
            meaning * max(one.meaning, 0.0),
            around * max(one.meaning_nearby, 0.0),
        )
        boosts = (
            weights.time * _share(one.time),
            weights.actor * _share(one.actor),
        )
        score = sum(arms) * (1.0 + sum(boosts))
        if score > 0:
            scored.append((-score, index, (*arms, *boosts)))
    scored.sort()
    return [
        Fused(candidate=candidates[index], score=-score, matched=_names(parts))
        for score, index, parts in scored[:limit]
    ]


def meaning_nearby(own: float, before: float, after: float) -> float:
    """A cosine with its neighbours' shares; 0 for a neighbour that is not there."""
    return own + SMOOTHING * before + SMOOTHING * after


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)


_NAMES = ("words", "words nearby", "meaning", "meaning nearby", "time", "actor")


def _names(parts: Sequence[float]) -> tuple[str, ...]:
    found = sorted(zip(parts, _NAMES, strict=True), key=lambda part: -part[0])
    return tuple(name for part, name in found if part > 0)
