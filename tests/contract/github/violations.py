"""
What a check found wrong, and how it is told to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

Side = Literal["request", "response", "githubkit", "webhook", "graphql"]
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Violation:
    """
    One place where the simulator or its client differs from GitHub's description.

    `subject` is the operation id (`issues/create-comment`) or the webhook
    (`issue_comment.created`); `where` is a JSON path (`$.user.login`), a parameter, or `status`;
    `expected` says what the description asks for there.
    """

    side: Side
    subject: str
    where: str
    expected: str
    seen: str

    def __str__(self) -> str:
        return f"{self.side:<9} {self.subject} at {self.where}: {self.expected}  [{self.seen}]"


@runtime_checkable
class SchemaError(Protocol):
    """
    The part of a jsonschema error that is read here.
    """

    json_path: str
    message: str
    context: list[Any]
    validator: str


def places(error: BaseException) -> Iterator[tuple[str, str]]:
    """
    (JSON path, what is wrong) for every schema error in *error* and its causes.

    Of `oneOf` and `anyOf`, only the alternative that came nearest is told.
    """
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__
    found = [e for c in causes for e in getattr(c, "schema_errors", ()) or ()]
    if not found:
        yield "$", shortened("; caused by ".join(dict.fromkeys(str(c) for c in causes)))
    for schema_error in found:
        nearest = _nearest(schema_error)
        yield nearest.json_path, shortened(nearest.message)


def shortened(text: str) -> str:
    """
    *text* on one line and at most `LONGEST` characters.
    """
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"


def told(violations: Iterable[Violation]) -> str:
    """
    All *violations*, each once with how often it occurred, the most frequent first.
    """
    counted: dict[tuple[str, str, str, str], list[Violation]] = {}
    for violation in violations:
        key = (violation.side, violation.subject, violation.where, violation.expected)
        counted.setdefault(key, []).append(violation)
    ordered = sorted(counted.values(), key=len, reverse=True)
    return "\n".join(f"  {len(same)} x {same[0]}" for same in ordered)


def _nearest(error: SchemaError) -> SchemaError:
    while error.context:
        branches: dict[Any, list[SchemaError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        # The alternative with the fewest complaints, and among equals the one that got deepest.
        best = min(
            branches.values(),
            key=lambda branch: (
                any(e.validator == "type" and e.json_path == error.json_path for e in branch),
                len(branch),
                -max(len(e.json_path) for e in branch),
            ),
        )
        error = max(best, key=lambda e: len(e.json_path))
    return error
