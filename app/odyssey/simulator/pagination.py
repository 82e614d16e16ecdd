"""Pages and their Link header, whose addresses carry the simulator's own host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import simulator_of

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_PAGE = 30
LARGEST_PAGE = 100


def page_size(request: Request) -> int:
    """`per_page` of the request: 30 unless asked, 100 at most."""
    asked = request.query_params.get("per_page", "")
    return min(LARGEST_PAGE, max(1, int(asked))) if asked.isdecimal() else DEFAULT_PAGE


def paged(
    request: Request,
    items: Sequence[Any],
    show: Callable[[Any], Any],
    *,
    wrap: str | None = None,
    extra: dict[str, Any] | None = None,
) -> Response:
    """
    The page of *items* that the request asks for, each through *show*.

    With *wrap* the list stands under that key beside `total_count` (and *extra*).
    The Link header is absent when there is one page only.
    """
    size = page_size(request)
    asked = request.query_params.get("page", "1")
    page = max(1, int(asked)) if asked.isdecimal() else 1
    last = max(1, -(-len(items) // size))
    shown = [show(item) for item in items[(page - 1) * size : page * size]]
    body: Any = shown
    if wrap is not None:
        body = {"total_count": len(items), **(extra or {}), wrap: shown}
    targets: dict[str, int] = {}
    if page > 1:
        targets |= {"prev": min(page - 1, last), "first": 1}
    if page < last:
        targets |= {"next": page + 1, "last": last}
    links = {rel: {"page": str(number)} for rel, number in targets.items()}
    return JSONResponse(body, headers=link_header(request, links))


def link_header(request: Request, links: dict[str, dict[str, str]]) -> dict[str, str]:
    """The Link header for *links* (rel to changed query parameters); empty for none."""
    if not links:
        return {}
    origin = simulator_of(request).api_url + request.url.path
    parts = [
        f'<{origin}?{urlencode({**request.query_params, **changed})}>; rel="{rel}"'
        for rel, changed in links.items()
    ]
    return {"link": ", ".join(parts)}
