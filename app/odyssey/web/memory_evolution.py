"""
The REST API of a memory's evolution: as graph, page or report.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from odyssey.domain.memory import evolution_page
from odyssey.domain.memory.evolution_formats import EvolutionFormat, told
from odyssey.handlers.memory.evolve import find_evolution
from odyssey.web.bearer import Caller
from odyssey.web.errors import error_responses
from odyssey.web.memory_access import Asked, MemoryAccess, asked_in_query

InQuery = Annotated[Asked, Depends(asked_in_query)]


_TYPES: Final = {
    EvolutionFormat.JSON: "application/json",
    EvolutionFormat.MARKDOWN: "text/markdown; charset=utf-8",
    EvolutionFormat.TEXT: "text/plain; charset=utf-8",
    # Nobody registered a type for Mermaid.
    EvolutionFormat.MERMAID: "text/plain; charset=utf-8",
    EvolutionFormat.DOT: "text/vnd.graphviz; charset=utf-8",
    EvolutionFormat.HTML: "text/html; charset=utf-8",
}

_HEADERS: Final = {
    "Content-Security-Policy": evolution_page.CONTENT_SECURITY_POLICY + "; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


def memory_evolution_routes(access: MemoryAccess) -> APIRouter:
    """
    `GET /api/v1/memory/evolution/{id}`.
    """
    router = access.router("memory: evolution")
    ports = access.ports

    @router.get(
        "/evolution/{memory_id:path}",
        response_class=Response,
        responses={
            200: {
                "description": "In the format that was asked for.",
                "content": {each.partition(";")[0]: {} for each in _TYPES.values()},
            },
            **error_responses(409),
        },
    )
    async def show_evolution(
        request: Request,
        memory_id: Annotated[
            str,
            Path(
                max_length=200,
                description="An observation, or a record that became one.",
                examples=["obs_0123456789abcdef"],
            ),
        ],
        asked: InQuery,
        form: Annotated[EvolutionFormat, Query(alias="format")] = EvolutionFormat.JSON,
    ) -> Response:
        """
        What a memory came from, how it changed, and what it became.
        """
        caller: Caller = request.state.caller
        place = await access.to_read(caller, asked)
        found = await find_evolution(
            place.tenant,
            memory_id,
            memory=ports.memory,
            observations=ports.derived.observations,
            scope=place.scope,
        )
        return Response(
            told(found, form, ports.now()), media_type=_TYPES[form], headers=dict(_HEADERS)
        )

    return router
