"""
`odyssey memory evolution`: the evolution of a memory, read from the files of this machine.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from odyssey.adapters.notebook.observations import SqliteObservations
from odyssey.adapters.notebook.opening import make_notebooks
from odyssey.bootstrap import NOTEBOOKS
from odyssey.domain.errors import NotFound
from odyssey.domain.memory.evolution_formats import EvolutionFormat, told
from odyssey.domain.memory.record import Tenant
from odyssey.handlers.memory.evolve import find_evolution
from odyssey.settings import read_settings


async def tell_evolution(
    memory: Any, identifier: str, form: EvolutionFormat, only: Tenant | None
) -> str:
    """
    The evolution of *identifier* in *form*, in the tenant *only* or the first that has it.

    Raises:
        NotFound: no tenant has it.
        Conflict: the record became several observations.
    """
    settings = read_settings()
    notebooks = make_notebooks(settings.memory_folder / NOTEBOOKS, patience=settings.memory_timeout)
    observations = SqliteObservations(notebooks)
    try:
        tenants = [only] if only else await notebooks.tenants()
        for tenant in tenants:
            try:
                found = await find_evolution(
                    tenant, identifier, memory=memory, observations=observations, scope=None
                )
            except NotFound:
                continue
            return told(found, form, datetime.now(UTC))
        raise NotFound(
            f"Memory {identifier!r} is in none of {len(tenants)} notebooks; "
            "see `odyssey memory status` for whose there are"
        )
    finally:
        await notebooks.close()
