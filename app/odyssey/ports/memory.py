"""
Long memory: what happened, kept and found again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from odyssey.domain.memory.record import Recollection, Record, Tenant
from odyssey.domain.memory.scope import Scope, Shelf
from odyssey.domain.memory.stored import Forgotten, Stored


class Memory(Protocol):
    """Long memory: one tenant for each repository, never a query across tenants."""

    async def retain(
        self, tenant: Tenant, records: Sequence[Record], *, shelf: Shelf = Shelf.EVENT
    ) -> None:
        """
        Keeps the records, durable when it returns. Repeatable by id.

        Of two events with one id the first stays, on other shelves the last.
        """
        ...

    async def recall(
        self,
        tenant: Tenant,
        query: str,
        *,
        scope: Scope,
        limit: int = 8,
        kinds: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
        shelf: Shelf = Shelf.EVENT,
    ) -> list[Recollection]:
        """
        The records of *scope* most relevant to *query*, best first, at most *limit*.

        *where* compares attributes for equality; with an empty *query* the
        newest matching records are given.
        """
        ...

    async def read(
        self, tenant: Tenant, ids: Sequence[str], *, shelf: Shelf = Shelf.EVENT
    ) -> dict[str, Record]:
        """The records with these ids that are there, by id, whatever their tier."""
        ...

    async def ids_from(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> list[str]:
        """The ids of what `forget` would delete, of all shelves; of very many not all."""
        ...

    async def forget(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> Forgotten:
        """Deletes what came from *source* or *person* from every shelf. Repeatable."""
        ...

    async def catch_up(self, tenant: Tenant | None = None, *, again: bool = False) -> int:
        """Writes and embeds what waits, of one tenant or of all; how many. Repeatable."""
        ...

    async def waiting(self, tenant: Tenant) -> int:
        """How many records are not written, or have no vectors, yet."""
        ...

    async def tenants(self) -> list[Tenant]:
        """Every tenant of which anything is kept, by name."""
        ...

    def export(self, tenant: Tenant) -> AsyncIterator[Stored]:
        """Every row of a tenant with its vectors, for `load`."""
        ...

    async def load(self, tenant: Tenant, rows: Sequence[Stored]) -> int:
        """Puts rows back as they were; how many were not there. Repeatable."""
        ...

    async def close(self) -> None:
        """Ends connections."""
        ...
