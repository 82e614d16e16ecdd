"""
When a proposal that nobody does anything about is closed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.samples import NOON, a_proposal, a_pull_request, a_review, a_validation
from odyssey.domain.expiry import expiry_reason, is_expired
from odyssey.domain.policy import Expiry, Policy
from odyssey.domain.proposal import Rejection
from odyssey.domain.pull_request import ReviewState

LATER = NOON + timedelta(days=30)
QUIET = a_pull_request(reviews=())
RECENT = NOON + timedelta(days=1)


def test_after_so_many_quiet_days_it_has_expired() -> None:
    """
    To the second; what Odyssey writes by itself is nothing that anybody did.
    """
    proposal = a_proposal(updated_at=LATER)

    assert is_expired(proposal, QUIET, Policy(), LATER)
    assert not is_expired(proposal, QUIET, Policy(), LATER - timedelta(seconds=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"reviews": (a_review(submitted_at=RECENT),)},
        {"reviews": (a_review(submitted_at=RECENT, state=ReviewState.COMMENTED),)},
        {"head_committed_at": RECENT},
        {"is_open": False},
    ],
)
def test_whatever_a_person_did_keeps_it(changes: dict[str, Any]) -> None:
    """
    A push or a review of any kind; a closed one has nothing to expire.
    """
    pull = a_pull_request(**{"reviews": (), **changes})

    assert not is_expired(a_proposal(), pull, Policy(), LATER)


@pytest.mark.parametrize(
    "changes",
    [
        {"head_since": RECENT},
        {"created_at": RECENT},
        {"validation": a_validation(requested_at=RECENT)},
        {"rejection": Rejection(by="bob", reason="No.", at=NOON)},
    ],
)
def test_what_was_asked_of_odyssey_keeps_it_too(changes: dict[str, Any]) -> None:
    """
    A new head, the proposal itself, another validation.
    """
    assert not is_expired(a_proposal(**changes), QUIET, Policy(), LATER)


def test_zero_days_is_never() -> None:
    """
    And a policy that cannot be read expires nothing.
    """
    never = Policy(expiry=Expiry(days=0))

    assert not is_expired(a_proposal(), QUIET, never, NOON + timedelta(days=9_999))
    assert not is_expired(a_proposal(), QUIET, "`limits` is no mapping", LATER)


def test_a_commit_from_the_future_keeps_it_only_while_somebody_pushes() -> None:
    """
    Dates of commits are anybody's choice; when it became the head is what Odyssey saw.
    """
    forged = a_pull_request(reviews=(), head_committed_at=NOON + timedelta(days=9_999))

    assert is_expired(a_proposal(), forged, Policy(), LATER)


def test_the_reason_names_the_key() -> None:
    """
    So whoever wants longer knows where.
    """
    assert expiry_reason(Policy(expiry=Expiry(days=1))) == (
        "Expired: nobody did anything about it for 1 day (`expiry.days` in `.github/odyssey.yml`)."
    )
