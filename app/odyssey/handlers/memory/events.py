"""
Events: what memory holds of a scope, newest first, in pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import Scope
from odyssey.ports import Ports

DEEPEST = 10_000
"""Rows after which there are no further pages: ask with a narrower filter."""


async def list_events(
    tenant: Tenant,
    ports: Ports,
    *,
    scope: Scope,
    limit: int,
    offset: int = 0,
    kinds: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
) -> tuple[list[Record], int | None]:
    """
    One page, and where the next one begins; None at the end.

    What is added meanwhile moves a page's rows to the next one; none is left out.

    Raises:
        Unavailable: the store is away.
    """
    found = await ports.memory.recall(
        tenant, "", scope=scope, limit=offset + limit + 1, kinds=kinds, where=where
    )
    page = [each.record for each in found[offset : offset + limit]]
    is_more = len(found) > offset + limit and offset + limit < DEEPEST
    return page, offset + limit if is_more else None
