"""
The record of a proposal on GitHub: what is written is read, and nothing else is.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.samples import a_proposal
from odyssey.domain.markers import marker
from odyssey.domain.proposal import Rejection
from odyssey.domain.record import (
    MAX_REASON,
    proposal_record,
    read_record,
    read_rejection,
    rejection_record,
)
from odyssey.domain.validation import Validation

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_what_is_written_is_read() -> None:
    """With everything a rebuild needs, and the validation that was asked for."""
    proposal = a_proposal(issue_number=7, requester="ada")
    assert proposal.head_sha is not None
    validation = Validation(
        head_sha=proposal.head_sha,
        nonce="0123456789abcdef",
        workflow="odyssey-validate.yml",
        requested_at=AT,
        base_branch="main",
        request="comment 7",
    )
    record = read_record(
        proposal_record(a_proposal(issue_number=7, requester="ada", validation=validation))
    )

    assert record is not None
    assert record.id == proposal.id
    assert record.requester == "ada"
    assert record.issue_number == 7
    assert record.head_sha == proposal.head_sha
    assert record.head_since == proposal.head_since
    assert record.created_at == proposal.created_at
    assert record.validation == validation


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "prop_1"),
        ("id", "../../etc"),
        ("requester", ""),
        ("requester", "a b"),
        ("head", "main"),
        ("source", "javascript:alert(1)"),
        ("issue", "seven"),
        ("since", "yesterday"),
        ("created", "2026-11-21T12:00:00"),
        ("patch", "xyz"),
        ("base", "a b"),
        ("reverts", "prop_1"),
    ],
)
def test_a_record_odyssey_cannot_have_written_is_none(key: str, value: str) -> None:
    """Its values are data, whoever wrote them."""
    from odyssey.domain.markers import find_marker

    facts = find_marker(proposal_record(a_proposal()), "proposal")
    assert facts is not None
    forged = marker("proposal", **{**facts, key: value})

    assert read_record(forged) is None


def test_a_record_in_a_quote_or_in_code_is_somebodys_text() -> None:
    """Only one that stands alone at top level is Odyssey's."""
    record = proposal_record(a_proposal())

    assert read_record(f"> {record}") is None
    assert read_record(f"```\n{record}\n```") is None


@given(st.text(max_size=3_000))
def test_any_text_is_read_without_an_error(text: str) -> None:
    """Whatever somebody made of a description."""
    read_record(text)
    read_record(f"<!-- odyssey:proposal id={text} -->")
    read_rejection(text)


@given(st.text(max_size=400), st.text(min_size=1, max_size=50))
def test_a_rejection_survives(reason: str, by: str) -> None:
    """With its reason, cut; whatever characters are in it."""
    rejection = Rejection(by=by, reason=reason, at=AT)

    read = read_rejection(rejection_record(rejection))

    assert read is not None
    assert read.is_carried_out
    assert read.at == AT
    assert len(read.reason) <= MAX_REASON
