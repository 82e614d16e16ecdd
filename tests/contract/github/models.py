"""
githubkit's own model of each operation's answer: what the client in use will accept.
"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from githubkit import GitHub, UnauthAuthStrategy
from githubkit.utils import UNSET
from pydantic import TypeAdapter, ValidationError

from contract.github.violations import shortened

# githubkit has one method for both ways to write the two ends of a comparison.
ALIASES = {"repos/compare-commits-with-basehead": "repos/compare-commits"}
ABSENT = frozenset({"literal[<UNSET>]", "none"})


class _Probe(GitHub[UnauthAuthStrategy]):
    """
    A client that sends nothing: each method returns the model it would have parsed into.
    """

    def request(self, *_: Any, response_model: Any = UNSET, **__: Any) -> Any:
        return response_model


class AnswerModels:
    """
    Finds and keeps the models; each is built at its first use (some take 100 ms).
    """

    def __init__(self, api_version: str) -> None:
        self._probe = _Probe(rest_api_validate_body=False)  # its namespaces hold it weakly
        self._version = api_version
        self._adapters: dict[str, TypeAdapter[Any] | None] = {}

    def knows(self, operation_id: str) -> bool:
        """
        Whether githubkit has a method for the operation.
        """
        return self._method(operation_id) is not None

    def errors(self, operation_id: str, body: bytes) -> Iterator[tuple[str, str]]:
        """
        (JSON path, what is wrong) for each place of *body* that githubkit cannot parse.
        """
        if operation_id not in self._adapters:
            self._adapters[operation_id] = self._build(operation_id)
        adapter = self._adapters[operation_id]
        if adapter is None:
            return
        try:
            adapter.validate_json(body)
        except ValidationError as error:
            yield from told_places(error, json.loads(body))

    def webhook_errors(self, event: str, payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """
        (JSON path, what is wrong) for each place of *payload* that githubkit cannot parse.

        Only the model of this action is built.
        """
        action = payload.get("action")
        key = f"{event}.{action}"
        if key not in self._adapters:
            self._adapters[key] = self._build_webhook(event, action)
        adapter = self._adapters[key]
        if adapter is None:
            yield "action", "githubkit knows no such webhook"
            return
        try:
            adapter.validate_python(payload)
        except ValidationError as error:
            for where, wrong in told_places(error, payload):
                yield where, f"githubkit: {wrong}"

    def _build_webhook(self, event: str, action: Any) -> TypeAdapter[Any] | None:
        package = f"githubkit_schemas.v{self._version.replace('-', '_')}"
        words = f"webhook_{event}" if action is None else f"webhook_{event}_{action}"
        # The class has the name of the schema. To ask the event's module for it would import the
        # models of all its actions: seconds for `pull_request`.
        named = "".join(word.capitalize() for word in words.split("_"))
        model = getattr(import_module(f"{package}.models"), named, None)
        if model is not None:
            return TypeAdapter(model)
        try:
            module = import_module(f"{package}.webhooks.{event}")
        except ModuleNotFoundError:
            return None
        actions = module.action_types
        model = actions.get(action) if isinstance(actions, dict) else module.Event
        return None if model is None else TypeAdapter(model)

    def _method(self, operation_id: str) -> Any:
        rest: Any = self._probe.rest(self._version)  # type: ignore[call-overload]  # read from the description
        area, name = ALIASES.get(operation_id, operation_id).replace("-", "_").split("/")
        return getattr(getattr(rest, area, None), name, None)

    def _build(self, operation_id: str) -> TypeAdapter[Any] | None:
        method = self._method(operation_id)
        if method is None:
            return None
        arguments = [
            1 if parameter.annotation in ("int", int) else "x"
            for parameter in inspect.signature(method).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        model = method(*arguments)
        return None if model is UNSET else TypeAdapter(model)


def told_places(error: ValidationError, value: Any) -> Iterator[tuple[str, str]]:
    """
    (JSON path, message) for each error of pydantic in *value*.

    Of a union, only the member with the fewest errors is told.
    """
    located = [(detail, *_located(detail["loc"], value)) for detail in error.errors()]
    members: dict[str, Counter[str]] = {}
    for _, _, tags in located:
        for at, tag in tags:
            # "Left out" and null are members of most unions, and would always be the nearest.
            members.setdefault(at, Counter())[tag] += 10_000 if tag in ABSENT else 1
    nearest = {at: min(counts, key=counts.__getitem__) for at, counts in members.items()}
    for detail, path, tags in located:
        if all(nearest[at] == tag for at, tag in tags):
            yield path, shortened(detail["msg"])


def _located(location: Sequence[int | str], value: Any) -> tuple[str, list[tuple[str, str]]]:
    """
    The JSON path of a pydantic location, and the union members on the way, each with its place.

    pydantic writes both into one sequence; only *value* tells a key from the name of a member.
    """
    path, tags = "$", []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(value, list) and isinstance(part, int):
            path, value = f"{path}[{part}]", value[part]
        elif isinstance(value, dict) and (part in value or (last and part not in ABSENT)):
            path, value = f"{path}.{part}", value.get(part)
        else:
            tags.append((path, str(part)))
    return path, tags
