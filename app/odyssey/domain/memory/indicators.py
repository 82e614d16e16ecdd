"""
The words that tell one group of texts from another.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from odyssey.domain.memory.terms import terms

MAX_TEXT = 4_000
"""Characters of a text that are looked at: what matters is said early, and all are compared."""
_PRIOR = 0.5
_LEAST = 2
"""Texts a word must be in: what one text says alone is no sign of anything."""
OF_EVERY_REPORT = frozenset(
    terms(
        "task success successful successfully succeed succeeded fail failed failing failure "
        "implement implemented add added adding change changed update updated make made use used "
        "complete completed finish finished work worked working done"
    )
)
"""Stems that say that something was done, or that it ended well or badly, and not what."""

_WORD = re.compile(r"[^\W\d_][^\W_]*(?:['’][^\W\d_]+)?")
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Indicator:
    """
    A word that marks a group: it is in `support` of its texts.

    `weight` is the log-odds of the word in the group against the other one, in standard
    errors: it orders words, and grows with evidence.
    """

    word: str
    weight: float
    support: int


def distinguishing(
    texts: Sequence[str],
    others: Sequence[str],
    *,
    without: str = "",
    limit: int = 10,
) -> tuple[Indicator, ...]:
    """
    The words of *texts* that *others* lack, strongest first; each written as most often there.

    Words of *without* and those of every report are left out. A word counts once for each text.

    Source: weighted log-odds with a prior, Monroe, Colaresi and Quinn, "Fightin' Words",
    Political Analysis 16(4), 2008; here over texts that have a word, with Jeffreys' prior.
    """
    ignored = OF_EVERY_REPORT.union(terms(without))
    mine = [written(text) for text in texts]
    theirs = [written(text) for text in others]
    counts = Counter(stem for written in mine for stem in written)
    against = Counter(stem for written in theirs for stem in written)
    found = [
        Indicator(_commonest(stem, mine), weight, count)
        for stem, count in counts.items()
        if count >= _LEAST
        and stem not in ignored
        and (weight := _weight(count, len(mine), against[stem], len(theirs))) > 0
        # More often here than there, too: the prior alone must not make a difference.
        and count * max(len(theirs), 1) > against[stem] * len(mine)
    ]
    found.sort(key=lambda one: (-one.weight, -one.support, one.word))
    return tuple(found[:limit])


def carries(text: str, words: Collection[str]) -> bool:
    """Whether *text* has one of *words*, in any form of it."""
    wanted = {stem for word in words for stem in terms(word)}
    return not wanted.isdisjoint(terms(text[:MAX_TEXT]))


def _weight(count: int, size: int, against: int, others: int) -> float:
    mine, rest = count + _PRIOR, size - count + _PRIOR
    theirs, others_rest = against + _PRIOR, others - against + _PRIOR
    odds = math.log(mine / rest) - math.log(theirs / others_rest)
    return odds / math.sqrt(1 / mine + 1 / rest + 1 / theirs + 1 / others_rest)


@lru_cache(maxsize=1_024)
def written(text: str) -> Mapping[str, str]:
    """The words of *text* by their stem, as first written."""
    found: dict[str, str] = {}
    for match in _WORD.finditer(text[:MAX_TEXT]):
        word = match[0].lower()
        if len(word) < _SHORTEST:
            continue
        for stem in terms(word):
            found.setdefault(stem, word)
    return found


def _commonest(stem: str, written: Sequence[Mapping[str, str]]) -> str:
    forms = Counter(one[stem] for one in written if stem in one)
    return min(forms, key=lambda word: (-forms[word], word))
