"""
A proposal's status: derived from facts, each bound to its head SHA.
"""

from __future__ import annotations

from typing import Any

import pytest

from domain.samples import HEAD, NOON, OLD_HEAD, a_proposal, a_validation, minutes
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.proposal import ApiApproval, Approved, Rejection, Status
from odyssey.domain.report import parse_report

BY_BOB = Approved(head_sha=HEAD, by=("bob",), automatic=False)
ATTEMPT = MergeAttempt(head_sha=HEAD, approved_by=("bob",), automatic=False, at=NOON)
REJECTION = Rejection(by="bob", reason="no", at=NOON)
OF_API = ApiApproval(head_sha=HEAD, by="api_user", at=NOON)


STATUSES: list[tuple[dict[str, Any], str]] = [
    ({"pull_number": None}, "proposed"),
    ({"head_sha": None}, "proposed"),
    ({"validation": None}, "validation_pending"),
    ({"validation": a_validation(head_sha=OLD_HEAD)}, "validation_pending"),
    ({"validation": a_validation(started=False, conclusion=None)}, "validation_pending"),
    ({"validation": a_validation(conclusion=None)}, "validation_in_progress"),
    ({"validation": a_validation(conclusion="failure")}, "validation_failed"),
    ({"validation": a_validation(conclusion="timed_out")}, "validation_failed"),
    ({}, "validation_passed"),
    ({"approved": BY_BOB}, "user_approved"),
    ({"approved": Approved(head_sha=HEAD, by=("x",), automatic=True)}, "auto_approved"),
    ({"approved": Approved(head_sha=OLD_HEAD, by=("bob",), automatic=False)},
     "validation_passed"),
    ({"service_approval": OF_API}, "merge_pending"),
    ({"user_approval": OF_API}, "merge_pending"),
    ({"merge": ATTEMPT}, "merge_in_progress"),
    ({"merge": MergeAttempt(head_sha=HEAD, approved_by=(), automatic=False, at=NOON,
                            failure="refused")}, "merge_failed"),
    ({"merge": MergeAttempt(head_sha=OLD_HEAD, approved_by=(), automatic=False, at=NOON,
                            failure="refused")}, "validation_passed"),
    ({"merge": MergeAttempt(head_sha=OLD_HEAD, approved_by=(), automatic=False, at=NOON,
                            sha="m")}, "merged"),
    ({"rejection": REJECTION}, "rejected"),
    ({"rejection": REJECTION, "validation": None}, "rejected"),
    ({"rejection": REJECTION, "merge": MergeAttempt(head_sha=HEAD, approved_by=(),
                                                    automatic=False, at=NOON, sha="m")},
     "merged"),
    ({"approved": BY_BOB, "validation": a_validation(conclusion="failure")},
     "validation_failed"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "status"), STATUSES)
def test_the_status_follows_from_the_facts(changes: dict[str, Any], status: str) -> None:
    """
    Every state of the REST API, and facts of another head that count for nothing.
    """
    proposal = a_proposal(**changes)

    assert proposal.status == status
    assert proposal.status.is_final is (status in ("merged", "rejected"))


def test_every_status_can_be_reached() -> None:
    """
    The vocabulary of the REST API holds no word that no proposal ever has.
    """
    assert {status for _, status in STATUSES} == {str(each) for each in Status}


def test_a_push_leaves_every_fact_of_the_old_head_behind() -> None:
    """
    Validation, approval and merge attempt stop matching; nothing has to be reset.
    """
    proposal = a_proposal(approved=BY_BOB, service_approval=OF_API, merge=ATTEMPT)
    pushed = proposal.with_head(OLD_HEAD, at=minutes(5))

    assert pushed.status is Status.VALIDATION_PENDING
    assert pushed.current_validation is None
    assert pushed.head_since == minutes(5)


def test_a_validation_is_of_one_base_branch() -> None:
    """
    After a retarget the old one is no longer the current one; without a branch it is the
    proposal's.
    """
    retargeted = a_proposal(validation=a_validation(base_branch="main"), base_branch="release")

    assert retargeted.status is Status.VALIDATION_PENDING
    assert a_proposal(validation=a_validation(base_branch="main")).current_validation
    assert a_proposal(validation=a_validation()).current_validation


def test_the_same_head_again_changes_nothing() -> None:
    """
    A repeated delivery does not move the moment an approval must follow.
    """
    proposal = a_proposal()

    assert proposal.with_head(HEAD, at=minutes(5)) is proposal


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, None),
        ({"service_approval": OF_API}, "api_user"),
        ({"service_approval": ApiApproval(head_sha=OLD_HEAD, by="api_user", at=NOON)}, None),
        ({"approved": Approved(head_sha=HEAD, by=("bob", "carol"), automatic=False)}, "bob, carol"),
        ({"merge": ATTEMPT, "approved": None}, "bob"),
    ],
)
def test_who_approved_is_shown(changes: dict[str, Any], shown: str | None) -> None:
    """
    As the REST API's `approved_by`.
    """
    assert a_proposal(**changes).approved_by == shown


def test_a_proposal_without_a_pull_request_says_so() -> None:
    """
    Asking for it is a mistake of the caller.
    """
    with pytest.raises(ValueError, match="no pull request yet"):
        _ = a_proposal(pull_number=None).pull_request

    assert str(a_proposal().pull_request) == "octo/hello#8"


def test_the_title_is_the_first_line() -> None:
    """
    Of the message without what surrounds it.
    """
    assert a_proposal(commit_message="\n\n  Fix it \n\nbecause").title == "Fix it "


def test_a_report_completes_the_validation() -> None:
    """
    Counts, failures and output are kept with it.
    """
    report = parse_report(
        b'{"head_sha": "1f3c9d2", "conclusion": "failure", "tests": {"passed": 2, "failed": 1,'
        b' "failures": [{"name": "t", "message": "m", "file": "x.py", "line": 3}]}}'
    )
    completed = a_validation(conclusion=None).completed(report, at=minutes(9))

    assert (completed.conclusion, completed.passed, completed.failed) == ("failure", 2, 1)
    assert [each.name for each in completed.failures] == ["t"]
    assert completed.completed_at == minutes(9)
    assert not completed.is_success


def test_a_run_without_a_report_ends_with_its_reason() -> None:
    """
    What is shown is why, and it is no success unless the caller says so.
    """
    ended = a_validation(conclusion=None).ended("cancelled", "The run was cancelled.", at=NOON)

    assert (ended.conclusion, ended.reason) == ("cancelled", "The run was cancelled.")
    assert not ended.is_success
