"""
A question, read once: its terms, who it names, and the time it speaks of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from odyssey.domain.memory.terms import distinct, identifiers, terms
from odyssey.domain.memory.time_window import TimeWindow, find_window

MAX_TERMS = 48
"""A whole diff may be a query; its first terms are enough to find what is like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a recall looks for."""

    text: str
    terms: tuple[str, ...]
    window: TimeWindow | None
    now: datetime

    def names(self, actor: str | None) -> float:
        """1 when the question names *actor*, by any part of the name; else 0."""
        return 1.0 if actor and not _parts(actor).isdisjoint(self.terms) else 0.0

    def is_about(self, moment: datetime) -> float:
        """How well *moment* fits the time the question speaks of, 0 to 1."""
        return self.window.share(moment) if self.window else 0.0


@lru_cache(maxsize=10_000)
def _parts(actor: str) -> frozenset[str]:
    return frozenset(terms(actor))


def ask(text: str, *, now: datetime) -> Question:
    """The question in *text*."""
    return Question(
        text=text,
        terms=tuple(distinct([*terms(text), *identifiers(text)], limit=MAX_TERMS)),
        window=find_window(text, now=now),
        now=now,
    )
