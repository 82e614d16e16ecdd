"""
Forget: out of the records, out of what was derived of them, and out of the index of that.
"""

from __future__ import annotations

from collections import Counter

from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Forgotten
from odyssey.handlers.memory.needs import Needs
from odyssey.ports import Memory
from odyssey.ports.derived import MemoryPorts


async def forget_everywhere(
    tenant: Tenant, ports: Needs, *, source: str | None = None, person: str | None = None
) -> Counter[str]:
    """
    Deletes what came from *source* or is of *person* from every shelf and notebook.

    Gives how many rows of which kind were deleted; that none is left was looked up.

    Raises:
        Unavailable: something is there still; call again.
    """
    forgotten = await ports.memory.forget(tenant, source=source, person=person)
    derived = await forget_derived(
        tenant, forgotten, ports.memory, ports.derived, source=source, person=person
    )
    return _rows(forgotten) + derived


async def forget_derived(
    tenant: Tenant,
    forgotten: Forgotten,
    memory: Memory,
    derived: MemoryPorts,
    *,
    source: str | None = None,
    person: str | None = None,
) -> Counter[str]:
    """
    Deletes from notebooks and index what rested on the records *forgotten*; how many rows.

    Repeatable.
    """
    ids = [each for some in forgotten.deleted.values() for each in some]
    gone = await derived.forget(tenant, record_ids=ids, source=source, person=person)
    count = Counter(f"{each.partition(':')[0]} in the notebook" for each in gone)
    for each in gone:
        count += _rows(await memory.forget(tenant, source=each))
    return count


def _rows(forgotten: Forgotten) -> Counter[str]:
    return Counter(
        {
            str(shelf) if shelf is Shelf.EVENT else f"{shelf} in the index": len(ids)
            for shelf, ids in forgotten.deleted.items()
        }
    )
