"""
An embedder without a model: words hashed to directions, so equal words are near.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Sequence

from odyssey.adapters.embedding import Vector
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.terms import terms

DIMENSIONS = 64


class HashingEmbedder:
    """Deterministic and fast; with `is_away` it refuses, as a model without weights does."""

    def __init__(self, model: str = "hashing", *, is_away: bool = False) -> None:
        self._model = model
        self.is_away = is_away

    @property
    def model(self) -> str:
        """The name it was given."""
        return self._model

    @property
    def dimensions(self) -> int:
        """64."""
        return DIMENSIONS

    def start(self) -> None:
        """Nothing to load."""

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector for each text."""
        if self.is_away:
            raise Unavailable("the model is away")
        return [_vector(text) for text in texts]

    async def embed_query(self, text: str) -> Vector:
        """As a document's."""
        return (await self.embed_documents([text]))[0]

    async def close(self) -> None:
        """Nothing to end."""


def _vector(text: str) -> Vector:
    values = [0.0] * DIMENSIONS
    for term in terms(text) or ["nothing"]:
        digest = hashlib.sha256(term.encode("utf-8", "replace")).digest()
        for index, byte in enumerate(digest + digest[::-1]):
            values[index] += byte - 127.5
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return array("f", [value / length for value in values])
