"""
What tests of learning say: a model's answers, and what is believed.
"""

from __future__ import annotations

from typing import Any

from contract.notebook.world import World
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.handlers.memory.observe import find_observations


def action(name: str, **fields: Any) -> dict[str, Any]:
    """One action of a model's answer."""
    return {"action": name, "sources": ["R1"], "confidence": 0.9, **fields}


def actions(*some: dict[str, Any]) -> dict[str, Any]:
    """A model's answer."""
    return {"actions": list(some)}


async def texts(world: World, tenant: Tenant) -> list[str]:
    """What is believed of the repository."""
    found = await find_observations(tenant, world, scope=REPOSITORY)
    return sorted(one.observation.text for one in found)
