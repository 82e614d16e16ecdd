"""Lists in GraphQL: nodes, page information and the bounds that GitHub insists on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Node = dict[str, Any]

LARGEST_PAGE = 100  # https://docs.github.com/graphql/overview/rate-limits-and-query-limits


class Refusal(Exception):
    """
    A field that GitHub answers with null and an entry in `errors`; `kind` is that entry's `type`.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class NotBuilt(Exception):
    """
    A field or argument that GitHub has and this simulator does not serve.
    """


def connection(name: str, items: Sequence[T], render: Callable[[T], Any]) -> Callable[..., Node]:
    """
    The resolver of connection *name* over *items*, which are rendered only when asked for.

    Like GitHub, `totalCount` needs no bounds, but `nodes` and `pageInfo` need `first` or `last`.
    """

    def resolve(
        first: int | None = None,
        last: int | None = None,
        after: str | None = None,
        before: str | None = None,
    ) -> Node:
        def bounds() -> tuple[int, int]:
            return _bounds(name, len(items), (first, last), (after, before))

        def nodes() -> list[Any]:
            start, stop = bounds()
            return [render(item) for item in items[start:stop]]

        def page_info() -> Node:
            start, stop = bounds()
            empty = start >= stop
            return {
                "hasNextPage": stop < len(items),
                "hasPreviousPage": start > 0,
                "startCursor": None if empty else _cursor(start),
                "endCursor": None if empty else _cursor(stop - 1),
            }

        return {"totalCount": len(items), "nodes": nodes, "pageInfo": page_info}

    return resolve


def paging(name: str, page: dict[str, Any]) -> dict[str, Any]:
    """
    The bounds in *page*; another argument with a value is one that is not served here.
    """
    bounds = {"first", "last", "after", "before"}
    unknown = {key for key, value in page.items() if value is not None} - bounds
    if unknown:
        raise NotBuilt(f"argument {', '.join(sorted(unknown))} of `{name}`")
    return {key: page.get(key) for key in sorted(bounds)}


def _bounds(
    name: str,
    total: int,
    sizes: tuple[int | None, int | None],
    cursors: tuple[str | None, str | None],
) -> tuple[int, int]:
    first, last = sizes
    after, before = cursors
    if first is None and last is None:
        raise Refusal(
            "MISSING_PAGINATION_BOUNDARIES",
            "You must provide a `first` or `last` value to properly paginate the "
            f"`{name}` connection.",
        )
    for label, size in (("first", first), ("last", last)):
        if size is not None and size > LARGEST_PAGE:
            raise Refusal(
                "EXCESSIVE_PAGINATION",
                f"Requesting {size} records on the `{name}` connection exceeds the `{label}` "
                f"limit of {LARGEST_PAGE} records.",
            )
        if size is not None and size < 0:
            raise Refusal(
                "INVALID_PAGINATION_BOUNDARIES",
                f"`{label}` on the `{name}` connection cannot be less than zero.",
            )
    start = 0 if after is None else _position(after) + 1
    stop = total if before is None else min(total, _position(before))
    if first is not None:
        stop = min(stop, start + first)
    if last is not None:
        start = max(start, stop - last)
    return start, max(start, stop)


def _cursor(position: int) -> str:
    return base64.b64encode(f"cursor:v2:{position}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        text = base64.b64decode(cursor, validate=True).decode()
        return int(text.removeprefix("cursor:v2:"))
    except (binascii.Error, ValueError) as error:
        raise Refusal(
            "INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor."
        ) from error
