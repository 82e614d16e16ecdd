"""
Observe: which observations speak to a question, now or as of a moment; and what to take back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from odyssey.domain.memory.derived import index_id, scope_name
from odyssey.domain.memory.observation import Observation, Status, Trend, as_of
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Scope, Shelf
from odyssey.domain.memory.terms import terms
from odyssey.handlers.memory.index import index_observations
from odyssey.handlers.memory.needs import Needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """
    An observation, how its sources lie in time, and why it was found.

    `score` orders one answer and means nothing across answers.
    """

    observation: Observation
    trend: Trend
    score: float = 0.0
    similarity: float = 0.0
    matched: tuple[str, ...] = ()


async def find_observations(
    tenant: Tenant,
    ports: Needs,
    *,
    scope: Scope,
    query: str = "",
    limit: int = 20,
    moment: datetime | None = None,
    trend: Trend | None = None,
) -> list[Observed]:
    """
    The observations of exactly *scope*, the most relevant first; without a *query* the newest.

    With *moment*, what was believed then, those with the query's words first.
    """
    now = ports.now()
    if moment is not None:
        versions = await ports.derived.observations.versions(tenant, scope=scope_name(scope))
        believed = [one for one in as_of(versions, moment) if one.status is not Status.DELETED]
        found = _by_words(believed, query, now=moment)
    else:
        present = await ports.derived.observations.present(tenant, scope_name(scope))
        found = await _by_recall(tenant, ports, present, scope=scope, query=query, now=now)
    return [one for one in found if trend is None or one.trend is trend][:limit]


async def invalidate(
    tenant: Tenant, record_ids: Collection[str], ports: Needs, *, scope: Scope
) -> int:
    """
    Takes back what rests on records of exactly *scope*; how many of its observations changed.

    What other records support is judged again by the next consolidation. A record of
    another tier is as one that is not there, whoever knows its id.
    """
    made = await ports.derived.observations.invalidate(
        tenant, record_ids, scope=scope_name(scope), now=ports.now()
    )
    await index_observations(tenant, ports)
    return len(made)


async def _by_recall(
    tenant: Tenant,
    ports: Needs,
    present: dict[str, Observation],
    *,
    scope: Scope,
    query: str,
    now: datetime,
) -> list[Observed]:
    if not query.strip():
        newest = sorted(present.values(), key=lambda one: one.created_at, reverse=True)
        return [Observed(observation=one, trend=one.trend(now=now)) for one in newest]
    recollections = await ports.memory.recall(
        tenant,
        query,
        scope=scope,
        limit=200,
        where={"status": Status.ACTIVE.value},
        shelf=Shelf.OBSERVATION,
    )
    rows = {index_id(key): one for key, one in present.items()}
    # The notebook is what counts: the index may be a moment behind it.
    return [
        Observed(
            observation=one,
            trend=one.trend(now=now),
            score=each.score,
            similarity=each.similarity,
            matched=each.matched,
        )
        for each in recollections
        if (one := rows.get(each.record.id)) is not None and each.matched
    ]


def _by_words(found: list[Observation], query: str, *, now: datetime) -> list[Observed]:
    wanted = set(terms(query))
    scored = [(len(wanted & set(terms(one.text))), one) for one in found]
    kept = [each for each in scored if each[0] or not wanted]
    kept.sort(key=lambda each: (-each[0], -each[1].created_at.timestamp()))
    return [
        Observed(
            observation=one,
            trend=one.trend(now=now),
            score=float(score),
            matched=("words",) if score else (),
        )
        for score, one in kept
    ]
