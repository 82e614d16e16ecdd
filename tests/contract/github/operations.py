"""
Which operation of GitHub's description a request is for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

METHODS = ("get", "post", "put", "patch", "delete")
# Parameters in which GitHub takes slashes as they are.
WITH_SLASHES = frozenset({"path", "ref", "branch", "basehead"})


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One operation: its id, method (lower case) and path template.
    """

    operation_id: str
    method: str
    template: str
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Matched:
    """
    An operation and the decoded values of the parameters in its path.
    """

    operation: Operation
    parameters: Mapping[str, str]


class Operations:
    """
    The operations of a description, found by method and path or by template.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        self._by_template: dict[tuple[str, str], Operation] = {}
        templates = sorted(description["paths"], key=_literal_length, reverse=True)
        for template in templates:
            self._patterns.append((_pattern(template), template))
            for method, definition in description["paths"][template].items():
                if method in METHODS:
                    found = Operation(definition["operationId"], method, template, definition)
                    self._by_template[method, template] = found

    def __iter__(self) -> Any:
        return iter(self._by_template.values())

    def find(self, method: str, path: str) -> Matched | None:
        """
        The operation that GitHub serves at *path* (percent-encoded or not), if there is one.

        The template with the most literal characters wins: `/issues/comments` is not issue
        number `comments`.
        """
        for pattern, template in self._patterns:
            match = pattern.fullmatch(path)
            operation = self._by_template.get((method.lower(), template)) if match else None
            if match and operation:
                values = {name: unquote(value or "") for name, value in match.groupdict().items()}
                return Matched(operation, values)
        return None

    def find_template(self, method: str, template: str) -> Operation | None:
        """
        The operation with this path, whatever the parameters in *template* are called.

        `{path:path}`, as Starlette writes it, is `{path}`; the folder at the top of a repository
        has no path.
        """
        wanted = _anonymous(template + "/{path}" if template.endswith("/contents") else template)
        for (known_method, known), operation in self._by_template.items():
            if known_method == method.lower() and _anonymous(known) == wanted:
                return operation
        return None


def _anonymous(template: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", template)


def _literal_length(template: str) -> int:
    return len(_anonymous(template))


def _pattern(template: str) -> re.Pattern[str]:
    if template.endswith("/contents/{path}"):
        # The folder at the top has no path: GitHub serves it at /contents and /contents/.
        head = template.removesuffix("/{path}")
        return re.compile(_pattern(head).pattern + r"(?:/(?P<path>.*))?")
    parts = re.split(r"\{(\w+)\}", template)
    expression = ""
    for index, part in enumerate(parts):
        if index % 2:
            expression += f"(?P<{part}>{'.+' if part in WITH_SLASHES else '[^/]+'})"
        else:
            expression += re.escape(part)
    return re.compile(expression)
