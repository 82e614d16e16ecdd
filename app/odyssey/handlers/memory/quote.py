"""
Quote: what was learnt and what is in the archive, as it is shown to people in a thread.

Threads are read by everybody in the repository, so only what belongs to everybody is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from odyssey.domain.memory.derived import indexed
from odyssey.domain.memory.learnt import Learnt
from odyssey.domain.memory.record import Recollection, Record, Tenant, Trust
from odyssey.domain.memory.retention import retainable
from odyssey.domain.memory.scope import REPOSITORY, Tier
from odyssey.handlers.memory.archival import search_passages
from odyssey.handlers.memory.needs import Needs
from odyssey.handlers.memory.observe import Observed, find_observations

MAX_LINKS = 3
"""Addresses that stand beside an observation."""
_LOOKED_AT = 10
"""Sources of one observation, the newest, among which addresses are looked for."""
_FOUND = 200


async def quote_observations(
    question: str, tenant: Tenant, ports: Needs, *, limit: int, least: float = -1.0
) -> tuple[Learnt, ...]:
    """
    What is believed now and bears on *question*, with a cosine of *least*; best first.

    Raises:
        Unavailable: the store or the notebook is away.
    """
    found = await find_observations(tenant, ports, scope=REPOSITORY, query=question, limit=_FOUND)
    bearing = [each for each in found if each.matched and each.similarity >= least][:limit]
    newest = [_newest(each) for each in bearing]
    wanted = dict.fromkeys(name for names in newest for name in names)
    records = await ports.memory.read(tenant, list(wanted))
    return tuple(
        _learnt(each, _links(names, records)) for each, names in zip(bearing, newest, strict=True)
    )


async def quote_passages(
    question: str, tenant: Tenant, ports: Needs, *, limit: int
) -> tuple[Recollection, ...]:
    """
    The passages of the archive that bear on *question*, best first.

    Raises:
        Unavailable: the store is away.
    """
    found = await search_passages(question, tenant, ports, scope=REPOSITORY, limit=2 * limit)
    return bearing_on(found)[:limit]


def bearing_on(found: Sequence[Recollection]) -> tuple[Recollection, ...]:
    """Those that may be quoted as an answer."""
    # What memory said before proves nothing, and what no arm found is only the newest.
    return tuple(each for each in found if each.matched and each.record.trust is not Trust.INJECTED)


def _newest(observed: Observed) -> list[str]:
    newest = sorted(observed.observation.sources, reverse=True)
    return list(islice(dict.fromkeys(each.record_id for each in newest), _LOOKED_AT))


def _links(names: Sequence[str], records: Mapping[str, Record]) -> tuple[str, ...]:
    urls = dict.fromkeys(
        records[name].source
        for name in names
        if name in records
        and records[name].tier is Tier.REPOSITORY
        and records[name].source.startswith(("https://", "http://"))
    )
    return tuple(islice(urls, MAX_LINKS))


def _learnt(observed: Observed, links: tuple[str, ...]) -> Learnt:
    observation = observed.observation
    # The notebook has the words as the model wrote them; people see them as the shelf has them.
    record, _ = retainable(indexed(observation))
    return Learnt(
        record=record,
        score=observed.score,
        similarity=observed.similarity,
        matched=observed.matched,
        proof_count=observation.proof_count,
        trend=observed.trend,
        is_fresh=observation.is_fresh,
        links=links,
    )
