"""
Patterns: learnt when asked, learnt by themselves, matched with a new task, voted on.
"""

from __future__ import annotations

import asyncio

from odyssey.domain.errors import NotFound
from odyssey.domain.memory.common_ground import shared_kind
from odyssey.domain.memory.confidence import vote_weight
from odyssey.domain.memory.happening import Happened, MemoryEvent
from odyssey.domain.memory.patterns import (
    MIN_SAMPLES,
    NotEnough,
    Pattern,
    PatternType,
    pattern_id_of,
)
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Scope, Shelf
from odyssey.domain.memory.task_kinds import Kind, read_kind
from odyssey.domain.memory.tasks import SIMILAR, TaskMemory
from odyssey.handlers.memory.needs import Needs

TRUSTED = 0.5
"""Confidence under which a pattern is listed and no longer suggested."""

LEAST_LIKE = 0.3
"""Similarity under which a pattern is about something else, whatever the threshold for tasks."""

MOST_MATCHED = 500
MOST_RELEARNT = 3
"""Patterns learnt anew by one task, those first whose last time is longest ago."""
_PEERS = 300
"""Earlier tasks, the newest, among which a task looks for what it shares with them."""


async def extract_pattern(
    kind: Kind,
    pattern_type: PatternType,
    tenant: Tenant,
    ports: Needs,
    *,
    scope: Scope,
    min_samples: int = MIN_SAMPLES,
) -> Pattern | NotEnough:
    """
    Learns the pattern of *kind* from the task memories of *scope*. Repeatable.

    The index has it with the next question that is asked of it.
    """
    learnt = await ports.derived.patterns.learn(
        tenant, scope, kind, pattern_type, min_samples=min_samples, now=ports.now()
    )
    if isinstance(learnt, Pattern):
        await _tell(
            Happened.PATTERN_LEARNED,
            tenant,
            ports,
            {
                "pattern_id": learnt.pattern_id,
                "pattern_type": learnt.pattern_type.value,
                "confidence": learnt.confidence,
                "samples": len(learnt.samples),
            },
        )
    return learnt


async def learn_by_itself(
    task: TaskMemory, tenant: Tenant, ports: Needs, *, min_samples: int = MIN_SAMPLES
) -> tuple[Pattern, ...]:
    """
    Learns anew patterns that *task* is a sample of; without any, the one it completes.

    At most one new pattern comes of one task, and at most three are learnt anew.
    """
    pattern_type = PatternType.SUCCESS if task.success else PatternType.FAILURE
    known = await ports.derived.patterns.known(tenant, task.scope, limit=MOST_MATCHED)
    known.sort(key=lambda each: each.updated_at)
    fitting = [
        (kind, each.pattern_type, each.min_samples)
        for each in known
        if (kind := read_kind(each.kind)).fits(task.task_type, task.summary, task.task_id)
    ]
    is_new = not any(each is pattern_type for _, each, _ in fitting)
    fitting = fitting[:MOST_RELEARNT]
    if is_new:
        earlier = await ports.derived.tasks.newest(tenant, task.scope, limit=_PEERS)
        # In a thread: it reads some hundred texts.
        shared = await asyncio.to_thread(shared_kind, task, earlier, min_samples=min_samples)
        if shared:
            fitting.append((shared, pattern_type, min_samples))
    learnt = []
    for kind, each, least in fitting:
        made = await extract_pattern(kind, each, tenant, ports, scope=task.scope, min_samples=least)
        if isinstance(made, Pattern):
            learnt.append(made)
    return tuple(learnt)


async def list_patterns(
    tenant: Tenant,
    ports: Needs,
    *,
    scope: Scope,
    pattern_type: PatternType | None = None,
    task_type: str | None = None,
    limit: int = 10,
) -> list[Pattern]:
    """
    The patterns of exactly this tier, those with the highest confidence first.

    With *task_type* those whose kind fits it, or was written so, of the best 500.
    """
    found = await ports.derived.patterns.known(
        tenant,
        scope,
        pattern_type=pattern_type,
        limit=limit if task_type is None else MOST_MATCHED,
    )
    if task_type is not None:
        wanted = task_type.strip()
        found = [each for each in found if each.kind == wanted or read_kind(each.kind).fits(wanted)]
    return found[:limit]


async def match_patterns(
    description: str,
    tenant: Tenant,
    ports: Needs,
    *,
    scope: Scope,
    limit: int,
    threshold: float = SIMILAR,
) -> tuple[Pattern, ...]:
    """
    The trusted patterns that fit a task: by their kind, or by what they are about.

    Those of the repository are everybody's; those of a person or thread are seen in their
    own scope alone.

    Raises:
        Unavailable: the store is away.
    """
    found: dict[str, Pattern] = {}
    for tier in dict.fromkeys((scope, REPOSITORY)):
        known = {
            each.pattern_id: each
            for each in await ports.derived.patterns.known(tenant, tier, limit=MOST_MATCHED)
            if each.confidence >= TRUSTED
        }
        if not known:
            continue
        close = await ports.memory.recall(
            tenant, description, scope=tier, limit=limit, shelf=Shelf.PATTERN
        )
        likened = {
            pattern_id_of(each.record.id)
            for each in close
            if each.similarity >= max(threshold, LEAST_LIKE)
        }
        found |= {
            name: each
            for name, each in known.items()
            if name in likened or read_kind(each.kind).fits(description)
        }
    best = sorted(found.values(), key=lambda one: (-one.confidence, one.pattern_id))
    return tuple(best[:limit])


async def give_feedback(
    pattern_id: str,
    tenant: Tenant,
    ports: Needs,
    *,
    voter: str,
    helpful: bool,
    adjustment: float | None = None,
) -> Pattern:
    """
    The pattern after a vote. Who votes again changes their vote.

    Raises:
        ValueError: the adjustment is no number from -1 to 1.
        NotFound: there is no such pattern.
    """
    weight = vote_weight(adjustment)
    pattern = await ports.derived.patterns.vote(
        tenant, pattern_id, voter=voter, helpful=helpful, weight=weight
    )
    if pattern is None:
        raise NotFound(f"Pattern {pattern_id[:40]} does not exist, or you may not see it.")
    return pattern


async def tell_matched(
    patterns: tuple[Pattern, ...], task_id: str, tenant: Tenant, ports: Needs
) -> None:
    """Tells subscribers which patterns matched a task."""
    for pattern in patterns:
        await _tell(
            Happened.PATTERN_MATCHED,
            tenant,
            ports,
            {
                "pattern_id": pattern.pattern_id,
                "pattern_type": pattern.pattern_type.value,
                "task_id": task_id,
            },
        )


async def _tell(name: Happened, tenant: Tenant, ports: Needs, payload: dict[str, object]) -> None:
    await ports.derived.events.publish(
        MemoryEvent(name=name, tenant=tenant, occurred_at=ports.now(), payload=payload)
    )
