"""
Memory whose events are noted in the notebook too, so that they are learnt from.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from odyssey.domain.memory.record import Recollection, Record, Tenant
from odyssey.domain.memory.scope import Scope, Shelf
from odyssey.domain.memory.stored import Forgotten, Stored
from odyssey.ports import Memory
from odyssey.ports.derived import Learning


class NotedMemory:
    """
    A memory, and the note of every event that is retained in it.

    The note comes first: a crash in between leaves a note without an event, which is
    dropped when it is looked for in vain.
    """

    def __init__(self, memory: Memory, learning: Learning, *, now: Callable[[], datetime]) -> None:
        self._memory = memory
        self._learning = learning
        self._now = now

    async def retain(
        self, tenant: Tenant, records: Sequence[Record], *, shelf: Shelf = Shelf.EVENT
    ) -> None:
        """Keeps the records, durable when it returns; events are noted before. Repeatable."""
        if shelf is Shelf.EVENT and records:
            await self._learning.note(tenant, records, now=self._now())
        await self._memory.retain(tenant, records, shelf=shelf)

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
        """The records of *scope* most relevant to *query*. Repeatable."""
        return await self._memory.recall(
            tenant, query, scope=scope, limit=limit, kinds=kinds, where=where, shelf=shelf
        )

    async def read(
        self, tenant: Tenant, ids: Sequence[str], *, shelf: Shelf = Shelf.EVENT
    ) -> dict[str, Record]:
        """The records with these ids that are there. Repeatable."""
        return await self._memory.read(tenant, ids, shelf=shelf)

    async def ids_from(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> list[str]:
        """The ids of what `forget` would delete, of all shelves."""
        return await self._memory.ids_from(tenant, source=source, person=person)

    async def forget(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> Forgotten:
        """Deletes records from every shelf; what rests on them is the notebooks'. Repeatable."""
        return await self._memory.forget(tenant, source=source, person=person)

    async def catch_up(self, tenant: Tenant | None = None, *, again: bool = False) -> int:
        """Writes and embeds what waits. Repeatable."""
        return await self._memory.catch_up(tenant, again=again)

    async def waiting(self, tenant: Tenant) -> int:
        """How many records are not written, or have no vectors, yet."""
        return await self._memory.waiting(tenant)

    async def tenants(self) -> list[Tenant]:
        """Every tenant of which anything is kept, by name."""
        return await self._memory.tenants()

    def export(self, tenant: Tenant) -> AsyncIterator[Stored]:
        """Every row of a tenant with its vectors."""
        return self._memory.export(tenant)

    async def load(self, tenant: Tenant, rows: Sequence[Stored]) -> int:
        """Puts rows back as they were; what was carried over is not learnt anew."""
        return await self._memory.load(tenant, rows)

    async def close(self) -> None:
        """Closes the memory; the notebooks are their owner's to close."""
        await self._memory.close()
