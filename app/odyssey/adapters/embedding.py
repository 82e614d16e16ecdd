"""
Embedders: text in, vectors out, whatever the model.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import Protocol

from odyssey.domain.errors import OdysseyError, Unavailable
from odyssey.domain.memory.stored import Vector


class CannotEmbed(OdysseyError):
    """The model refuses one of these texts, and will again; it takes others."""


class ModelMismatch(Unavailable):
    """A tenant has vectors of another model, and vectors of two models cannot be compared."""

    def __init__(self, *, known: str, asked: str) -> None:
        super().__init__(
            f"this memory was embedded with {known!r}, and {asked!r} was asked for: vectors of "
            "two models cannot be compared; go back to the first, or make all vectors anew with "
            "`odyssey memory reembed`"
        )


class AsksQueries(Protocol):
    """Vectors of questions, wherever the model is."""

    @property
    def model(self) -> str:
        """The model's name; vectors of two models are never compared."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """
        The vector to search with. Repeatable.

        Raises:
            CannotEmbed: the model refuses the text.
            Unavailable: the model cannot be had.
        """
        ...


class Embedder(Protocol):
    """One embedding model."""

    @property
    def model(self) -> str:
        """The model's name; vectors of two models are never compared."""
        ...

    def start(self) -> None:
        """Begins to load the model, if it is loaded in this process, without waiting for it."""
        ...

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """
        One vector for each text, in order. Repeatable.

        Raises:
            CannotEmbed: the model refuses a text.
            Unavailable: the model cannot be had; says how to get it.
        """
        ...

    async def embed_query(self, text: str) -> Vector:
        """The vector to search with; not the document's for models that tell them apart."""
        ...

    async def close(self) -> None:
        """Lets the model go."""
        ...


def unit(values: Iterable[float]) -> Vector:
    """
    The vector of length 1 in the direction of *values*.

    Raises:
        CannotEmbed: there is none: a value is no number, or all are 0.
    """
    found = [float(value) for value in values]
    length = math.sqrt(math.fsum(value * value for value in found))
    if not math.isfinite(length) or length == 0:
        raise CannotEmbed("the model gave a vector without a direction")
    return array("f", [value / length for value in found])


__all__ = ["AsksQueries", "CannotEmbed", "Embedder", "ModelMismatch", "Vector", "unit"]
