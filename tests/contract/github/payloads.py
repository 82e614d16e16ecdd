"""
Webhook payloads against `x-webhooks`, and errors against GitHub's three shapes of an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from contract.github.closing import closed
from contract.github.violations import shortened

Json = Any
BASE = "urn:github"
UNKNOWN = "Unevaluated properties"


class Payloads:
    """
    JSON Schema validators over the description's components, each compiled at its first use.

    Formats are not checked: real payloads break `uri` and `email` (an empty `homepage`, the
    address of a bot).
    """

    def __init__(self, description: Mapping[str, Json]) -> None:
        self._webhooks = description["x-webhooks"]
        self._components = description["components"]
        self._description = description
        self._registry: Any = None
        self._known: Json = {}
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

        More properties than declared are no error here: these schemas are older than what GitHub
        sends (a user in an issue has `user_view_type` in one webhook and not in another).
        """
        content = self._webhooks[name]["post"]["requestBody"]["content"]["application/json"]
        for where, wrong in self.errors(content["schema"]["$ref"], payload):
            if UNKNOWN not in wrong:
                yield where, wrong

    def unknown(self, pointer: str, value: Json) -> Iterator[tuple[str, str]]:
        """
        (JSON path, which) for each property in *value* that the schema at *pointer* has not.
        """
        for where, wrong in self.errors(pointer, value):
            if UNKNOWN in wrong:
                yield where, wrong

    def errors(self, reference: str, value: Json) -> Iterator[tuple[str, str]]:
        """
        (JSON path, what is wrong) for each error in *value*.

        *reference* is a JSON pointer into the description, with `#` before it.
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
        if self._registry is None:
            plain = nullable_rewritten(self._components["schemas"])
            known = {"schemas": plain}
            shut = {name: closed(schema, known, used=False) for name, schema in plain.items()}
            document = {"components": {"schemas": shut}}
            self._registry = jsonschema_rs.Registry([(BASE, document)])
            self._known = known
        schema = nullable_rewritten(self._at(reference))
        absolute = _absolute(closed(schema, self._known))
        return jsonschema_rs.Draft202012Validator(
            absolute, registry=self._registry, validate_formats=False
        )

    def _at(self, reference: str) -> Json:
        found: Json = self._description
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found


def _absolute(node: Json) -> Json:
    match node:
        case {"$ref": str(reference), **rest}:
            return {"$ref": BASE + reference, **_absolute(rest)}
        case dict():
            return {key: _absolute(value) for key, value in node.items()}
        case list():
            return [_absolute(item) for item in node]
        case _:
            return node


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
