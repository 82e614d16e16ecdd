"""
Webhook payloads against `x-webhooks`, and errors against GitHub's three shapes of an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from contract.github.violations import shortened

Json = Any


class Payloads:
    """
    JSON Schema validators over the description's components, each compiled at its first use.

    Formats are not checked: real payloads break `uri` and `email` (an empty `homepage`, the
    address of a bot).
    """

    def __init__(self, description: Mapping[str, Json]) -> None:
        self._webhooks = description["x-webhooks"]
        self._components = description["components"]
        self._document: Json = None
        self._validators: dict[str, Any] = {}

    def find_webhook(self, event: str, payload: Mapping[str, Json]) -> str | None:
        """
        The name of the schema for *payload* under `x-webhooks`, if GitHub has one.
        """
        plain = event.replace("_", "-")
        if event == "repository_dispatch":
            return "repository-dispatch-sample.collected"
        named = f"{plain}-{payload.get('action')}".replace("_", "-")
        return next((name for name in (named, plain) if name in self._webhooks), None)

    def webhook_errors(self, name: str, payload: Json) -> Iterator[tuple[str, str]]:
        """
        (JSON path, what is wrong) for each error in *payload*.
        """
        content = self._webhooks[name]["post"]["requestBody"]["content"]["application/json"]
        yield from self.errors(content["schema"]["$ref"], payload)

    def errors(self, reference: str, value: Json) -> Iterator[tuple[str, str]]:
        """
        (JSON path, what is wrong) for each error in *value*; *reference* is `#/components/...`.
        """
        if reference not in self._validators:
            self._validators[reference] = self._compile(reference)
        for error in self._validators[reference].iter_errors(value):
            where = "".join(
                f"[{at}]" if isinstance(at, int) else f".{at}" for at in error.instance_path
            )
            yield f"${where}", shortened(error.message)

    def error_problem(self, body: Json) -> str | None:
        """
        Why *body* is not an error of GitHub's, or None.

        A `message` is always there; `errors`, where given, is a list of objects
        (`validation-error`) or of strings (`validation-error-simple`).
        """
        if not isinstance(body, dict) or not isinstance(body.get("message"), str):
            return "an error is an object with a string `message`"
        shapes = ["basic-error"]
        if "errors" in body:
            shapes = ["validation-error", "validation-error-simple"]
        problems = []
        for shape in shapes:
            first = next(self.errors(f"#/components/schemas/{shape}", body), None)
            if first is None:
                return None
            problems.append(f"{shape}: {first[0]} {first[1]}")
        return "; ".join(problems)

    def _compile(self, reference: str) -> Any:
        if self._document is None:
            self._document = {"components": nullable_rewritten(self._components)}
            self._registry = jsonschema_rs.Registry([("urn:github", self._document)])
        return jsonschema_rs.Draft202012Validator(
            {"$ref": f"urn:github{reference}"}, registry=self._registry, validate_formats=False
        )


def nullable_rewritten(node: Json) -> Json:
    """
    *node* with OpenAPI 3.0's `nullable` said in JSON Schema's own words.
    """
    match node:
        case list():
            return [nullable_rewritten(item) for item in node]
        case {"nullable": True, **rest}:
            plain = nullable_rewritten(rest)
            if isinstance(plain.get("type"), str):
                plain["type"] = [plain["type"], "null"]
                if "enum" in plain and None not in plain["enum"]:
                    plain["enum"] = [*plain["enum"], None]
                if not {"$ref", "allOf", "anyOf", "oneOf"} & plain.keys():
                    return plain
            return {"anyOf": [plain, {"type": "null"}]}
        case dict():
            return {key: nullable_rewritten(value) for key, value in node.items()}
        case _:
            return node
