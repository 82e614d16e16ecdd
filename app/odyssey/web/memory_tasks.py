"""
The REST API of task memories: store, search, context, patterns.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.exceptions import HTTPException

from odyssey.domain.errors import NotFound, Unavailable
from odyssey.domain.memory.patterns import NotEnough, PatternType
from odyssey.domain.memory.record import Trust
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory.task_kinds import Kind, UnreadableKind, read_kind
from odyssey.domain.memory.tasks import TaskMemory
from odyssey.handlers.memory.context import describe_task, load_core_memory, suggest_context
from odyssey.handlers.memory.patterns import extract_pattern, give_feedback, list_patterns
from odyssey.handlers.memory.tasks import delete_task, find_similar, note_reuse, store_task
from odyssey.web.bearer import Caller
from odyssey.web.errors import error_responses
from odyssey.web.memory_access import Asked, MemoryAccess, Place, asked_in_query
from odyssey.web.memory_models_semantic import Deleted
from odyssey.web.memory_models_tasks import (
    PATTERN,
    TASK,
    ContextBody,
    ExtractBody,
    FeedbackBody,
    FoundTask,
    PatternBody,
    SaidText,
    SearchBody,
    StoreBody,
    StoreReceipt,
)

InQuery = Annotated[Asked, Depends(asked_in_query)]
TaskPath = Annotated[
    str,
    Path(
        max_length=150,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#@+-]{0,149}$",
        examples=[TASK],
    ),
]
PatternPath = Annotated[str, Path(max_length=60, pattern=r"^[A-Za-z0-9_-]+$", examples=[PATTERN])]


def memory_task_routes(access: MemoryAccess) -> APIRouter:
    """
    The routes of task memories and patterns.
    """
    router = access.router("memory: tasks")
    ports = access.ports
    threshold = access.settings.memory_task_similarity

    @router.post("/store", status_code=201, responses=error_responses(413))
    async def store_execution(request: Request, body: StoreBody) -> StoreReceipt:
        """
        Keeps how a task was carried out. The same outcome of the same task is one memory.
        """
        caller: Caller = request.state.caller
        place = await access.to_write(caller, body)
        memory = _memory(body, caller, place, at=ports.now())
        stored = await store_task(memory, place.tenant, ports, learns=body.auto_extract_patterns)
        if not stored.is_indexed:
            raise Unavailable(
                f"task {body.task_id} is kept; the store that finds it is away, and gets it when "
                "it is back. Nothing is lost, and to send it again does no harm"
            )
        memory = stored.memory
        return StoreReceipt(
            memory_id=memory.memory_id,
            task_id=memory.task_id,
            success=memory.success,
            learned_at=memory.learned_at,
            reused_count=memory.reused_count,
            learned_patterns=[each.pattern_id for each in stored.patterns],
        )

    @router.post("/search", responses=error_responses(413))
    async def search_similar(request: Request, body: SearchBody) -> list[FoundTask]:
        """
        The task memories that are like the one described, most similar first.
        """
        caller: Caller = request.state.caller
        place = await access.to_read(caller, body)
        least = threshold if body.similarity_threshold is None else body.similarity_threshold
        similar = await find_similar(
            body.task_description,
            place.tenant,
            ports,
            scope=place.scope,
            top_k=body.top_k,
            threshold=least,
            success_only=body.success_only,
            but=body.task_id or "",
        )
        # The same question by the same caller is one use.
        used_for = body.task_id or f"{caller.name}\x1f{body.task_description}"
        await note_reuse(similar, place.tenant, ports, used_for=used_for)
        return [FoundTask.of(each) for each in similar]

    @router.get("/tasks/{task_id:path}/context")
    async def get_task_context(
        request: Request,
        task_id: TaskPath,
        asked: InQuery,
        top_k: Annotated[int, Query(ge=1, le=50)] = 3,
        task_description: Annotated[SaidText | None, Query()] = None,
    ) -> ContextBody:
        """
        Similar tasks, matching patterns and recommendations for a task, and the core memory.

        What the task is about is known from its memory or its proposal, or is said.
        """
        place = await access.to_read(request.state.caller, asked)
        description = task_description or await describe_task(
            task_id, place.repository, place.tenant, ports, scope=place.scope
        )
        context = await suggest_context(
            task_id,
            description,
            place.tenant,
            ports,
            scope=place.scope,
            top_k=top_k,
            threshold=threshold,
        )
        core_memory = await load_core_memory(place.tenant, ports, scope=place.scope)
        return ContextBody.of(context, core_memory=core_memory)

    @router.delete("/tasks/{task_id:path}")
    async def remove_task(request: Request, task_id: TaskPath, asked: InQuery) -> Deleted:
        """
        Deletes what this tier remembers of a task; patterns that rested on it are learnt anew.
        """
        place = await access.to_write(request.state.caller, asked)
        count = await delete_task(task_id, place.tenant, ports, scope=place.scope)
        return Deleted(deleted=count)

    @router.get("/patterns")
    async def get_patterns(
        request: Request,
        asked: InQuery,
        pattern_type: Annotated[PatternType | None, Query()] = None,
        task_type: Annotated[SaidText | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 10,
    ) -> list[PatternBody]:
        """
        The learnt patterns, those with the highest confidence first.

        With `task_type` those whose kind fits it, or was written so.
        """
        place = await access.to_read(request.state.caller, asked)
        found = await list_patterns(
            place.tenant,
            ports,
            scope=place.scope,
            pattern_type=pattern_type,
            task_type=task_type,
            limit=limit,
        )
        return [PatternBody.of(each) for each in found]

    @router.post("/patterns/extract", responses=error_responses(409, 413))
    async def extract(request: Request, body: ExtractBody) -> PatternBody:
        """
        Learns the pattern of a kind of tasks, or learns it anew; 409 while there are too few.
        """
        place = await access.to_write(request.state.caller, body)
        learnt = await extract_pattern(
            _kind(body.task_type_pattern),
            body.pattern_type,
            place.tenant,
            ports,
            scope=place.scope,
            min_samples=body.min_samples,
        )
        if isinstance(learnt, NotEnough):
            raise HTTPException(409, learnt.reason)
        return PatternBody.of(learnt)

    @router.post("/patterns/{pattern_id}/feedback", responses=error_responses(413))
    async def feedback(
        request: Request, pattern_id: PatternPath, body: FeedbackBody
    ) -> PatternBody:
        """
        Counts a vote on a pattern. A person has one, and may change it; a service has many.
        """
        caller: Caller = request.state.caller
        place = await access.to_write(caller, body)
        known = await ports.derived.patterns.get(place.tenant, pattern_id)
        if known is None or known.scope not in (place.scope, REPOSITORY):
            raise NotFound(f"Pattern {pattern_id} does not exist, or you may not see it.")
        voter = caller.name
        if caller.is_service:
            # A service speaks for many.
            voter = f"{caller.name}:{uuid.uuid4()}"
        voted = await give_feedback(
            pattern_id,
            place.tenant,
            ports,
            voter=voter,
            helpful=body.helpful,
            adjustment=body.confidence_adjustment,
        )
        return PatternBody.of(voted)

    return router


def _memory(body: StoreBody, caller: Caller, place: Place, *, at: datetime) -> TaskMemory:
    try:
        return TaskMemory(
            task_id=body.task_id,
            summary=body.execution_summary.strip(),
            success=body.success,
            learned_at=at,
            scope=place.scope,
            task_type=body.task_type,
            error_patterns=body.errors,
            files=tuple(dict.fromkeys(body.files)),
            outcome_ref=body.outcome_ref,
            actor=caller.name,
            trust=Trust.AGENT if caller.is_service else Trust.PERSON,
        )
    except ValueError as error:
        raise HTTPException(400, str(error)) from error


def _kind(text: str) -> Kind:
    try:
        return read_kind(text)
    except UnreadableKind as error:
        raise HTTPException(422, f"task_type_pattern: {error}") from error
