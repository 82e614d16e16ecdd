"""
Embedders: text in, vectors out, whatever the model.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol, TypeAlias

Vector: TypeAlias = "array[float]"
"""Float32 (`array("f")`), of length 1: a dot product is a cosine."""


class Embedder(Protocol):
    """One embedding model."""

    @property
    def model(self) -> str:
        """The model's name; vectors of two models are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of every vector."""
        ...

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """
        One vector for each text, in order. Repeatable.

        Raises:
            Unavailable: the model cannot be had; says how to get it.
        """
        ...

    async def embed_query(self, text: str) -> Vector:
        """The vector to search with; not the document's for models that tell them apart."""
        ...

    async def close(self) -> None:
        """Lets the model go."""
        ...
