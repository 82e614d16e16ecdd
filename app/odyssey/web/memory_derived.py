"""
The REST API of what is derived from memory: observations, conversations, summaries, jobs.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime

from odyssey.domain.errors import NotFound
from odyssey.domain.memory.observation import Trend
from odyssey.handlers.memory.batch import Said, add_messages
from odyssey.handlers.memory.consolidate import ask_consolidation, note_everything
from odyssey.handlers.memory.derive import NO_MODEL
from odyssey.handlers.memory.observe import find_observations, invalidate
from odyssey.handlers.memory.summarise import ask_summary, summarise
from odyssey.web.bearer import Caller
from odyssey.web.errors import error_responses
from odyssey.web.memory_access import Asked, MemoryAccess, asked_in_query
from odyssey.web.memory_models_derived import (
    ConsolidateBody,
    Consolidating,
    CountersBody,
    InvalidateBody,
    Invalidated,
    JobBody,
    MessagesBody,
    MessagesReceipt,
    ObservationBody,
    SummaryAccepted,
    SummaryAnswer,
    SummaryBody,
)

InQuery = Annotated[Asked, Depends(asked_in_query)]
JobPath = Annotated[str, Path(pattern=r"^job_[0-9a-f]{16}$", examples=["job_0123456789abcdef"])]


def memory_derived_routes(access: MemoryAccess) -> APIRouter:
    """
    The routes of observations and of the jobs that make them.
    """
    router = access.router("memory: derived")
    ports = access.ports

    def waits_for() -> str | None:
        return None if ports.derived.language else NO_MODEL

    @router.get("/observations")
    async def list_observations(
        request: Request,
        asked: InQuery,
        query: Annotated[str, Query(max_length=4_000)] = "",
        as_of: Annotated[AwareDatetime | None, Query(description="What was believed then.")] = None,
        trend: Annotated[Trend | None, Query()] = None,
        versions: Annotated[bool, Query(description="With every version.")] = False,
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
    ) -> list[ObservationBody]:
        """
        The observations of one tier, the most relevant first; without a query the newest.
        """
        place = await access.to_read(_caller(request), asked)
        found = await find_observations(
            place.tenant,
            ports,
            scope=place.scope,
            query=query,
            limit=limit,
            moment=as_of,
            trend=trend,
        )
        shown: list[ObservationBody] = []
        for one in found:
            every = None
            if versions:
                every = await ports.derived.observations.versions(
                    place.tenant, key=one.observation.key
                )
            shown.append(ObservationBody.found(one, every))
        return shown

    @router.post("/observations/invalidate", responses=error_responses(413))
    async def invalidate_records(request: Request, body: InvalidateBody) -> Invalidated:
        """
        Takes back what rests on records of the tier that are not true; the rest is judged again.
        """
        place = await access.to_write(_caller(request), body)
        changed = await invalidate(place.tenant, body.record_ids, ports, scope=place.scope)
        return Invalidated(changed=changed)

    @router.post("/consolidate", status_code=202, responses=error_responses(413))
    async def consolidate(request: Request, body: ConsolidateBody) -> Consolidating:
        """
        Asks for what is new to be learnt from; a worker does it.
        """
        place = await access.to_write(_caller(request), body)
        if body.everything:
            await note_everything(place.tenant, ports)
        jobs = await ask_consolidation(place.tenant, ports, again=body.again)
        return Consolidating(job_ids=jobs, waits_for=waits_for())

    @router.post("/conversations/messages", status_code=202, responses=error_responses(409, 413))
    async def add(request: Request, body: MessagesBody) -> MessagesReceipt:
        """
        Keeps messages at once, and learns from them when there are enough, or after a while.
        """
        caller = _caller(request)
        place = await access.to_write(caller, body)
        batched = await add_messages(
            place.tenant,
            place.scope,
            [
                Said(role=one.role, content=one.content, id=one.id, at=one.at)
                for one in body.messages
            ],
            ports,
            actor=caller.name,
            session=body.session_id,
            is_service=caller.is_service,
        )
        return MessagesReceipt(
            record_ids=list(batched.record_ids),
            job_ids=list(batched.jobs),
            waiting=batched.waiting,
            batch_size=ports.derived.deriving.batch_size,
            waits_for=waits_for(),
        )

    @router.post(
        "/summaries",
        responses={
            202: {"model": SummaryAccepted, "description": "It follows by callback."},
            **error_responses(413),
        },
    )
    async def make_summary(
        request: Request, response: Response, body: SummaryBody
    ) -> SummaryAnswer | SummaryAccepted:
        """
        A summary of a conversation, at once, or posted to `callback_url`.

        The post is signed like GitHub's deliveries (`X-Hub-Signature-256`), tried three times
        and follows no redirect.
        """
        place = await access.to_write(_caller(request), body)
        if body.callback_url is None:
            summary = await summarise(body.conversation(), ports)
            return SummaryAnswer(
                content=summary.content, method=summary.method, generated_at=ports.now()
            )
        response.status_code = 202
        return SummaryAccepted(
            task_id=await ask_summary(
                place.tenant,
                place.scope,
                body.conversation(),
                ports,
                callback_url=body.callback_url,
                callback_headers=body.callback_headers,
            )
        )

    @router.get("/jobs")
    async def count_jobs(request: Request, asked: InQuery) -> CountersBody:
        """
        How many jobs of the repository wait, run, are done, or were given up, and why.
        """
        place = await access.to_read(_caller(request), asked)
        language = ports.derived.language
        return CountersBody.of(
            await ports.derived.jobs.counters(place.tenant),
            language=language.name if language else None,
            waits_for=waits_for(),
        )

    @router.get("/jobs/{job_id}")
    async def show_job(request: Request, job_id: JobPath, asked: InQuery) -> JobBody:
        """
        How a job stands.
        """
        place = await access.to_read(_caller(request), asked)
        job = await ports.derived.jobs.find(place.tenant, job_id)
        if job is None:
            raise NotFound(f"Job {job_id} does not exist, or was done over a week ago.")
        return JobBody.of(job)

    return router


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller
