"""
The alarm: an issue whose hidden marker keeps the gate closed until it is answered.
"""

from __future__ import annotations

from domain.samples import a_proposal, a_pull_request, minutes
from odyssey.domain.alarm import (
    alarm_body,
    alarm_marker,
    alarm_title,
    answered_body,
    gate_is_closed,
    is_standing,
)
from odyssey.domain.gate import Merge, evaluate
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import Proposal

SHA = "f" * 40


def a_merged_proposal() -> Proposal:
    """The proposal, merged with a verdict."""
    decision = evaluate(a_proposal(), a_pull_request(), Policy())
    assert isinstance(decision, Merge)
    attempt = MergeAttempt(
        head_sha=decision.head_sha,
        approved_by=("bob",),
        automatic=False,
        at=minutes(3),
        sha=SHA,
        verdict=decision.verdict,
    )
    return a_proposal(merge=attempt)


def test_an_alarm_says_what_was_approved_what_was_merged_and_what_to_do() -> None:
    """
    Both commits, the verdict, a command that compares them, and the words that go on.
    """
    proposal = a_merged_proposal()
    body = alarm_body(proposal, SHA, "Its tree is another.")

    assert body.startswith(alarm_marker(proposal, SHA))
    assert "Its tree is another." in body
    assert SHA in body
    assert (proposal.head_sha or "-") in body
    assert f"git diff {proposal.head_sha} {SHA}" in body
    assert "`/odyssey open-gate`" in body
    assert "#8" in alarm_title(proposal)
    assert "#5" in gate_is_closed(5)


def test_an_alarm_stands_until_it_is_answered() -> None:
    """
    The answer keeps what was said, and says who gave it.
    """
    body = alarm_body(a_merged_proposal(), SHA, "Its tree is another.")
    answered = answered_body(body, "ada")

    assert is_standing(body)
    assert not is_standing(answered)
    assert answered_body(answered, "ada") == answered
    assert "**ada** opened the merge gate again." in answered
    assert "Its tree is another." in answered
    assert is_standing("")
    assert is_standing("> " + answered.replace("\n", "\n> "))
