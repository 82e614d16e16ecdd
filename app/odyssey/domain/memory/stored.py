"""
A row of memory with its vectors, as stores hand it over and as a line of a file.

The line is the same for every store, so that what one wrote another can read,
to the last bit of the vectors.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.domain.memory.scope import Shelf, Tier

Vector: TypeAlias = "array[float]"
"""Float32 (`array("f")`), of length 1: a dot product is a cosine."""

FORMAT: Final = 1
"""The version of a line; a reader refuses those it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """
    A record as it is kept: masked, and with one vector for each of its pieces.

    `masked` counts the secrets that were covered. `model` made the vectors; None, and
    no vectors, until the record was embedded.
    """

    record: Record
    shelf: Shelf = Shelf.EVENT
    masked: int = 0
    model: str | None = None
    vectors: tuple[Vector, ...] = ()

    def __post_init__(self) -> None:
        if (self.model is None) != (not self.vectors):
            raise ValueError(f"record {self.record.id}: vectors and their model come together")
        if len({len(vector) for vector in self.vectors}) > 1:
            raise ValueError(f"record {self.record.id}: its vectors differ in length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """
    What was deleted, by shelf, and the proof.

    `left` counts what a search by the same condition found afterwards, in rows, vectors and
    outbox: 0, or the store would have raised. `mentions` counts the rows of others in which
    the person's login is a word; they are those others' and stay.
    """

    deleted: Mapping[Shelf, tuple[str, ...]]
    left: int
    mentions: int = 0

    @property
    def count(self) -> int:
        """How many rows were deleted."""
        return sum(map(len, self.deleted.values()))


def to_line(tenant: Tenant, stored: Stored) -> str:
    """One line of JSON, without its line break."""
    record = stored.record
    return json.dumps(
        {
            "format": FORMAT,
            "tenant": tenant.name,
            "shelf": stored.shelf.value,
            "id": record.id,
            "kind": record.kind,
            "text": record.text,
            "occurred_at": record.occurred_at.isoformat(),
            "trust": record.trust.value,
            "source": record.source,
            "actor": record.actor,
            "thread": record.thread,
            "person": record.person,
            "tier": record.tier.value,
            "attributes": dict(record.attributes),
            "masked": stored.masked,
            "model": stored.model,
            "vectors": [vector_text(vector) for vector in stored.vectors],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def from_line(line: str) -> tuple[Tenant, Stored]:
    """
    What `to_line` wrote.

    Raises:
        ValueError: it is no such line; says what is wrong with it.
    """
    row: Any = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("it is no object")
    if row.get("format") != FORMAT:
        raise ValueError(f"its format is {row.get('format')!r}, and {FORMAT} can be read")
    try:
        record = Record(
            id=_text(row, "id"),
            kind=_text(row, "kind"),
            text=_text(row, "text"),
            occurred_at=datetime.fromisoformat(_text(row, "occurred_at")),
            trust=Trust(_text(row, "trust")),
            source=_text(row, "source"),
            actor=_name(row, "actor"),
            thread=_name(row, "thread"),
            person=_name(row, "person"),
            tier=Tier(row.get("tier", Tier.REPOSITORY)),
            attributes=_attributes(row.get("attributes", {})),
        )
        stored = Stored(
            record=record,
            shelf=Shelf(row.get("shelf", Shelf.EVENT)),
            masked=int(row.get("masked", 0)),
            model=_name(row, "model"),
            vectors=tuple(read_vector(vector) for vector in row.get("vectors", ())),
        )
        return Tenant(_text(row, "tenant")), stored
    except KeyError as error:
        raise ValueError(f"it has no {error.args[0]!r}") from error
    except TypeError as error:
        raise ValueError(f"a value is of the wrong type: {error}") from error


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if not isinstance(value, str):
        raise ValueError(f"{name!r} is no text")
    return value


def _name(row: Mapping[str, Any], name: str) -> str | None:
    return None if row.get(name) is None else _text(row, name)


def _attributes(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError("'attributes' is no object of texts")
    return value


def vector_text(vector: Vector) -> str:
    """A vector as base64 of its little-endian bytes."""
    return base64.b64encode(_little_endian(vector).tobytes()).decode("ascii")


def read_vector(text: Any) -> Vector:
    """
    What `vector_text` wrote.

    Raises:
        ValueError: it is no such text, or holds what is no number.
    """
    if not isinstance(text, str):
        raise ValueError("a vector is no text in base64")
    vector = array("f")
    vector.frombytes(base64.b64decode(text, validate=True))
    vector = _little_endian(vector)
    if not vector or not all(map(math.isfinite, vector)):
        raise ValueError("a vector is empty, or has a number that is none")
    return vector


def _little_endian(vector: Vector) -> Vector:
    if sys.byteorder == "little":
        return vector
    swapped = vector[:]
    swapped.byteswap()
    return swapped
