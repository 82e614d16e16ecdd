"""
The kinds of value that a key of the policy takes: how each is read, and its JSON Schema.

A reader and a schema that stand side by side say the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from odyssey.domain.errors import PolicyInvalid
from odyssey.domain.globs import MAX_GLOB, glob_problem

MAX_GLOBS = 200
MAX_NAMES = 50
"""Names in one list: each may be a question to GitHub."""


def invalid(key: str, takes: str) -> PolicyInvalid:
    """The refusal of a value of *key*, which *takes* something else."""
    return PolicyInvalid(f"`{key}` takes {takes}")


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    text: str

    def read(self, value: Any, key: str) -> bool:
        """*value* as it is, or `PolicyInvalid`."""
        if not isinstance(value, bool):
            raise invalid(key, "true or false")
        return value

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": ["boolean", "null"]}


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number in a range."""

    text: str
    least: int
    most: int

    def read(self, value: Any, key: str) -> int:
        """*value* as it is, or `PolicyInvalid`."""
        # bool is an int to Python, but `required: true` is a mistake to a person.
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not self.least <= value <= self.most
        ):
            raise invalid(key, f"a whole number from {self.least} to {self.most}")
        return value

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema; a schema cannot tell 1.0 from 1, the reader refuses it."""
        return {"type": ["integer", "null"], "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    text: str
    among: tuple[StrEnum, ...]

    def read(self, value: Any, key: str) -> StrEnum:
        """The alternative that *value* names, or `PolicyInvalid`."""
        for each in self.among:
            if isinstance(value, str) and value == each.value:
                return each
        raise invalid(key, " or ".join(f"`{each}`" for each in self.among))

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"enum": [*(each.value for each in self.among), None]}


@dataclass(frozen=True, slots=True)
class FileName:
    """The name of a workflow file."""

    text: str
    pattern: ClassVar[str] = r"[A-Za-z0-9._-]+\.ya?ml"

    def read(self, value: Any, key: str) -> str:
        """*value* as it is, or `PolicyInvalid`."""
        if not isinstance(value, str):
            raise invalid(key, "text")
        if not re.fullmatch(self.pattern, value):
            raise invalid(key, "a file name in .github/workflows")
        return value

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": ["string", "null"], "pattern": f"^{self.pattern}$"}


@dataclass(frozen=True, slots=True)
class Names:
    """
    Logins or team slugs, at least one: an empty list would seem to name nobody and mean anybody.
    """

    text: str
    example: str
    # Logins of managed users have an underscore in them; slugs may have one too.
    pattern: ClassVar[str] = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"

    def read(self, value: Any, key: str) -> tuple[str, ...]:
        """The names, or `PolicyInvalid`."""
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise invalid(key, f"a list of names, such as `[{self.example}]`")
        if not 1 <= len(value) <= MAX_NAMES:
            raise invalid(key, f"1 to {MAX_NAMES} names; leave the key out to name nobody")
        for each in value:
            if not re.fullmatch(self.pattern, each):
                raise invalid(key, f"names like `{self.example}`, without `@` and organisation")
        return tuple(value)

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {
            "type": ["array", "null"],
            "minItems": 1,
            "maxItems": MAX_NAMES,
            "items": {"type": "string", "pattern": f"^{self.pattern}$"},
        }


class Needs(StrEnum):
    """What a protected path needs beside the approvals that every change needs."""

    SECOND_APPROVER = "second_approver"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ProtectedPaths:
    """Patterns for paths, each with what it needs: None, a person in mode `auto` too."""

    text: str

    # What `globs.glob_problem` refuses, but for the length.
    refused: ClassVar[str] = r"^!|\\|[^/]/{2,}[^/]|(^|/)\.{1,2}(/|$)|\*\*[^/]|[^/]\*\*"

    def read(self, value: Any, key: str) -> tuple[tuple[str, Needs | None], ...]:
        """The patterns with what they need, or `PolicyInvalid`."""
        if not isinstance(value, list):
            raise invalid(key, "a list of path patterns, such as `src/**`")
        if len(value) > MAX_GLOBS:
            raise invalid(key, f"at most {MAX_GLOBS} patterns")
        return tuple(self._entry(each, key) for each in value)

    def _entry(self, entry: Any, key: str) -> tuple[str, Needs | None]:
        glob, needs = entry, None
        if isinstance(entry, dict):
            if not {"path"} <= set(entry) <= {"path", "needs"}:
                raise invalid(key, "entries with `path` and `needs`, or plain patterns")
            glob = entry["path"]
            if entry.get("needs") is not None:
                alternatives = Choice("", tuple(Needs))
                needs = Needs(alternatives.read(entry["needs"], f"{key}.needs"))
        if not isinstance(glob, str) or not glob:
            raise invalid(key, "a list of path patterns, such as `src/**`")
        if problem := glob_problem(glob):
            raise PolicyInvalid(f"`{key}`: {glob[:80]!r} {problem}")
        return glob, needs

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        glob = {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_GLOB,
            "not": {"pattern": self.refused},
        }
        entry = {
            "type": "object",
            "properties": {"path": glob, "needs": {"enum": [*map(str, Needs), None]}},
            "required": ["path"],
            "additionalProperties": False,
        }
        return {
            "type": ["array", "null"],
            "maxItems": MAX_GLOBS,
            "items": {"anyOf": [glob, entry]},
        }


Kind = Flag | Number | Choice | FileName | Names | ProtectedPaths
