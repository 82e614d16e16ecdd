"""
The JSON Schema for editors and the reader: what one takes, the other takes.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.adapters.policy_yaml import MAX_POLICY_CHARACTERS, read_policy
from odyssey.domain.errors import PolicyInvalid
from odyssey.domain.policy import Policy
from odyssey.domain.policy_reading import SECTIONS, policy_as_file, policy_from, policy_schema
from odyssey.policy_report import schema

PUBLISHED = Path(__file__).parents[2] / "deploy" / "odyssey.policy.schema.json"
VALIDATOR = jsonschema_rs.Draft202012Validator(json.loads(schema()))

_WORDS = st.sampled_from(
    ["auto", "manual", "squash", "write", "maintain", "none", "read", "ben", "a_b", "-x", "@ben",
     "check.yml", "check.yml\n", "../x.yml", "src/**", "/", "//", "src//a", "src/./a", "***", "a**",
     "**a", "!src", "a\\b", "..", "", "second_approver", "refused", "acme/x"]
)  # fmt: skip
_GLOBS = st.text("ab/*.!\\?", max_size=8)
_SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 1_001) | _WORDS | _GLOBS
    | st.sampled_from([0.5, 2_000, 100_000, 100_001, 1_000_000, 1_000_001, "x" * 200, "x" * 201])
)  # fmt: skip
_PATHS = st.fixed_dictionaries({}, optional={"path": _SCALARS, "needs": _SCALARS, "more": _SCALARS})
_VALUES = _SCALARS | st.lists(_SCALARS | _PATHS, max_size=3)


def _section(name: str) -> st.SearchStrategy[Any]:
    keys = [*SECTIONS[name].keys, "unknown"]
    return _SCALARS | st.dictionaries(st.sampled_from(keys), _VALUES, max_size=3)


_FILES = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "version": st.sampled_from([1, 2, "1", True, None]),
        "protected_paths": _VALUES,
        "unknown": _VALUES,
        **{name: _section(name) for name in SECTIONS},
    },
)


def _reads(mapping: Any) -> bool:
    try:
        policy_from(mapping)
    except PolicyInvalid:
        return False
    return True


@settings(max_examples=600, deadline=None)
@given(_FILES)
def test_the_schema_takes_what_the_reader_takes_and_no_more(mapping: Any) -> None:
    """
    But for numbers such as 1.0, which a schema cannot tell from 1.
    """
    assert VALIDATOR.is_valid(mapping) is _reads(mapping)


@settings(max_examples=300, deadline=None)
@given(st.text("ab/*.!\\?", max_size=8))
def test_both_judge_a_pattern_alike(glob: str) -> None:
    """
    The schema's expression says the same as the reader's rules.
    """
    mapping = {"protected_paths": [glob]}

    assert VALIDATOR.is_valid(mapping) is _reads(mapping)


@settings(max_examples=300, deadline=None)
@given(_FILES)
def test_a_policy_written_out_reads_as_itself(mapping: Any) -> None:
    """
    What `odyssey policy check` prints is a file that means the same, defaults included.
    """
    try:
        policy = policy_from(mapping)
    except PolicyInvalid:
        policy = Policy()

    assert policy_from(policy_as_file(policy)) == policy
    assert VALIDATOR.is_valid(policy_as_file(policy))


def test_the_published_schema_is_the_present_one() -> None:
    """
    `odyssey policy schema > deploy/odyssey.policy.schema.json` after a change of the keys.
    """
    assert PUBLISHED.read_text() == schema()


def test_every_key_is_explained_and_its_default_named() -> None:
    """
    So an editor can show both; only a key whose default is nothing has none.
    """
    sections = policy_schema()["properties"]
    keys = {
        f"{name}.{key}": each
        for name in SECTIONS
        for key, each in sections[name]["properties"].items()
    }

    assert all(each["description"].endswith(".") for each in keys.values())
    assert {name for name, each in keys.items() if "default" not in each} == {
        "approvals.mode", "approvals.teams", "approvals.users", "attention.reviewers"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("limits: {files: 1, files: 2}", "`files` stands there twice in line 1"),
        ("limits:\n  files: 1\napprovals: {}\nlimits: {}", "`limits` stands there twice in line 4"),
        ("a: &x 1\nb: *x", "aliases"),
        ("a: [", "is not valid YAML: expected the node content"),
        ("!!python/object:os.system {}", "YAML tags"),
        ("version: !!timestamp x", "YAML tags"),
        ("limits: {files: " + "1:" * 30_000 + "1.5}", "is not valid YAML: int too large"),
        ("limits: {files: " + "9" * 60_000 + "}", "is not valid YAML: Exceeds the limit"),
        ("version: 2026-99-99", "is not valid YAML: month must be"),
        ("limits: {files: 0x}", "takes a whole number"),
        ("- a", "`the file` takes a mapping"),
        ("#" * (MAX_POLICY_CHARACTERS + 1), "is over 64000 characters"),
        ("\x00", "is not valid YAML"),
        ("[" * 5_000, "nested over 20 deep"),
        ("- " * 32_000, "maximum recursion depth"),
    ],
)
def test_a_file_that_is_no_policy_says_why_and_where(text: str, words: str) -> None:
    """
    A key that stands there twice is refused: the last one would win unseen.
    """
    with pytest.raises(PolicyInvalid) as caught:
        read_policy(text)

    assert words in str(caught.value)
    assert str(caught.value).startswith("`.github/odyssey.yml`")


@pytest.mark.parametrize("piece", ["[", "{", "- ", "? ", "<<: {a: 1}\n", "[{a: 1},"])
def test_no_file_keeps_a_worker_busy(piece: str) -> None:
    """
    A worker that reads for long loses its lease, and the next one after it.
    """
    text = (piece * MAX_POLICY_CHARACTERS)[:MAX_POLICY_CHARACTERS]
    started = time.process_time()
    with pytest.raises(PolicyInvalid):
        read_policy(text)

    assert time.process_time() - started < 3


def test_a_repository_s_own_file_counts_alone() -> None:
    """
    The organisation's is read where there is none; a broken one is named as the organisation's.
    """
    inherited = read_policy(None, "limits: {files: 3}")
    own = read_policy("approvals: {required: 2}", "limits: {files: 3}")
    empty = read_policy("", "limits: {files: 3}")
    with pytest.raises(PolicyInvalid, match=r"of the organisation's `\.github` repository: `lim"):
        read_policy(None, "limits: 3")

    assert inherited.limits.files == 3
    assert (own.limits.files, own.approvals.required) == (50, 2)
    assert empty == Policy() == read_policy(None)
    assert read_policy("", "limits: 3") == Policy()
