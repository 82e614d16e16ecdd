"""
The REST API of core memory blocks and of the archive.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from odyssey.domain.errors import NotFound
from odyssey.domain.memory.blocks import (
    Append,
    Block,
    BlockChanged,
    Change,
    Configure,
    Patch,
    Replace,
    Rethink,
)
from odyssey.domain.memory.record import Trust
from odyssey.handlers.memory.archival import Passage, insert_passage, search_passages
from odyssey.handlers.memory.blocks import (
    block_versions,
    change_block,
    delete_block,
    get_block,
    load_blocks,
    put_block,
    restore_block,
)
from odyssey.web.bearer import Caller
from odyssey.web.errors import DESCRIPTIONS, error_responses
from odyssey.web.memory_access import Asked, MemoryAccess, asked_in_query
from odyssey.web.memory_models_blocks import (
    LABEL,
    AppendBody,
    ArchivalSearchBody,
    BlockBody,
    BlockConflict,
    Expecting,
    FoundPassage,
    InsertBody,
    Inserted,
    PatchBody,
    PutBlockBody,
    ReplaceBody,
    RestoreBody,
    RethinkBody,
)

InQuery = Annotated[Asked, Depends(asked_in_query)]
Label = Annotated[str, Path(max_length=50, pattern=r"^[a-z][a-z0-9_-]{0,49}$", examples=[LABEL])]
Version = Annotated[int, Path(ge=1, le=2**53)]

CHANGING: dict[int | str, dict[str, Any]] = {
    **error_responses(413),
    409: {"model": BlockConflict, "description": DESCRIPTIONS[409]},
}


def memory_block_routes(access: MemoryAccess) -> APIRouter:
    """
    The routes of core memory blocks.
    """
    router = access.router("memory: blocks")
    ports = access.ports

    async def change(request: Request, label: str, body: Expecting, what: Change) -> Response:
        caller: Caller = request.state.caller
        place = await access.to_write(caller, body)
        return await _answer(
            change_block(
                label,
                what,
                place.tenant,
                ports,
                scope=place.scope,
                by=caller.name,
                expected=body.expected_version,
            )
        )

    @router.get("/blocks")
    async def list_blocks(request: Request, asked: InQuery) -> list[BlockBody]:
        """
        Every block of the tier, whole; a repository has `persona`, `repository` and `people`.
        """
        place = await access.to_read(request.state.caller, asked)
        found = await load_blocks(place.tenant, ports, scope=place.scope)
        return [BlockBody.of(each) for each in found]

    @router.get("/blocks/{label}")
    async def show_block(request: Request, label: Label, asked: InQuery) -> BlockBody:
        """
        The present version of one block.
        """
        place = await access.to_read(request.state.caller, asked)
        return BlockBody.of(await get_block(label, place.tenant, ports, scope=place.scope))

    @router.put("/blocks/{label}", response_model=BlockBody, responses=CHANGING)
    async def write_block(request: Request, label: Label, body: PutBlockBody) -> Response:
        """
        Makes a block, or sets its text and settings.
        """
        caller: Caller = request.state.caller
        place = await access.to_write(caller, body)
        return await _answer(
            put_block(
                label,
                Configure(
                    value=body.value,
                    limit=body.limit,
                    read_only=body.read_only,
                    description=body.description,
                ),
                place.tenant,
                ports,
                scope=place.scope,
                by=caller.name,
                expected=body.expected_version,
            )
        )

    @router.delete("/blocks/{label}", status_code=204, responses=CHANGING)
    async def remove_block(
        request: Request,
        label: Label,
        asked: InQuery,
        expected_version: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    ) -> Response:
        """
        Deletes a block with all its versions.
        """
        place = await access.to_write(request.state.caller, asked)
        try:
            await delete_block(
                label, place.tenant, ports, scope=place.scope, expected=expected_version
            )
        except BlockChanged as error:
            return _conflict(error)
        return Response(status_code=204)

    @router.post("/blocks/{label}/append", response_model=BlockBody, responses=CHANGING)
    async def append(request: Request, label: Label, body: AppendBody) -> Response:
        """
        Puts a text on a line of its own at the end.
        """
        return await change(request, label, body, Append(text=body.text))

    @router.post("/blocks/{label}/replace", response_model=BlockBody, responses=CHANGING)
    async def replace(request: Request, label: Label, body: ReplaceBody) -> Response:
        """
        Puts a text in the place of another, which is there exactly once.
        """
        what = Replace(old=body.old, new=body.new, everywhere=body.everywhere)
        return await change(request, label, body, what)

    @router.post("/blocks/{label}/patch", response_model=BlockBody, responses=CHANGING)
    async def patch(request: Request, label: Label, body: PatchBody) -> Response:
        """
        Applies a unified diff, all of it or nothing.
        """
        return await change(request, label, body, Patch(diff=body.diff))

    @router.post("/blocks/{label}/rethink", response_model=BlockBody, responses=CHANGING)
    async def rethink(request: Request, label: Label, body: RethinkBody) -> Response:
        """
        Writes the whole text anew.
        """
        return await change(request, label, body, Rethink(value=body.value))

    @router.post("/blocks/{label}/restore", response_model=BlockBody, responses=CHANGING)
    async def restore(request: Request, label: Label, body: RestoreBody) -> Response:
        """
        Makes the text what it was in an older version, as a new version.
        """
        caller: Caller = request.state.caller
        place = await access.to_write(caller, body)
        return await _answer(
            restore_block(
                label,
                body.version,
                place.tenant,
                ports,
                scope=place.scope,
                by=caller.name,
                expected=body.expected_version,
            )
        )

    @router.get("/blocks/{label}/versions")
    async def list_versions(request: Request, label: Label, asked: InQuery) -> list[BlockBody]:
        """
        Every version of one block, the newest first.
        """
        place = await access.to_read(request.state.caller, asked)
        found = await block_versions(label, place.tenant, ports, scope=place.scope)
        return [BlockBody.of(each) for each in found]

    @router.get("/blocks/{label}/versions/{version}")
    async def show_version(
        request: Request, label: Label, version: Version, asked: InQuery
    ) -> BlockBody:
        """
        One version of one block.
        """
        place = await access.to_read(request.state.caller, asked)
        for each in await block_versions(label, place.tenant, ports, scope=place.scope):
            if each.version == version:
                return BlockBody.of(each)
        raise NotFound(f"Block {label} has no version {version}; see its versions.")

    return router


def memory_archive_routes(access: MemoryAccess) -> APIRouter:
    """
    The routes of the archive.
    """
    router = access.router("memory: archive")
    ports = access.ports

    @router.post("/archival", status_code=201, responses=error_responses(413))
    async def insert(request: Request, body: InsertBody) -> Inserted:
        """
        Puts a text in the archive; the same text in the same tier is one passage.
        """
        caller: Caller = request.state.caller
        place = await access.to_write(caller, body)
        if not body.text.strip():
            raise HTTPException(400, "text: it says nothing")
        record = await insert_passage(
            Passage(
                text=body.text,
                trust=Trust.AGENT if caller.is_service else Trust.PERSON,
                actor=caller.name,
                source=body.source,
                tags=body.tags,
                about=body.about,
            ),
            place.tenant,
            ports,
            scope=place.scope,
        )
        return Inserted(id=record.id, created_at=record.occurred_at)

    @router.post("/archival/search", responses=error_responses(413))
    async def search(request: Request, body: ArchivalSearchBody) -> list[FoundPassage]:
        """
        The passages that bear most on a query, best first.
        """
        place = await access.to_read(request.state.caller, body)
        found = await search_passages(
            body.query, place.tenant, ports, scope=place.scope, limit=body.top_k
        )
        return [FoundPassage.of(each) for each in found]

    return router


async def _answer(changing: Awaitable[Block]) -> Response:
    try:
        block = await changing
    except BlockChanged as error:
        return _conflict(error)
    return JSONResponse(BlockBody.of(block).model_dump(mode="json"))


def _conflict(error: BlockChanged) -> Response:
    body = BlockConflict(error="BlockChanged", detail=str(error), version=error.present)
    return JSONResponse(body.model_dump(), 409)
