"""
What becomes of a record on its way in: it loses its secrets and what no store can hold.
"""

from __future__ import annotations

import dataclasses

from odyssey.domain.memory.masking import Masked, mask
from odyssey.domain.memory.record import Record


def retainable(record: Record) -> tuple[Record, int]:
    """
    The record as it is kept, and how many secrets were masked in it.

    Text, source and attributes are masked; id, kind, thread and the logins of actor
    and person are names and stay.
    """
    text = mask(storable(record.text))
    source = mask(storable(record.source))
    attributes: dict[str, Masked] = {
        name: mask(storable(value)) for name, value in record.attributes.items()
    }
    kept = dataclasses.replace(
        record,
        id=storable(record.id),
        kind=storable(record.kind),
        text=text.text,
        source=source.text,
        actor=_storable_name(record.actor),
        thread=_storable_name(record.thread),
        person=_storable_name(record.person),
        attributes={name: masked.text for name, masked in attributes.items()},
    )
    found = text.count + source.count + sum(masked.count for masked in attributes.values())
    return kept, found


def storable(text: str) -> str:
    """The text as every store can hold it."""
    # JSON may hold half a surrogate pair; UTF-8, and so every store, may not. Weaviate
    # and FTS5 also end a text at a NUL.
    return (
        text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
    )


def _storable_name(name: str | None) -> str | None:
    return None if name is None else storable(name)
