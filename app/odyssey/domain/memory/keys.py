"""
What a record is found by: its words, its words among its neighbours', its pieces to embed.

A turn is often found by what was said around it: the answer by its question.
Measured on two conversations in LoCoMo's format, BM25 over this weighted key
has 6 to 10 points more recall at 10 than over the turn alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from odyssey.domain.memory.chunks import chunks
from odyssey.domain.memory.record import Record
from odyssey.domain.memory.terms import identifiers, terms

REACH = 2
"""How many neighbours on each side belong to the key."""

WEIGHTS = (3, 2, 1)
"""How often a term counts, by its distance: in the record itself, one away, two away."""

MAX_OWN_TERMS = 2_000
MAX_NEIGHBOUR_TERMS = 300


def said(record: Record) -> str:
    """Who, and what: `Caroline: I went ... [caption]`, as it is embedded and read by people."""
    caption = record.attributes.get("caption")
    text = f"{record.text} [{caption}]" if caption else record.text
    return f"{record.actor}: {text}" if record.actor else text


def pieces(record: Record) -> list[str]:
    """The texts to embed, at least one, each short enough for the model."""
    return chunks(said(record))


def own_terms(record: Record) -> list[str]:
    """The terms of actor, text, title, caption and of the names in them."""
    title = record.attributes.get("title", "")
    files = record.attributes.get("files", "")
    text = f"{title}\n{said(record)}\n{files}"
    return [*terms(text), *identifiers(text)]


def date_terms(moment: datetime) -> list[str]:
    """The day as people write it: `8`, `may`, `2023`."""
    return terms(f"{moment.day} {moment:%B} {moment.year}")


def window_terms(
    own: Sequence[str],
    *,
    before: Sequence[Sequence[str]],
    after: Sequence[Sequence[str]],
    moment: datetime,
) -> list[str]:
    """
    The terms of a record and its neighbours, repeated by their weight.

    *before* and *after* have the nearest neighbour first; those beyond `REACH`
    are left out.
    """
    found = [*list(own[:MAX_OWN_TERMS]) * WEIGHTS[0], *date_terms(moment)]
    for side in (before, after):
        for distance, neighbour in enumerate(side[:REACH], start=1):
            found += list(neighbour[:MAX_NEIGHBOUR_TERMS]) * WEIGHTS[distance]
    return found
