"""
What happens in memory and can be subscribed to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from odyssey.domain.memory.record import Tenant


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
