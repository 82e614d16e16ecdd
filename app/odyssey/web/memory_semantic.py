"""
The REST API of entries and events: semantic add and query, hybrid query, the list of events.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.exceptions import HTTPException

from odyssey.domain.memory.entries import MetadataRefused
from odyssey.domain.memory.filters import UnknownFilter
from odyssey.domain.memory.record import Trust
from odyssey.handlers.memory.events import DEEPEST, list_events
from odyssey.handlers.memory.semantic import (
    add_entry,
    delete_entry,
    get_entry,
    query_entries,
    semantic_item,
)
from odyssey.handlers.memory.structured import Wanted, structured
from odyssey.web.bearer import Caller
from odyssey.web.errors import error_responses
from odyssey.web.memory_access import Asked, MemoryAccess, asked_in_query
from odyssey.web.memory_models_semantic import (
    ENTRY,
    AddBody,
    AddReceipt,
    Deleted,
    EventBody,
    EventsPage,
    HybridAnswer,
    HybridBody,
    HybridResult,
    Match,
    Order,
    QueryAnswer,
    QueryBody,
)

InQuery = Annotated[Asked, Depends(asked_in_query)]
Word = Annotated[str, Query(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\[\]-]*$")]
# A service's name holds a colon.
Actor = Annotated[str, Query(max_length=100, pattern=r"^@?[A-Za-z0-9][A-Za-z0-9_.:\[\]-]*$")]
EntryPath = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#@+-]{0,149}$", examples=[ENTRY])
]


def memory_semantic_routes(access: MemoryAccess) -> APIRouter:
    """
    The routes of entries and events.
    """
    router = access.router("memory: entries")
    ports = access.ports

    @router.post("/semantic/add", status_code=201, responses=error_responses(409, 413))
    async def add(request: Request, body: AddBody) -> AddReceipt:
        """
        Keeps a text with metadata; it is durable with the answer, also while the store is away.
        """
        caller: Caller = request.state.caller
        place = await access.to_write(caller, body)
        with _refused_as_bad_request():
            added = await add_entry(
                body.text,
                body.metadata,
                place.tenant,
                ports,
                scope=place.scope,
                actor=caller.name,
                trust=_trust(body.trust, caller),
                entry_id=body.id,
            )
        return AddReceipt(id=added.entry_id, id_checked=added.is_id_checked)

    @router.get("/entries/{entry_id:path}")
    async def read_entry(request: Request, entry_id: EntryPath, asked: InQuery) -> EventBody:
        """
        An entry that was added to this tier, as it is kept.
        """
        place = await access.to_read(request.state.caller, asked)
        return EventBody.of(await get_entry(entry_id, place.tenant, ports, scope=place.scope))

    @router.delete("/entries/{entry_id:path}")
    async def remove_entry(request: Request, entry_id: EntryPath, asked: InQuery) -> Deleted:
        """
        Deletes an entry of this tier, and what rested on it; what others say is learnt anew.
        """
        place = await access.to_write(request.state.caller, asked)
        count = await delete_entry(entry_id, place.tenant, ports, scope=place.scope)
        return Deleted(deleted=count)

    @router.post("/semantic/query", responses=error_responses(413))
    async def query(request: Request, body: QueryBody) -> QueryAnswer:
        """
        What is nearest to a text by meaning and words, best first.
        """
        place = await access.to_read(request.state.caller, body)
        with _refused_as_bad_request():
            found = await query_entries(
                body.query_text,
                place.tenant,
                ports,
                scope=place.scope,
                limit=body.top_k,
                metadata_filter=body.metadata_filter,
            )
        return QueryAnswer(results=[Match.of(each) for each in found])

    @router.post("/hybrid/query", responses=error_responses(413))
    async def query_hybrid(request: Request, body: HybridBody) -> HybridAnswer:
        """
        The same, with tasks, log entries, plans and proposals; newest first.
        """
        place = await access.to_read(request.state.caller, body)
        wanted = _wanted(body)
        with _refused_as_bad_request():
            found = await query_entries(
                body.query_text,
                place.tenant,
                ports,
                scope=place.scope,
                limit=body.semantic_top_k,
                metadata_filter=body.semantic_metadata_filter,
            )
        items = [semantic_item(each) for each in found]
        items += await structured(wanted, place.repository, place.tenant, ports, scope=place.scope)
        if body.order is Order.TIMESTAMP:
            items.sort(key=lambda item: item.at, reverse=True)
        return HybridAnswer(
            query_text=body.query_text, results=[HybridResult.of(each) for each in items]
        )

    @router.get("/events")
    async def newest_events(
        request: Request,
        asked: InQuery,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        offset: Annotated[int, Query(ge=0, le=DEEPEST)] = 0,
        kind: Word | None = None,
        actor: Actor | None = None,
        trust: Annotated[Trust | None, Query()] = None,
    ) -> EventsPage:
        """
        What happened, newest first, in pages.
        """
        place = await access.to_read(request.state.caller, asked)
        where = {"actor": actor, "trust": None if trust is None else str(trust)}
        records, following = await list_events(
            place.tenant,
            ports,
            scope=place.scope,
            limit=limit,
            offset=offset,
            kinds=(kind,) if kind else (),
            where={name: value for name, value in where.items() if value},
        )
        return EventsPage(events=[EventBody.of(each) for each in records], next_offset=following)

    return router


@contextmanager
def _refused_as_bad_request() -> Iterator[None]:
    try:
        yield
    except MetadataRefused as error:
        raise HTTPException(400, str(error)) from error


def _wanted(body: HybridBody) -> Wanted:
    if body.structured_options is None:
        return Wanted()
    try:
        return body.structured_options.wanted()
    except UnknownFilter as error:
        raise HTTPException(422, f"structured_options: {error}") from error


def _trust(asked: Trust | None, caller: Caller) -> Trust:
    # A service vouches for nobody: what it sends is a person's word only by a person's token.
    most = Trust.AGENT if caller.is_service else Trust.PERSON
    if asked is None:
        return most
    if asked is Trust.PERSON and caller.is_service:
        raise HTTPException(422, "trust: a service token cannot vouch as a person; use agent")
    return asked
