"""
What a store must do, so that `long_memory` can do the rest the same way over each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from odyssey.domain.memory.asking import Question
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import Scope, Shelf
from odyssey.domain.memory.stored import Forgotten, Stored, Vector

Key: TypeAlias = "int | str"
"""What a store calls a row by; its own business."""

Tell: TypeAlias = "Callable[[str], None]"
"""Hears one line of progress."""

Embed: TypeAlias = "Callable[[Sequence[Record]], Awaitable[list[tuple[Vector, ...]]]]"
"""Vectors for each record; none for one that the model refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    One recall, as a store is asked.

    `model` names the vectors that may be compared with `vector`; without a vector
    words alone are asked. `rest` is how many rows are wanted that match all
    conditions and that no arm found, newest first.
    """

    question: Question
    scope: Scope
    shelf: Shelf
    kinds: tuple[str, ...]
    where: Mapping[str, str]
    vector: Vector | None
    model: str
    rest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """
    A row and what the arms say of it: BM25 scores (0 where not found), and the cosines of the
    row and of its neighbours (0 where there is none).
    """

    key: Key
    actor: str | None
    occurred_at: datetime
    words: float = 0.0
    nearby: float = 0.0
    own: float = 0.0
    before: float = 0.0
    after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    What any arm found, in no order that matters; the rest, newest first; and how to read them.

    *read* leaves out rows that are gone by then.
    """

    hits: Sequence[Hit]
    rest: Sequence[Hit]
    read: Callable[[Sequence[Key]], Awaitable[Mapping[Any, Record]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A row that has no vectors yet."""

    shelf: Shelf
    key: Key
    record: Record


class Store(Protocol):
    """
    Rows and vectors of many tenants. Every method raises `Unavailable` when the store is away.
    """

    @property
    def name(self) -> str:
        """What it is and where, for people."""
        ...

    async def keep(self, tenant: Tenant, rows: Sequence[Stored]) -> None:
        """Keeps the rows, durable when it returns. Repeatable by id."""
        ...

    async def load(self, tenant: Tenant, rows: Sequence[Stored]) -> int:
        """
        Puts rows back as they were, vectors included; how many were not there. Repeatable.

        Raises:
            ModelMismatch: the tenant's vectors are of another model, or of another size.
        """
        ...

    async def search(self, tenant: Tenant, query: Query) -> Found:
        """What the arms find. Nothing for a tenant that has nothing."""
        ...

    async def read(self, tenant: Tenant, shelf: Shelf, ids: Sequence[str]) -> dict[str, Record]:
        """The records with these ids that are there."""
        ...

    async def ids_from(
        self, tenant: Tenant, *, source: str | None, person: str | None
    ) -> list[str]:
        """The ids of what `forget` would delete; of very many not all."""
        ...

    async def forget(self, tenant: Tenant, *, source: str | None, person: str | None) -> Forgotten:
        """Deletes by exactly one of the two from every shelf, and looks again."""
        ...

    async def unembedded(self, tenant: Tenant, *, limit: int, again: bool) -> list[Waiting]:
        """The first rows without vectors; *again* with those that the model has refused."""
        ...

    async def put_vectors(
        self, tenant: Tenant, rows: Sequence[tuple[Waiting, Sequence[Vector]]], *, model: str
    ) -> None:
        """
        Stores what was embedded; a row with no vectors was refused, which is counted.

        Raises:
            ModelMismatch: the tenant's vectors are of another model, or of another size.
        """
        ...

    async def waiting(self, tenant: Tenant) -> int:
        """How many rows are not wholly in the store: not written, or without vectors."""
        ...

    async def behind(self) -> list[Tenant]:
        """The tenants that may have such rows."""
        ...

    async def tenants(self) -> list[Tenant]:
        """Every tenant of which anything is kept, by name."""
        ...

    async def models(self, tenant: Tenant) -> list[str]:
        """The models that made the tenant's vectors: one, or none; two mean a defect."""
        ...

    def export(self, tenant: Tenant) -> AsyncIterator[Stored]:
        """Every row of every shelf, as it is kept."""
        ...

    async def reembed(self, embed: Embed, *, model: str, tell: Tell) -> int:
        """
        Makes every vector anew with *model*; how many rows. Recall goes on with the old ones
        until all are there. Repeatable: where it was broken off it goes on.
        """
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...
