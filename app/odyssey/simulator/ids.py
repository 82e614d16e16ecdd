"""Numbers and names that GitHub hands out: database ids, node ids, GUIDs, times."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime


class Ids:
    """Counters, one for each kind of object, so that ids never repeat within a kind."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next(self, kind: str) -> int:
        """The next database id of *kind*: 1001, 1002, ..."""
        self._last[kind] = self._last.get(kind, 1000) + 1
        return self._last[kind]


def node_id(kind: str, number: int | str) -> str:
    """The opaque GraphQL id of an object; reversible by `parse_node_id`."""
    return base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


def parse_node_id(value: str) -> tuple[str, str] | None:
    """The kind and the number inside *value*, or None when it is no id of this simulator."""
    padded = value + "=" * (-len(value) % 4)
    try:
        kind, _, number = base64.urlsafe_b64decode(padded).decode().partition(":")
    except ValueError:
        return None
    return (kind, number) if number else None


def guid() -> str:
    """A delivery GUID."""
    return str(uuid.uuid4())


def timestamp(moment: datetime) -> str:
    """*moment* as the REST API writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def optional_timestamp(moment: datetime | None) -> str | None:
    """`timestamp` of *moment*, or None for none."""
    return None if moment is None else timestamp(moment)
