"""
Task memories: kept, indexed, and found again for a task that is like them.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace

from odyssey.domain.errors import NotFound, Unavailable
from odyssey.domain.memory.happening import Happened, MemoryEvent
from odyssey.domain.memory.masking import mask
from odyssey.domain.memory.patterns import MIN_SAMPLES, Pattern, pattern_record
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.retention import storable
from odyssey.domain.memory.scope import Scope, Shelf
from odyssey.domain.memory.tasks import (
    SIMILAR,
    SimilarTask,
    TaskMemory,
    likeness,
    memory_id_of,
    task_record,
)
from odyssey.handlers.memory.forget import Erased, forget_everywhere
from odyssey.handlers.memory.needs import Needs
from odyssey.handlers.memory.patterns import learn_by_itself

log = logging.getLogger("odyssey.memory")

_BATCH = 64
_CANDIDATES = 8
"""How many times more rows are asked for than are wanted: the threshold takes some away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTask:
    """
    A task memory as it is kept, and the patterns that were learnt from it.

    Without `is_indexed` it is in the notebook, and found once the store is there again.
    """

    memory: TaskMemory
    patterns: tuple[Pattern, ...]
    is_indexed: bool


async def store_task(
    memory: TaskMemory,
    tenant: Tenant,
    ports: Needs,
    *,
    learns: bool = True,
    min_samples: int = MIN_SAMPLES,
) -> StoredTask:
    """
    Keeps *memory*, masked; with *learns* patterns follow from it. Repeatable.

    Raises:
        Unavailable: the notebook is away, and nothing was kept. A store that is away
            only delays the index.
    """
    kept = await ports.derived.tasks.put(tenant, _masked(memory))
    await ports.derived.events.publish(
        MemoryEvent(
            name=Happened.STORED,
            tenant=tenant,
            occurred_at=ports.now(),
            payload={
                "task_id": kept.task_id,
                "memory_id": kept.memory_id,
                "success": kept.success,
            },
        )
    )
    learnt: tuple[Pattern, ...] = ()
    if learns:
        learnt = await learn_by_itself(kept, tenant, ports, min_samples=min_samples)
    try:
        await index_waiting(tenant, ports)
    except Unavailable as error:
        log.warning("tenant %s: task %s is indexed later: %s", tenant, kept.task_id, error)
        return StoredTask(memory=kept, patterns=learnt, is_indexed=False)
    return StoredTask(memory=kept, patterns=learnt, is_indexed=True)


async def index_waiting(tenant: Tenant, ports: Needs) -> int:
    """
    Brings task memories and patterns to the index that are not there; how many. Repeatable.

    Raises:
        Unavailable: the store is away; what waits goes on waiting.
    """
    count = 0
    derived = ports.derived
    while memories := await derived.tasks.unindexed(tenant, limit=_BATCH):
        records = [task_record(memory) for memory, _ in memories]
        await ports.memory.retain(tenant, records, shelf=Shelf.TASK)
        for gone in await derived.tasks.indexed(tenant, memories):
            # Forgotten between reading and writing: it must not live on in the index.
            await ports.memory.forget(tenant, source=f"task:{gone}")
        count += len(memories)
    while patterns := await derived.patterns.unindexed(tenant, limit=_BATCH):
        records = [pattern_record(pattern) for pattern, _ in patterns]
        await ports.memory.retain(tenant, records, shelf=Shelf.PATTERN)
        for gone in await derived.patterns.indexed(tenant, patterns):
            await ports.memory.forget(tenant, source=f"pattern:{gone}")
        count += len(patterns)
    return count


async def find_similar(
    description: str,
    tenant: Tenant,
    ports: Needs,
    *,
    scope: Scope,
    top_k: int = 5,
    threshold: float = SIMILAR,
    success_only: bool = False,
    but: str = "",
) -> tuple[SimilarTask, ...]:
    """
    The memories of *scope* that are like the task described, most similar first.

    *but* is a task whose own memories are left out. Where the store has no vectors, or no
    model to ask with, words are compared. Repeatable.

    Raises:
        Unavailable: the store is away.
    """
    await index_waiting(tenant, ports)
    found = await ports.memory.recall(
        tenant,
        description,
        scope=scope,
        limit=_CANDIDATES * top_k,
        where={"success": "true"} if success_only else None,
        shelf=Shelf.TASK,
    )
    ids = [memory_id_of(each.record.id) for each in found]
    memories = await ports.derived.tasks.get(tenant, ids)
    similar = []
    for recollection in found:
        memory = memories.get(memory_id_of(recollection.record.id))
        # The notebook decides: what was forgotten there may be in the index a moment longer.
        if memory is None or memory.task_id == but:
            continue
        by_words = recollection.similarity == 0.0
        similarity = likeness(description, memory.said) if by_words else recollection.similarity
        if similarity >= threshold and (memory.success or not success_only):
            similar.append(
                SimilarTask(memory=memory, similarity=round(similarity, 4), by_words=by_words)
            )
    similar.sort(key=lambda one: -one.similarity)
    return tuple(similar[:top_k])


async def delete_task(task_id: str, tenant: Tenant, ports: Needs, *, scope: Scope) -> int:
    """
    Deletes both outcomes of a task in exactly this tier; how many rows. Repeatable.

    Patterns that rested on it are learnt anew.

    Raises:
        ValueError: it is no task id.
        NotFound: there is no such task.
        Unavailable: the store is away, or something is there still; call again.
    """
    erased = Erased()
    for success in (True, False):
        # Not looked up: whoever was cut off has rows in the index that no notebook knows.
        outcome = TaskMemory(
            task_id=task_id, summary="-", success=success, learned_at=ports.now(), scope=scope
        )
        name = f"task:{outcome.memory_id}"
        erased += await forget_everywhere(tenant, ports, source=name, record_ids=[name])
    if not erased.rows.total():
        raise NotFound(f"Task {task_id} does not exist, or you may not see it.")
    return erased.rows.total()


async def note_reuse(
    similar: tuple[SimilarTask, ...], tenant: Tenant, ports: Needs, *, used_for: str
) -> None:
    """Counts that the memories were suggested for *used_for*, each once. Repeatable."""
    ids = [one.memory.memory_id for one in similar]
    await ports.derived.tasks.used(tenant, ids, used_for=use_key(used_for))


def use_key(used_for: str) -> str:
    """What a use is counted by: no text of anybody's is kept for it."""
    return hashlib.sha256(used_for.encode("utf-8", "replace")).hexdigest()[:24]


def _masked(memory: TaskMemory) -> TaskMemory:
    def clean(text: str) -> str:
        return mask(storable(text)).text

    return replace(
        memory,
        summary=clean(memory.summary),
        task_type=clean(memory.task_type),
        error_patterns=tuple(map(clean, memory.error_patterns)),
        files=tuple(map(clean, memory.files)),
        outcome_ref=clean(memory.outcome_ref),
        source=clean(memory.source),
    )
