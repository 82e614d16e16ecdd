"""Reading request bodies: GitHub's own complaints about missing and mistyped fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from starlette.requests import Request

from odyssey.simulator.auth import body_of
from odyssey.simulator.errors import ApiError, invalid

# GitHub's limit for bodies of issues, pull requests, comments and reviews.
LONGEST_BODY = 65536
_T = TypeVar("_T")


class Fields:
    """The JSON object of a request; each reader checks the type and answers 422 otherwise."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def find_text(self, name: str) -> str | None:
        """The string at *name*, None when absent or null."""
        return self._typed(name, str, "a string")

    def text(self, name: str) -> str:
        """The string at *name*, which must be there."""
        return self._present(name, self.find_text(name))

    def find_flag(self, name: str) -> bool | None:
        """The boolean at *name*, None when absent."""
        return self._typed(name, bool, "a boolean")

    def flag(self, name: str, *, default: bool = False) -> bool:
        """The boolean at *name*."""
        found = self.find_flag(name)
        return default if found is None else found

    def find_number(self, name: str) -> int | None:
        """The integer at *name*, None when absent."""
        return self._typed(name, int, "an integer")

    def find_list(self, name: str) -> list[Any] | None:
        """The array at *name*, None when absent."""
        return self._typed(name, list, "an array")

    def find_object(self, name: str) -> dict[str, Any] | None:
        """The object at *name*, None when absent."""
        return self._typed(name, dict, "an object")

    def choice(self, name: str, allowed: Sequence[str], *, default: str | None = None) -> str:
        """One of *allowed* at *name*; must be there when *default* is None."""
        found = self.find_text(name)
        if found is None:
            return self._present(name, default)
        if found not in allowed:
            listed = ", ".join(allowed)
            raise ApiError(422, f'Invalid request.\n\n{found} is not a member of ["{listed}"].')
        return found

    def body(self, name: str = "body") -> str | None:
        """A Markdown body of at most 65,536 characters."""
        found = self.find_text(name)
        if found is not None and len(found) > LONGEST_BODY:
            message = f"Body is too long (maximum is {LONGEST_BODY} characters)"
            raise invalid("IssueComment", "unprocessable", "data", message)
        return found

    def _present(self, name: str, value: _T | None) -> _T:
        if value is None:
            raise ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        return value

    def _typed(self, name: str, kind: type[_T], called: str) -> _T | None:
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ApiError(
                422, f"Invalid request.\n\nFor 'properties/{name}', {value!r} is not {called}."
            )
        return value


async def fields_of(request: Request) -> Fields:
    """The `Fields` of *request* (a FastAPI dependency)."""
    return Fields(await body_of(request))
