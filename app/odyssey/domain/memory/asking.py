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
    """
    What a recall looks for.

    `window` is the time that the question speaks of as one at which something happened, and
    `mention` as one that was spoken of: of a month without a year the last before `now`, and
    the nearest.
    """

    text: str
    terms: tuple[str, ...]
    window: TimeWindow | None
    mention: TimeWindow | None
    now: datetime

    def names(self, actor: str | None) -> float:
        """1 when the question names *actor*, by any part of the name; else 0."""
        return 1.0 if actor and not _parts(actor).isdisjoint(self.terms) else 0.0

    def is_about(self, moment: datetime) -> float:
        """How well *moment* fits the time the question speaks of, 0 to 1."""
        return self.window.share(moment) if self.window else 0.0

    def is_about_mention(self, mentioned: TimeWindow) -> float:
        """How well a time that was spoken of fits the time the question speaks of, 0 to 1."""
        windows = filter(None, (self.window, self.mention))
        return max((each.share_of(mentioned) for each in windows), default=0.0)


@lru_cache(maxsize=10_000)
def _parts(actor: str) -> frozenset[str]:
    return frozenset(terms(actor))


def ask(text: str, *, now: datetime) -> Question:
    """The question in *text*."""
    return Question(
        text=text,
        terms=tuple(distinct([*terms(text), *identifiers(text)], limit=MAX_TERMS)),
        window=find_window(text, now=now),
        mention=find_window(text, now=now, nearest=True),
        now=now,
    )
