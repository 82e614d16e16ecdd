"""
What else a hybrid query brings: tasks, log entries, plans and proposals, the newest of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from odyssey.domain.identifiers import RepositoryRef
from odyssey.domain.memory.filters import LogLevel, TaskStatus
from odyssey.domain.memory.record import Record, Tenant, login_of
from odyssey.domain.memory.scope import Scope, Tier
from odyssey.domain.proposal import Proposal
from odyssey.ports import Ports

LOGGED = ("validation", "merge", "rejection", "revert")
_OF_LEVEL = {
    LogLevel.CRITICAL: ("merge",),
    LogLevel.ERROR: ("validation",),
    LogLevel.WARNING: ("rejection", "revert"),
    LogLevel.INFO: ("merge",),
}
PLAN = "plan"
"""What the label of a core memory block begins with that is a plan."""
_LOOKED_AT = 20
"""How many times more rows are read than are wanted where a filter takes some away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """
    One result of a hybrid query; `content` is JSON.

    `relevance` is a cosine for what was found by meaning, None for the rest.
    """

    source_type: str
    content: Mapping[str, Any]
    at: datetime
    relevance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How many of each kind of structured data are wanted, 0 for none, and which."""

    tasks: int = 0
    task_status: TaskStatus | None = None
    logs: int = 0
    log_level: LogLevel | None = None
    plans: int = 0
    proposals: int = 0


async def structured(
    wanted: Wanted, repository: RepositoryRef, tenant: Tenant, ports: Ports, *, scope: Scope
) -> list[Item]:
    """
    Tasks, log entries, plans and proposals of *scope*, the newest of each.

    Pending tasks are proposals that are open, and given only when they are asked for.

    Raises:
        Unavailable: the store, the notebook or Redis is away.
    """
    items: list[Item] = []
    if wanted.tasks and wanted.task_status is TaskStatus.PENDING:
        items += await _pending(wanted.tasks, repository, ports, scope)
    elif wanted.tasks:
        items += await _tasks(wanted, tenant, ports, scope)
    if wanted.logs:
        items += await _logs(wanted, tenant, ports, scope)
    if wanted.plans:
        items += await _plans(wanted, tenant, ports, scope)
    if wanted.proposals:
        items += await _proposals(wanted, repository, ports, scope)
    return items


def log_level(record: Record) -> LogLevel:
    """How bad it is: what failed is an error, what was turned down a warning."""
    match record.kind:
        case "validation":
            return LogLevel.ERROR
        case "merge" if record.attributes.get("outcome") == "tampered":
            return LogLevel.CRITICAL
        case "rejection" | "revert":
            return LogLevel.WARNING
    return LogLevel.INFO


async def _tasks(wanted: Wanted, tenant: Tenant, ports: Ports, scope: Scope) -> list[Item]:
    status = wanted.task_status
    limit = wanted.tasks * (_LOOKED_AT if status else 1)
    items = [
        _task(
            each.task_id,
            each.summary,
            TaskStatus.COMPLETED if each.success else TaskStatus.FAILED,
            each.learned_at,
        )
        for each in await ports.derived.tasks.newest(tenant, scope, limit=limit)
    ]
    return [each for each in items if status in (None, each.content["status"])][: wanted.tasks]


async def _pending(count: int, repository: RepositoryRef, ports: Ports, scope: Scope) -> list[Item]:
    newest = await ports.proposals.newest(limit=count * _LOOKED_AT, repository=repository.full_name)
    return [
        _task(each.id, each.title, TaskStatus.PENDING, each.created_at)
        for each in newest
        if _is_of(each, scope) and not each.status.is_final
    ][:count]


def _task(task_id: str, description: str, status: TaskStatus, at: datetime) -> Item:
    return Item(
        source_type="task",
        content={
            "id": task_id,
            "description": description,
            "status": status.value,
            "timestamp": at.isoformat(),
        },
        at=at,
    )


async def _logs(wanted: Wanted, tenant: Tenant, ports: Ports, scope: Scope) -> list[Item]:
    level = wanted.log_level
    found = await ports.memory.recall(
        tenant,
        "",
        scope=scope,
        limit=wanted.logs * (_LOOKED_AT if level is LogLevel.INFO else 1),
        kinds=LOGGED if level is None else _OF_LEVEL[level],
        where={"outcome": "tampered"} if level is LogLevel.CRITICAL else None,
    )
    items = [
        Item(
            source_type="db_log",
            content={
                "id": each.record.id,
                "message": each.record.text,
                "level": log_level(each.record).value,
                "source": each.record.source,
                "timestamp": each.record.occurred_at.isoformat(),
            },
            at=each.record.occurred_at,
        )
        for each in found
    ]
    return [each for each in items if level in (None, each.content["level"])][: wanted.logs]


async def _plans(wanted: Wanted, tenant: Tenant, ports: Ports, scope: Scope) -> list[Item]:
    blocks = await ports.derived.blocks.present(tenant, scope, ())
    plans = sorted(
        (each for each in blocks if each.label.startswith(PLAN) and each.value.strip()),
        key=lambda block: block.updated_at,
        reverse=True,
    )
    return [
        Item(
            source_type="plan",
            content={
                "id": each.label,
                "description": each.value,
                "version": each.version,
                "timestamp": each.updated_at.isoformat(),
            },
            at=each.updated_at,
        )
        for each in plans[: wanted.plans]
    ]


async def _proposals(
    wanted: Wanted, repository: RepositoryRef, ports: Ports, scope: Scope
) -> list[Item]:
    limit = wanted.proposals * (1 if scope.tier is Tier.REPOSITORY else _LOOKED_AT)
    newest = await ports.proposals.newest(limit=limit, repository=repository.full_name)
    return [
        Item(
            source_type="proposal",
            content={
                "id": each.id,
                "description": each.title,
                "status": str(each.status),
                "pull_request": each.pull_number,
                "timestamp": each.created_at.isoformat(),
            },
            at=each.created_at,
        )
        for each in newest
        if _is_of(each, scope)
    ][: wanted.proposals]


def _is_of(proposal: Proposal, scope: Scope) -> bool:
    match scope.tier:
        case Tier.REPOSITORY:
            return True
        case Tier.PERSON:
            return login_of(proposal.requester) == login_of(scope.name or "")
        case Tier.THREAD:
            return scope.name in (
                f"pull/{proposal.pull_number}",
                f"issues/{proposal.issue_number}",
            )
