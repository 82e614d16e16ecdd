"""
Rows as lines of a file, and the files of Odyssey's predecessors.
"""

from __future__ import annotations

import json
import math
from array import array
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.record import Record, Tenant, Trust, people_of
from odyssey.domain.memory.scope import Shelf, Tier
from odyssey.domain.memory.seed_backup import read_backup
from odyssey.domain.memory.stored import Stored, from_line, to_line

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
TENANT = Tenant.of(7, "acme/shop")

names = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
records = st.builds(
    Record,
    id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50),
    kind=st.just("note"),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    occurred_at=st.datetimes(
        min_value=datetime(2, 1, 2),  # noqa: DTZ001 - the zone follows
        max_value=datetime(9998, 12, 30),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9.5))]),
    ),
    trust=st.sampled_from(Trust),
    source=st.text(st.characters(exclude_categories=["Cs"])),
    actor=names,
    thread=names,
    person=names,
    attributes=st.dictionaries(st.just("title"), st.text(st.characters(exclude_categories=["Cs"]))),
)
rows = st.builds(
    lambda record, shelf, masked, vectors: Stored(
        record=record, shelf=shelf, masked=masked, model="m" if vectors else None,
        vectors=tuple(array("f", values) for values in vectors),
    ),
    records,
    st.sampled_from(Shelf),
    st.integers(0, 9),
    st.lists(st.lists(floats, min_size=3, max_size=3), max_size=3),
)  # fmt: skip


@given(rows)
def test_a_row_comes_back_from_its_line_to_the_last_bit(row: Stored) -> None:
    """Whatever the text; and the line is one line."""
    line = to_line(TENANT, row)
    tenant, back = from_line(line)

    assert (tenant, back) == (TENANT, row)
    assert "\n" not in line
    assert [one.tobytes() for one in back.vectors] == [one.tobytes() for one in row.vectors]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_vector_with_what_is_no_number_is_refused(value: float) -> None:
    """It would be the nearest to everything, or to nothing."""
    row = Stored(record=_record(), model="m", vectors=(array("f", [value, 1.0]),))

    with pytest.raises(ValueError, match="a number that is none"):
        from_line(to_line(TENANT, row))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 9}, "its format is 9"),
        ({"text": 5}, "'text' is no text"),
        ({"trust": "god"}, "god"),
        ({"tier": "person"}, "names none"),
        ({"tenant": "../x"}, "no tenant"),
        ({"model": "m"}, "come together"),
        ({"attributes": {"a": 1}}, "no object of texts"),
        ({"occurred_at": "2026-01-01"}, "time zone"),
        ({"shelf": "attic"}, "attic"),
        ({"id": None}, "'id' is no text"),
    ],
)
def test_a_line_that_is_wrong_says_how(change: dict[str, object], said: str) -> None:
    """In words that lead to the place."""
    line = json.dumps({**json.loads(to_line(TENANT, Stored(record=_record()))), **change})

    with pytest.raises(ValueError, match=said):
        from_line(line)


@pytest.mark.parametrize(
    "document",
    [
        [{"id": "a", "text": "x", "metadata": {"type": "t", "timestamp": "2023-11-15T10:00:00Z"}}],
        {"results": [{"id": "a", "text": "x", "metadata": {"type": "t"}, "distance": 0.1}]},
        {"ids": ["a"], "documents": ["x"], "metadatas": [{"type": "t"}], "embeddings": [[1, 2]]},
    ],
)
def test_each_shape_of_an_older_backup_is_read(document: object) -> None:
    """The kind from its metadata, the trust an agent's: the agent wrote it."""
    [record] = read_backup(document, now=NOW)

    assert (record.text, record.kind, record.trust) == ("x", "t", Trust.AGENT)
    assert record.id.endswith(":a")
    assert [record] == list(read_backup(document, now=NOW))


def test_older_tasks_and_logs_keep_their_time_and_what_they_say() -> None:
    """A section's name is the kind; what is known of an entry becomes attributes."""
    task, log = read_backup(
        {
            "tasks": [{"id": 5, "description": "Fix", "status": "pending", "timestamp": 1.7e9}],
            "db_logs": [{"id": 5, "message": "failed", "timestamp": "2023-11-15 09:55:00"}],
        },
        now=NOW,
    )

    assert (task.kind, task.text, task.attributes["status"]) == ("task", "Fix", "pending")
    assert (log.kind, log.occurred_at) == ("db_log", datetime(2023, 11, 15, 9, 55, tzinfo=UTC))
    assert task.id != log.id


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "no entries"),
        ("x", "no entries"),
        ([{"id": 1}], "entries, entry 1: it has no text"),
        ([{"text": "x"}, 5], "entries, entry 2: it is no object"),
        ({"ids": [], "documents": ["x"], "metadatas": [{}, {}]}, "one length"),
        ([{"text": "x", "metadata": {"timestamp": "soon"}}], "'soon' is no time"),
    ],
)
def test_an_older_backup_that_is_wrong_says_where(document: object, said: str) -> None:
    """Nothing is made up."""
    with pytest.raises(ValueError, match=said):
        list(read_backup(document, now=NOW))


def test_the_people_of_a_record_are_compared_as_logins() -> None:
    """Several in one field, with or without `@`, in any case."""
    record = _record(actor="Ada, @bob", person="ADA", attributes={"reviewer": "eve", "title": "x"})

    assert people_of(record) == ("ada", "bob", "eve")


def _record(**fields: object) -> Record:
    base: dict[str, object] = {
        "id": "1", "kind": "note", "text": "x", "occurred_at": NOW, "trust": Trust.PERSON,
        "source": "", "tier": Tier.REPOSITORY,
    }  # fmt: skip
    return Record(**{**base, **fields})  # type: ignore[arg-type]  # what a test changes
