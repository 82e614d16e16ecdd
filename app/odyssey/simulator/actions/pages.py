"""Lists of Actions objects: a total, one page, and links to the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Scope
from odyssey.simulator.state import Json

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

T = TypeVar("T")


def listed(
    scope: Scope, key: str, items: Sequence[T], view: Callable[[Simulator, T], Json]
) -> Response:
    """`{"total_count": ..., key: [...]}` for the page that the request asks for."""
    query = scope.request.query_params
    per_page = min(_number(query.get("per_page"), 30), 100)
    page = _number(query.get("page"), 1)
    last = max(1, -(-len(items) // per_page))
    shown = items[(page - 1) * per_page : page * per_page]
    numbers = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    if page == 1:
        del numbers["prev"], numbers["first"]
    if page >= last:
        del numbers["next"], numbers["last"]
    url = f"{scope.simulator.api_url}{scope.request.url.path}"
    links = [
        f'<{url}?{urlencode({**query, "page": number})}>; rel="{name}"'
        for name, number in numbers.items()
    ]
    return JSONResponse(
        {"total_count": len(items), key: [view(scope.simulator, item) for item in shown]},
        headers={"link": ", ".join(links)} if links else {},
    )


def _number(text: str | None, default: int) -> int:
    return max(1, int(text)) if text is not None and text.isdecimal() else default
