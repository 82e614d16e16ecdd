"""
Evolve: how one memory became what it is.
"""

from __future__ import annotations

from odyssey.domain.errors import Conflict, NotFound
from odyssey.domain.memory.derived import read_scope, scope_name
from odyssey.domain.memory.evolution import Evolution, evolution, key_of
from odyssey.domain.memory.observation import Observation
from odyssey.domain.memory.record import Record, Tenant, login_of, owner_of
from odyssey.domain.memory.scope import Scope, Tier
from odyssey.ports import Memory
from odyssey.ports.derived import Observations

_MOST_NAMED = 20


async def find_evolution(
    tenant: Tenant,
    identifier: str,
    *,
    memory: Memory,
    observations: Observations,
    scope: Scope | None,
) -> Evolution:
    """
    The evolution of the observation *identifier*, or of the one that the record became.

    Only what belongs to exactly *scope*; None is for the operator, who may read the files.

    Raises:
        NotFound: there is no such memory in this scope, or nothing was learnt from the record.
        Conflict: the record became several observations; names them.
    """
    wanted = None if scope is None else scope_name(scope)
    versions = await _of(observations, tenant, key_of(identifier), wanted)
    if not versions:
        became = [
            found
            for key in await observations.resting_on(tenant, identifier)
            if (found := await _of(observations, tenant, key, wanted))
        ]
        if not became:
            raise NotFound(
                f"Memory {identifier!r} is no observation, and none rests on a record of that id."
            )
        if len(became) > 1:
            keys = ", ".join(found[0].key for found in became[:_MOST_NAMED])
            raise Conflict(
                f"record {identifier!r} became {len(became)} observations; ask for one: {keys}"
            )
        versions = became[0]
    ids = {source.record_id for one in versions for source in one.sources}
    records = await memory.read(tenant, sorted(ids))
    seen_by = read_scope(versions[-1].scope)
    return evolution(
        versions, {key: each for key, each in records.items() if _may_be_shown(each, seen_by)}
    )


async def _of(
    observations: Observations, tenant: Tenant, key: str, scope: str | None
) -> list[Observation]:
    found = await observations.versions(tenant, key=key)
    return [one for one in found if scope is None or one.scope == scope]


def _may_be_shown(record: Record, scope: Scope) -> bool:
    """What belongs to one person or thread alone is shown in no other's evolution."""
    if record.tier is Tier.REPOSITORY:
        return True
    name = scope.name or ""
    owner = login_of(name) if scope.tier is Tier.PERSON else name
    return record.tier is scope.tier and owner_of(record) == owner
