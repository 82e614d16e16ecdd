"""
Context for a new task: what is like it, which patterns fit it, what follows, what is always known.
"""

from __future__ import annotations

from odyssey.domain.errors import NotFound
from odyssey.domain.identifiers import ProposalId, RepositoryRef, is_proposal_id
from odyssey.domain.memory.advice import TaskContext, advise
from odyssey.domain.memory.happening import Happened, MemoryEvent
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Scope
from odyssey.domain.memory.tasks import SIMILAR
from odyssey.handlers.memory.blocks import load_blocks, shown
from odyssey.handlers.memory.needs import Needs
from odyssey.handlers.memory.patterns import match_patterns, tell_matched
from odyssey.handlers.memory.tasks import find_similar, note_reuse, use_key
from odyssey.ports import Ports


async def suggest_context(
    task_id: str,
    description: str,
    tenant: Tenant,
    ports: Needs,
    *,
    scope: Scope,
    top_k: int = 3,
    threshold: float = SIMILAR,
) -> TaskContext:
    """
    What is known that bears on the task; the memories of the task itself are left out.

    That a memory or a pattern was suggested for it is counted once, however often it is
    asked.

    Raises:
        Unavailable: the store is away.
    """
    similar = await find_similar(
        description, tenant, ports, scope=scope, top_k=top_k, threshold=threshold, but=task_id
    )
    patterns = await match_patterns(
        description, tenant, ports, scope=scope, limit=top_k, threshold=threshold
    )
    await note_reuse(similar, tenant, ports, used_for=task_id)
    await ports.derived.patterns.used(
        tenant, [one.pattern_id for one in patterns], used_for=use_key(task_id)
    )
    await tell_matched(patterns, task_id, tenant, ports)
    context = TaskContext(
        similar_tasks=similar,
        matching_patterns=patterns,
        recommendations=advise(similar, patterns),
    )
    await ports.derived.events.publish(
        MemoryEvent(
            name=Happened.CONTEXT_SUGGESTED,
            tenant=tenant,
            occurred_at=ports.now(),
            payload={
                "task_id": task_id,
                "similar_tasks": len(similar),
                "matching_patterns": len(patterns),
            },
        )
    )
    return context


async def load_core_memory(tenant: Tenant, ports: Needs, *, scope: Scope) -> str:
    """
    The core memory blocks whole, as one text for a model: the repository's, then those of *scope*.

    Raises:
        Unavailable: the notebook is away.
    """
    blocks = await load_blocks(tenant, ports, scope=REPOSITORY)
    if scope != REPOSITORY:
        blocks += await load_blocks(tenant, ports, scope=scope)
    return shown(blocks)


async def describe_task(
    task_id: str, repository: RepositoryRef, tenant: Tenant, ports: Ports, *, scope: Scope
) -> str:
    """
    What the task is about: by its own memory in *scope*, or by the proposal of this id.

    Raises:
        NotFound: neither is there; says what to send.
    """
    if own := await ports.derived.tasks.of_task(tenant, scope, task_id):
        return "\n".join(filter(None, (own[0].task_type, own[0].summary)))
    if is_proposal_id(task_id):
        proposal = await ports.proposals.get(ProposalId(task_id))
        if proposal is not None and proposal.repository.full_name == repository.full_name:
            return f"{proposal.commit_message}\n\nFiles: {', '.join(proposal.paths[:50])}"
    raise NotFound(
        f"Task {task_id[:60]} is not remembered here; say what it is about with task_description."
    )
