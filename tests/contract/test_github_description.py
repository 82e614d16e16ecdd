"""
Cutting GitHub's descriptions: patches are applied, nothing needed is lost.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import build_schema
from hypothesis import given
from hypothesis import strategies as st

from contract.github.contract import DESCRIPTION
from contract.github.description import (
    CutError,
    apply_changes,
    description_of,
    json_patch,
    merge,
    references,
    without_prose,
)
from contract.github.extract import SCHEMA_FOLDER
from contract.github.payloads import nullable_rewritten
from contract.github.schema_cut import OperationsError, cut_schema

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, ["c"], ["c"]),
        ("a", {"b": {"c": None}}, {"b": {}}),
    ],
)
def test_a_merge_patch_works_as_rfc_7396_says(target: Any, patch: Any, expected: Any) -> None:
    """Cases of the kind that appendix A of the RFC lists."""
    assert merge(target, patch) == expected


@given(VALUES)
def test_an_empty_merge_patch_changes_no_object(value: Any) -> None:
    """RFC 7396: `{}` leaves an object as it is and makes one of anything else."""
    assert merge(value, {}) == (value if isinstance(value, dict) else {})


def test_a_json_patch_adds_replaces_and_removes() -> None:
    """With `~1` for a slash in a key, and `-` for the end of a list."""
    document = {"content": {"application/json": {"old": 1}}, "list": [1, 3]}

    patched = json_patch(
        document,
        [
            {"op": "remove", "path": "/content/application~1json/old"},
            {"op": "add", "path": "/list/1", "value": 2},
            {"op": "add", "path": "/list/-", "value": 4},
            {"op": "replace", "path": "/list/0", "value": 0},
        ],
    )

    assert patched == {"content": {"application/json": {}}, "list": [0, 2, 3, 4]}


def test_an_unknown_json_patch_operation_is_refused() -> None:
    """Rather than left out in silence."""
    with pytest.raises(CutError, match="'move' is not known"):
        json_patch({}, [{"op": "move", "path": "/a"}])


def test_changes_of_later_versions_are_left_out() -> None:
    """Only the versions up to the wanted one are applied, oldest first."""
    described = {
        "a": 0,
        "x-github-breaking-changes": [
            {"version": "2027-01-01", "patch": {"a": 3}},
            {"version": "2026-03-10", "patch": {"a": 2}},
            {"version": "2026-01-01", "patch": {"a": 1, "b": 1}},
        ],
    }

    assert apply_changes(described, "2026-03-10") == {"a": 2, "b": 1}


def test_prose_goes_and_properties_of_the_same_name_stay() -> None:
    """A property called `description` or `title` is data."""
    schema = {
        "type": "object",
        "description": "An issue.",
        "properties": {
            "title": {"type": "string", "title": "Title", "example": "Broken"},
            "description": {"type": "string", "enum": ["description"]},
        },
        "required": ["title"],
    }

    assert without_prose(schema, names=False) == {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "description": {"type": "string", "enum": ["description"]},
        },
        "required": ["title"],
    }


def test_what_does_not_exist_cannot_be_kept() -> None:
    """A path or webhook that GitHub dropped is named."""
    full: dict[str, Any] = {"paths": {}, "x-webhooks": {}}

    with pytest.raises(CutError, match="GET /nowhere"):
        description_of(full, version="2026-03-10", operations=["GET /nowhere"], webhooks=[])
    with pytest.raises(CutError, match="shout-"):
        description_of(full, version="2026-03-10", operations=[], webhooks=["shout-*"])


def test_every_reference_in_the_description_leads_somewhere() -> None:
    """Nothing that is kept needs something that was dropped."""
    description = json.loads(DESCRIPTION.read_bytes())
    components = description["components"]

    dangling = [
        reference
        for reference in set(references(description))
        if reference.split("/")[3] not in components[reference.split("/")[2]]
    ]

    assert dangling == []


def test_the_description_is_of_the_version_with_the_breaking_changes() -> None:
    """Spot checks of what version 2026-03-10 took away."""
    schemas = json.loads(DESCRIPTION.read_bytes())["components"]["schemas"]

    assert "merge_commit_sha" not in schemas["pull-request"]["properties"]
    assert "assignee" not in schemas["issue"]["properties"]
    assert "rate" not in schemas["rate-limit-overview"]["properties"]
    assert DESCRIPTION.stat().st_size < 2_500_000


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "nullable": True}, None, 1),
        ({"type": "string", "enum": ["a"], "nullable": True}, None, "b"),
        ({"allOf": [{"type": "object"}], "nullable": True}, None, 1),
        ({"properties": {"nullable": {"type": "string"}}}, {"nullable": "x"}, {"nullable": 1}),
    ],
)
def test_nullable_is_said_in_the_words_of_json_schema(schema: Any, good: Any, bad: Any) -> None:
    """OpenAPI 3.0's `nullable` means nothing to a JSON Schema validator."""
    import jsonschema_rs

    validator = jsonschema_rs.Draft202012Validator(nullable_rewritten(schema))

    assert validator.is_valid(good)
    assert not validator.is_valid(bad)


SDL = """
type Query { thing(id: ID!, size: Size = SMALL): Thing  other: Other }
interface Thing { id: ID!  name: String }
type Box implements Thing { id: ID!  name: String  inside: Thing  weight: Int }
type Bag implements Thing { id: ID!  name: String }
type Other { id: ID! }
enum Size { SMALL LARGE }
"""


def test_a_schema_is_cut_to_what_the_operations_name() -> None:
    """Fields with their arguments, members of interfaces that are named, nothing else."""
    cut = build_schema(cut_schema(SDL, "{ thing(id: 1) { id ... on Box { inside { name } } } }"))

    assert {name for name in cut.type_map if name in SDL} >= {"Query", "Thing", "Box", "Size"}
    assert "Bag" not in cut.type_map
    assert "Other" not in cut.type_map
    box: Any = cut.type_map["Box"]
    assert set(box.fields) == {"id", "name", "inside"}
    assert cut.query_type is not None
    assert set(cut.query_type.fields["thing"].args) == {"id", "size"}


def test_a_field_that_github_does_not_have_stops_the_cut() -> None:
    """The message names it."""
    with pytest.raises(OperationsError, match="colour"):
        cut_schema(SDL, "{ thing(id: 1) { colour } }")


def test_the_schema_in_the_package_is_whole() -> None:
    """It builds, and its licence stands beside it."""
    schema = build_schema((SCHEMA_FOLDER / "github.graphql").read_text())

    assert schema.mutation_type is not None
    assert "createCommitOnBranch" in schema.mutation_type.fields
    assert "Permission is hereby granted" in (SCHEMA_FOLDER / "LICENSE").read_text()
