"""
A property that GitHub does not have is found, also where schemas are combined.
"""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from contract.github.closing import closed

USER = {"type": "object", "properties": {"login": {"type": "string"}}}
SCHEMAS: dict[str, Any] = {
    "object": USER,
    "list": {"type": "array", "items": USER},
    "nested": {"type": "object", "properties": {"user": USER}},
    "both": {"allOf": [USER, {"properties": {"role": {"type": "string"}}}]},
    "either": {"anyOf": [USER, {"type": "null"}]},
    "free": {"type": "object"},
    "map": {"type": "object", "additionalProperties": {"type": "string"}},
    "half": {"anyOf": [USER, {"type": "object"}]},
}


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ("object", {"login": "ada"}, True),
        ("object", {"login": "ada", "age": 1}, False),
        ("list", [{"login": "ada"}, {"age": 1}], False),
        ("nested", {"user": {"age": 1}}, False),
        ("both", {"login": "ada", "role": "admin"}, True),
        ("both", {"login": "ada", "age": 1}, False),
        ("either", None, True),
        ("either", {"age": 1}, False),
        ("free", {"anything": 1}, True),
        ("map", {"anything": "yes"}, True),
        ("half", {"anything": 1}, True),
    ],
)
def test_an_object_holds_only_what_is_declared(schema: str, value: Any, fits: bool) -> None:
    """Free-form objects stay free."""
    validator = jsonschema_rs.Draft202012Validator(closed(SCHEMAS[schema], {}))

    assert validator.is_valid(value) is fits


def test_a_definition_is_closed_where_it_is_used() -> None:
    """A branch of `allOf` that is a reference may have neighbours."""
    known = {"schemas": {"user": USER}}
    definition = {"allOf": [{"$ref": "#/components/schemas/user"}, {"properties": {"role": {}}}]}

    shut = closed(definition, known)

    assert shut["unevaluatedProperties"] is False
    assert "unevaluatedProperties" not in shut["allOf"][0]
    assert closed(USER, known, used=False) == USER
