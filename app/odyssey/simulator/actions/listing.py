"""Lists of Actions objects: `total_count`, one page, links to the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response

from odyssey.simulator.auth import Scope
from odyssey.simulator.pagination import paged
from odyssey.simulator.state import Json

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

T = TypeVar("T")


def listed(
    scope: Scope, key: str, items: Sequence[T], view: Callable[[Simulator, T], Json]
) -> Response:
    """`{"total_count": ..., key: [...]}` for the page that the request asks for."""
    return paged(scope.request, items, partial(view, scope.simulator), wrap=key)
