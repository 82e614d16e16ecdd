"""
The attention budget: how many wait at most, and who is asked to look.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.samples import HEAD, NOON, a_proposal
from odyssey.domain.attention import BEGUN, choose_reviewer, open_among
from odyssey.domain.errors import NotProposable
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.policy import Attention
from odyssey.domain.proposal import Proposal, Rejection

MERGED = MergeAttempt(head_sha=HEAD, approved_by=("bob",), automatic=False, at=NOON, sha="m")


def waiting(*reviewers: str) -> list[Proposal]:
    """One open proposal for each of these reviewers."""
    return [
        a_proposal(pull_number=number, reviewer=each)
        for number, each in enumerate(reviewers, start=1)
    ]


@pytest.mark.parametrize(
    ("changes", "is_open"),
    [
        ({}, True),
        ({"merge": MERGED}, False),
        ({"rejection": Rejection(by="bob", reason="No.", at=NOON)}, False),
        ({"pull_number": None}, True),
        ({"pull_number": None, "updated_at": NOON - BEGUN}, False),
    ],
)
def test_what_waits_for_people(changes: dict[str, Any], is_open: bool) -> None:
    """
    What is open, or about to be; a proposal that never got its pull request does not for ever.
    """
    assert bool(open_among([a_proposal(**changes)], now=NOON)) is is_open


@pytest.mark.parametrize(
    ("reviewers", "open_ones", "chosen"),
    [
        ((), [], ""),
        (("bob",), [], "bob"),
        (("bob", "carol"), [], "bob"),
        (("bob", "carol"), ["bob"], "carol"),
        (("bob", "carol"), ["BOB", "carol", "carol"], "bob"),
        (("alice", "bob"), ["bob", "bob"], "bob"),
        (("Alice",), [], ""),
    ],
)
def test_the_one_with_the_fewest_is_asked(
    reviewers: tuple[str, ...], open_ones: list[str], chosen: str
) -> None:
    """
    The first named among equals, and never the requester.
    """
    rules = Attention(reviewers=reviewers)
    found = choose_reviewer(rules, waiting(*open_ones), requester="alice", requester_counts=False)

    assert found == chosen


def test_the_requester_is_asked_where_their_approval_counts() -> None:
    """
    For those who work alone.
    """
    rules = Attention(reviewers=("alice",))

    assert choose_reviewer(rules, [], requester="alice", requester_counts=True) == "alice"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Attention(open_proposals=2), "2 proposals wait for people already; the policy allows 2"),
        (Attention(reviewers=("bob",), per_reviewer=2), r"Every reviewer has 2 .*bob \(2\)"),
    ],
)
def test_over_the_budget_says_which_are_open_and_what_to_do(rules: Attention, words: str) -> None:
    """
    At the number that is allowed there is no room for one more.
    """
    with pytest.raises(NotProposable, match=words) as caught:
        choose_reviewer(rules, waiting("bob", "bob"), requester="alice", requester_counts=False)

    assert "- pull request 1: `feat: Fix the greeting`\n- pull request 2: `feat" in str(
        caught.value
    )
    assert "/odyssey reject <reason>" in str(caught.value)


def test_a_long_list_of_open_proposals_is_cut() -> None:
    """
    A refusal is a comment that somebody reads.
    """
    many = waiting(*["bob"] * 60)
    with pytest.raises(NotProposable, match="and 40 more"):
        choose_reviewer(
            Attention(open_proposals=60), many, requester="alice", requester_counts=False
        )

    assert open_among(many, now=NOON + timedelta(days=9)) == many
