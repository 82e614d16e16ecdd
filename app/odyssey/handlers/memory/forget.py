"""
Forget: out of the records, out of what was derived of them, and out of the index of that.
"""

from __future__ import annotations

from collections import Counter

from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Forgotten
from odyssey.handlers.memory.needs import Needs


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
    count = _rows(forgotten)
    ids = [each for some in forgotten.deleted.values() for each in some]
    derived = await ports.derived.forget(tenant, record_ids=ids, source=source, person=person)
    for each in derived:
        index = await ports.memory.forget(tenant, source=each)
        count += _rows(index)
    count += Counter(f"{each.partition(':')[0]} in the notebook" for each in derived)
    return count


def _rows(forgotten: Forgotten) -> Counter[str]:
    return Counter(
        {
            str(shelf) if shelf is Shelf.EVENT else f"{shelf} in the index": len(ids)
            for shelf, ids in forgotten.deleted.items()
        }
    )
