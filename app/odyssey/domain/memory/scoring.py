"""
The composite score: `relevance * (1 + recency + importance)`.

Relevance says how well a memory answers; what is recent or important gets a nudge.
Both boosts are capped, so neither lifts what does not answer over what does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from odyssey.domain.memory.record import Record

IMPORTANCE: Final = "importance"
"""The attribute in which a record states its own, 0 to 1."""

IMPORTANT_OUTCOMES: Final[Mapping[str, float]] = {
    "tampered": 1.0,
    "reverted": 1.0,
    "rejected": 0.8,
    "validation_failed": 0.5,
    "merged": 0.3,
}
"""What a reviewer or the sandbox decided, by the attribute `outcome`; what is not here is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """
    The caps of the boosts, and what is too weak to be told.

    `recency` and `importance` are the most that each boost adds. A memory loses half of its
    recency in each `half_life`. `recall_threshold` is the least cosine, of a memory or of a
    neighbour, with which meaning alone finds it; what words find needs none.
    `composite_threshold` is the least composite score. Both are 0 for none.
    """

    recency: float = 0.02
    importance: float = 0.1
    half_life: timedelta = timedelta(days=316)
    recall_threshold: float = 0.0
    composite_threshold: float = 0.0
    outcomes: Mapping[str, float] = field(default_factory=lambda: IMPORTANT_OUTCOMES)

    def __post_init__(self) -> None:
        for name in ("recency", "importance"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"the {name} boost is {getattr(self, name)}; give 0 to 1")
        if self.half_life <= timedelta():
            raise ValueError(f"the half-life of recency is {self.half_life}; give more than 0")

    @property
    def most(self) -> float:
        """By how much both boosts together can multiply."""
        return 1.0 + self.recency + self.importance


def composite(relevance: float, scoring: Scoring, *, recency: float, importance: float) -> float:
    """
    The score of one memory; *recency* and *importance* are shares of their boost, 0 to 1.
    """
    boosts = scoring.recency * _share(recency) + scoring.importance * _share(importance)
    return max(relevance, 0.0) * (1.0 + boosts)


def recency_of(moment: datetime, *, now: datetime, half_life: timedelta) -> float:
    """1 now, 0.5 after one *half_life*, 0.25 after two; 1 for a clock that runs ahead."""
    age = max(now - moment, timedelta())
    share: float = 0.5 ** (age / half_life)
    return share


def importance_of(record: Record, outcomes: Mapping[str, float] = IMPORTANT_OUTCOMES) -> float:
    """
    What *record* says of itself, else what its outcome says, 0 to 1.

    A statement that is no number is none: it came with an event and is nobody's setting.
    """
    stated = record.attributes.get(IMPORTANCE)
    if stated is not None:
        try:
            number = float(stated)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return _share(number)
    return _share(outcomes.get(record.attributes.get("outcome", ""), 0.0))


def is_close(scoring: Scoring, *, by_words: bool, cosine: float) -> bool:
    """Whether what an arm found is near enough to be a candidate."""
    return by_words or scoring.recall_threshold <= 0 or cosine >= scoring.recall_threshold


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
