"""
What happens in memory and can be subscribed to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from odyssey.domain.memory.record import Record, Tenant


class Happened(StrEnum):
    """The names of these events, as subscribers see them."""

    STORED = "memory.stored"
    PATTERN_LEARNED = "memory.pattern.learned"
    PATTERN_MATCHED = "memory.pattern.matched"
    CONTEXT_SUGGESTED = "memory.context.suggested"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEvent:
    """One event. `payload` is JSON: ids, counts and types, never the text of a memory."""

    name: Happened
    tenant: Tenant
    occurred_at: datetime
    payload: Mapping[str, Any]


def stored(record: Record, tenant: Tenant, *, at: datetime, name: str = "") -> MemoryEvent:
    """That *record* is kept; *name* is the id by which its caller knows it, if that is another."""
    return MemoryEvent(
        name=Happened.STORED,
        tenant=tenant,
        occurred_at=at,
        payload={"id": name or record.id, "kind": record.kind, "tier": str(record.tier)},
    )
