"""
GitHub Actions expressions: what stands between `${{` and `}}`, evaluated over plain contexts.

Used for what GitHub itself evaluates before a runner is involved: `run-name`, `concurrency`, job
names. Steps are evaluated by act. Functions known: contains, startsWith, endsWith, format, join,
toJSON, fromJSON, always, success, failure and cancelled are not (they need a running job).

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Contexts = Mapping[str, Any]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>-?0x[0-9a-fA-F]+|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<string>'(?:[^']|'')*')
      | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
      | (?P<operator>&&|\|\||==|!=|<=|>=|[!<>().,\[\]*])
    )""",
    re.VERBOSE,
)
_HOLE = re.compile(r"\$\{\{((?:'(?:[^']|'')*'|[^'])*?)\}\}")


class ExpressionInvalid(ValueError):
    """An expression GitHub would refuse; the message quotes it."""


def interpolate(text: str, contexts: Contexts) -> str:
    """*text* with every `${{ ... }}` replaced by its value as a string."""
    return _HOLE.sub(lambda hole: as_text(evaluate(hole.group(1), contexts)), text)


def evaluate(expression: str, contexts: Contexts) -> Any:
    """
    The value of *expression*; an unknown property is None, as on GitHub.

    Raises:
        ExpressionInvalid: it cannot be parsed, or calls a function that is not known here.
    """
    return _Parser(expression, contexts).parse()


def as_text(value: Any) -> str:
    """*value* as GitHub writes it into a string: null is empty, booleans are lower case."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case Mapping():
            return "Object"
        case str():
            return value
        case Sequence():
            return "Array"
        case _:
            return str(value)


def is_truthy(value: Any) -> bool:
    """Whether *value* counts as true: not null, false, zero, NaN or the empty string."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return value not in (None, False, 0, "")


class _Parser:
    """Recursive descent over one expression; evaluates while it reads."""

    def __init__(self, expression: str, contexts: Contexts) -> None:
        self._expression = expression.strip()
        self._contexts = contexts
        self._tokens = self._split()
        self._position = 0

    def parse(self) -> Any:
        value = self._either()
        if self._position < len(self._tokens):
            raise self._refused(f"unexpected {self._tokens[self._position][1]!r}")
        return value

    def _refused(self, why: str) -> ExpressionInvalid:
        return ExpressionInvalid(f"${{{{ {self._expression} }}}}: {why}")

    def _split(self) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(self._expression):
            found = _TOKEN.match(self._expression, at)
            if found is None or found.end() == at:
                raise self._refused(f"unexpected text at column {at + 1}")
            kind = found.lastgroup or ""
            tokens.append((kind, found.group(kind)))
            at = found.end()
        return tokens

    def _take(self, *operators: str) -> str | None:
        if self._position < len(self._tokens):
            kind, text = self._tokens[self._position]
            if kind == "operator" and text in operators:
                self._position += 1
                return text
        return None

    def _need(self, operator: str) -> None:
        if self._take(operator) is None:
            raise self._refused(f"{operator!r} is missing")

    def _either(self) -> Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value if is_truthy(value) else other
        return value

    def _both(self) -> Any:
        value = self._comparison()
        while self._take("&&"):
            other = self._comparison()
            value = other if is_truthy(value) else value
        return value

    def _comparison(self) -> Any:
        value = self._negation()
        while operator := self._take("==", "!=", "<=", ">=", "<", ">"):
            value = _compare(value, operator, self._negation())
        return value

    def _negation(self) -> Any:
        if self._take("!"):
            return not is_truthy(self._negation())
        return self._property()

    def _property(self) -> Any:
        value = self._primary()
        while operator := self._take(".", "["):
            if operator == "[":
                key = self._either()
                self._need("]")
            else:
                key = self._name_after_dot()
            value = _lookup(value, key)
        return value

    def _name_after_dot(self) -> str:
        if self._position < len(self._tokens) and self._tokens[self._position][0] == "name":
            self._position += 1
            return self._tokens[self._position - 1][1]
        raise self._refused("a name must follow '.'")

    def _primary(self) -> Any:
        if self._take("("):
            value = self._either()
            self._need(")")
            return value
        if self._position == len(self._tokens):
            raise self._refused("it ends too early")
        kind, text = self._tokens[self._position]
        self._position += 1
        match kind:
            case "string":
                return text[1:-1].replace("''", "'")
            case "number":
                return float(int(text, 16)) if "0x" in text else float(text)
            case "name" if text in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[text]
            case "name":
                return self._call(text) if self._take("(") else _lookup(self._contexts, text)
            case _:
                raise self._refused(f"unexpected {text!r}")

    def _call(self, name: str) -> Any:
        arguments: list[Any] = []
        if not self._take(")"):
            arguments.append(self._either())
            while self._take(","):
                arguments.append(self._either())
            self._need(")")
        function = _FUNCTIONS.get(name.lower())
        if function is None:
            raise self._refused(f"the function {name!r} is not known here")
        try:
            return function(*arguments)
        except (TypeError, ValueError, IndexError) as error:
            raise self._refused(f"{name}: {error}") from error


def _lookup(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        wanted = as_text(key).lower()
        return next((found for name, found in value.items() if str(name).lower() == wanted), None)
    if isinstance(value, list) and isinstance(key, float) and 0 <= key < len(value):
        return value[int(key)]
    return None


def _as_number(value: Any) -> float:
    match value:
        case None | "":
            return 0.0
        case bool() | int() | float():
            return float(value)
        case str():
            try:
                return float(value)
            except ValueError:
                return math.nan
        case _:
            return math.nan


def _compare(left: Any, operator: str, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        left, right = left.lower(), right.lower()
    elif not (isinstance(left, (Mapping, list)) and left is right):
        left, right = _as_number(left), _as_number(right)
    outcomes: dict[str, Callable[[], bool]] = {
        "==": lambda: bool(left == right),
        "!=": lambda: bool(left != right),
        "<": lambda: bool(left < right),
        "<=": lambda: bool(left <= right),
        ">": lambda: bool(left > right),
        ">=": lambda: bool(left >= right),
    }
    return outcomes[operator]()


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, list):
        return any(_compare(item, "==", what) for item in where)
    return as_text(what).lower() in as_text(where).lower()


def _format(template: str, *values: Any) -> str:
    return re.sub(
        r"\{\{|\}\}|\{(\d+)\}",
        lambda hole: as_text(values[int(hole.group(1))]) if hole.group(1) else hole.group(0)[0],
        template,
    )


def _join(values: Any, separator: str = ",") -> str:
    return separator.join(map(as_text, values)) if isinstance(values, list) else as_text(values)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "contains": _contains,
    "startswith": lambda text, start: as_text(text).lower().startswith(as_text(start).lower()),
    "endswith": lambda text, end: as_text(text).lower().endswith(as_text(end).lower()),
    "format": _format,
    "join": _join,
    "tojson": lambda value: json.dumps(value, indent=2),
    "fromjson": lambda text: json.loads(as_text(text)),
}
