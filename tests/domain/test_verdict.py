"""
The verdict: the tuple that a decision to merge is about.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from domain.samples import BASE_TIP, HEAD, OLD_HEAD, a_proposal, a_pull_request, a_validation
from odyssey.domain.gate import Merge, evaluate
from odyssey.domain.policy import ApprovalMode, Approvals, Limits, MergeMethod, MergeRules, Policy
from odyssey.domain.verdict import Verdict, evidence_digest, policy_digest

CHANGES: dict[str, Any] = {
    "head_sha": OLD_HEAD,
    "head_tree": "u" * 40,
    "base_branch": "release",
    "base_sha": "d" * 40,
    "method": "rebase",
    "policy_digest": "0" * 64,
    "evidence_digest": "0" * 64,
    "approvals": ("carol",),
}


def a_verdict() -> Verdict:
    """The verdict on the proposal of the samples."""
    proposal = a_proposal(validation=a_validation(evidence="e" * 64))
    decision = evaluate(proposal, a_pull_request(), Policy())
    assert isinstance(decision, Merge)
    return decision.verdict


def test_the_verdict_holds_what_was_judged() -> None:
    """
    Head, tree, base, method, evidence and approvals as they were read.
    """
    verdict = a_verdict()

    assert (verdict.head_sha, verdict.head_tree) == (HEAD, "t" * 40)
    assert (verdict.base_branch, verdict.base_sha) == ("main", BASE_TIP)
    assert (verdict.method, verdict.approvals) == ("squash", ("bob",))
    assert verdict.evidence_digest == "e" * 64
    assert verdict.policy_digest == policy_digest(Policy(), ApprovalMode.MANUAL)


def test_every_part_of_it_makes_another_verdict() -> None:
    """
    Another digest, and a name for what differs.
    """
    verdict = a_verdict()

    assert CHANGES.keys() == {each.name for each in fields(Verdict)}
    assert verdict.differences(a_verdict()) == ()
    for name, value in CHANGES.items():
        other = replace(verdict, **{name: value})
        assert other.digest != verdict.digest
        assert len(verdict.differences(other)) == 1


@pytest.mark.parametrize(
    "other",
    [
        Policy(approvals=Approvals(required=2)),
        Policy(limits=Limits(lines=9)),
        Policy(merge=MergeRules(method=MergeMethod.REBASE)),
        Policy(merge=MergeRules(strict=False)),
        Policy(refused_paths=("own/**",)),
    ],
)
def test_another_policy_has_another_digest(other: Policy) -> None:
    """
    Whatever it says otherwise, and also where only the server's mode is another.
    """
    digest = policy_digest(Policy(), ApprovalMode.MANUAL)

    assert policy_digest(other, ApprovalMode.MANUAL) != digest
    assert policy_digest(Policy(), ApprovalMode.AUTO) != digest
    assert policy_digest(Policy(), ApprovalMode.MANUAL) == digest


def test_evidence_is_of_one_report_of_one_run_of_one_commit() -> None:
    """
    The same bytes from another run, or about another commit, are other evidence.
    """
    digest = evidence_digest(b"{}", run_id=41, head_sha=HEAD)

    assert digest == evidence_digest(b"{}", run_id=41, head_sha=HEAD)
    assert digest != evidence_digest(b"{ }", run_id=41, head_sha=HEAD)
    assert digest != evidence_digest(b"{}", run_id=42, head_sha=HEAD)
    assert digest != evidence_digest(b"{}", run_id=41, head_sha=OLD_HEAD)
