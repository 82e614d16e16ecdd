"""
JSON Schemas in which an object may hold only the properties that are declared for it.

GitHub's schemas forbid nothing: a property that GitHub does not have would pass unseen, in the
simulator as in its client. `additionalProperties: false` cannot say so beside `allOf`;
`unevaluatedProperties: false` (JSON Schema 2020-12) can, at each place where a schema is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Any
BRANCHES = ("allOf", "anyOf", "oneOf")


def closed(node: Json, components: Mapping[str, Json], *, used: bool = True) -> Json:
    """
    *node*, a schema, closed at every place where it or a schema in it is used.

    A definition, or a branch of a combination, is not *used* by itself: it is closed where it is
    referred to, together with its neighbours.
    """
    if not isinstance(node, dict):
        return node
    shut: dict[str, Json] = {}
    for key, value in node.items():
        if key == "properties":
            shut[key] = {name: closed(inner, components) for name, inner in value.items()}
        elif key in ("items", "additionalProperties"):
            shut[key] = closed(value, components)
        elif key in BRANCHES:
            shut[key] = [closed(inner, components, used=False) for inner in value]
        else:
            shut[key] = value
    if used and _declares(node, components):
        shut["unevaluatedProperties"] = False
    return shut


def _declares(schema: Json, components: Mapping[str, Json]) -> bool:
    """
    Whether *schema* tells all properties of an object; a free-form object does not.
    """
    if "$ref" in schema:
        _, _, kind, name = schema["$ref"].split("/", 3)
        return _declares(components[kind][name], components)
    if schema.get("additionalProperties", False) is not False:
        return False
    if "properties" in schema:
        return True
    for key in BRANCHES:
        branches = [branch for branch in schema.get(key, ()) if _may_be_object(branch)]
        if not branches:
            continue
        told = [_declares(branch, components) for branch in branches]
        return any(told) if key == "allOf" else all(told)
    return False


def _may_be_object(schema: Json) -> bool:
    types = schema.get("type", "object")
    return "object" in ([types] if isinstance(types, str) else types)
