"""
Index: the texts of observations are put where a recall finds them, after they were written.
"""

from __future__ import annotations

from odyssey.domain.memory.derived import index_id, indexed
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.handlers.memory.needs import Needs

_BATCH = 50


async def index_observations(tenant: Tenant, ports: Needs) -> int:
    """
    Indexes what was written and is not indexed yet; how many. Repeatable.

    What another process writes meanwhile stays due, so that the index never keeps an older
    version than the notebook.
    """
    done = 0
    while waiting := await ports.derived.observations.unindexed(tenant, limit=_BATCH):
        there = [one for one in waiting.values() if one is not None]
        await ports.memory.retain(tenant, [indexed(one) for one in there], shelf=Shelf.OBSERVATION)
        for key, one in waiting.items():
            if one is None:
                await ports.memory.forget(tenant, source=index_id(key))
        await ports.derived.observations.indexed(
            tenant, {key: one.version if one else None for key, one in waiting.items()}
        )
        done += len(waiting)
        if len(waiting) < _BATCH:
            break
    return done
