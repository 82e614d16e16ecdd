"""
The merge gate: each of its nine conditions, met and not met, and what follows.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.samples import (
    HEAD,
    NOON,
    OLD_HEAD,
    a_proposal,
    a_pull_request,
    a_review,
    a_validation,
    minutes,
)
from odyssey.domain.gate import (
    AUTOMATIC,
    Blocked,
    Close,
    Closed,
    Condition,
    Decision,
    Merge,
    Merged,
    State,
    Validate,
    evaluate,
)
from odyssey.domain.policy import (
    ApprovalMode,
    Approvals,
    Limits,
    MergeMethod,
    MergeRules,
    Policy,
)
from odyssey.domain.proposal import ApiApproval, Rejection
from odyssey.domain.pull_request import ChangedFile, Review, ReviewState

AUTO = Policy(approvals=Approvals(mode=ApprovalMode.AUTO))
OBJECTION = ReviewState.CHANGES_REQUESTED
SERVICE = ApiApproval(head_sha=HEAD, by="api_user", at=minutes(1))


def files(*paths: str, lines: int = 1) -> tuple[ChangedFile, ...]:
    """Changed files of so many added lines each."""
    return tuple(ChangedFile(path=each, additions=lines, deletions=0) for each in paths)


def condition(decision: Decision, number: int) -> Condition:
    """The condition of that number in a decision that has conditions."""
    conditions: tuple[Condition, ...] = getattr(decision, "conditions", ())
    return next(each for each in conditions if each.number == number)


def open_numbers(decision: Decision) -> list[int]:
    """The numbers of the conditions that are not met."""
    assert isinstance(decision, Blocked)
    return [each.number for each in decision.open_conditions]


def test_everything_met_merges_exactly_the_judged_head() -> None:
    """
    The decision carries the SHA, the method, and who approved.
    """
    policy = Policy(merge=MergeRules(method=MergeMethod.REBASE))
    decision = evaluate(a_proposal(), a_pull_request(), policy)

    assert isinstance(decision, Merge)
    assert [each.number for each in decision.conditions] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (decision.head_sha, decision.base_branch) == (HEAD, "main")
    assert decision.method is MergeMethod.REBASE
    assert (decision.approved_by, decision.automatic) == (("bob",), False)


def test_a_merged_or_closed_pull_request_is_what_github_says() -> None:
    """
    By whoever it was, and before any condition is looked at.
    """
    merged = a_pull_request(is_open=False, is_merged=True, merge_sha="m", merged_by="carol")

    assert evaluate(a_proposal(), merged, "the policy is broken") == Merged("m", "carol")
    assert evaluate(a_proposal(), a_pull_request(is_open=False), Policy()) == Closed()


def test_a_rejection_is_carried_out_before_anything_else_but_never_undoes_a_merge() -> None:
    """
    Also where all that a merge needs is there; once carried out, the pull request is judged again.
    """
    rejected = a_proposal(rejection=Rejection(by="bob", reason="No.", at=NOON))
    carried_out = a_proposal(
        rejection=Rejection(by="bob", reason="No.", at=NOON, is_carried_out=True)
    )
    merged = a_pull_request(is_open=False, is_merged=True, merge_sha="m", merged_by="carol")

    assert evaluate(rejected, a_pull_request(), Policy()) == Close()
    assert evaluate(rejected, a_pull_request(is_open=False), Policy()) == Close()
    assert evaluate(rejected, merged, Policy()) == Merged("m", "carol")
    assert isinstance(evaluate(carried_out, a_pull_request(), Policy()), Merge)


@pytest.mark.parametrize(
    ("changes", "number", "words"),
    [
        ({"is_cross_repository": True}, 1, "fork"),
        ({"is_draft": True}, 1, "draft"),
        ({"files_complete": False}, 3, "more than the 1 file that one read shows"),
        ({"files": ()}, 3, "changes nothing that `main` does not have already"),
        ({"files": files(*(f"f{each}" for each in range(51)))}, 3, "51 files"),
        ({"files": files("a", lines=2_001)}, 3, "2001 lines"),
        ({"reviews": ()}, 5, "0 of 1"),
        ({"reviews_complete": False}, 6, "There are more reviews than could be read."),
        ({"unresolved_threads": 1}, 6, "1 review thread is open"),
        ({"unresolved_threads": 2}, 6, "2 review threads are open"),
        ({"mergeable": False}, 7, "conflicts with `main`"),
    ],
)
def test_one_unmet_condition_blocks_and_says_why(
    changes: dict[str, Any], number: int, words: str
) -> None:
    """
    Only that condition is open, its sentence names the fact, and its remedy is not empty.
    """
    decision = evaluate(a_proposal(), a_pull_request(**changes), Policy())

    assert open_numbers(decision) == [number]
    assert words in condition(decision, number).sentence
    assert condition(decision, number).remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"mergeable": None},
        {"files": files(*(f"f{each}" for each in range(50)))},
        {"files": files("a", lines=2_000)},
    ],
)
def test_at_the_limit_and_while_github_computes_it_merges(changes: dict[str, Any]) -> None:
    """
    A limit is the largest allowed value; an unknown `mergeable` is left to the merge call.
    """
    assert isinstance(evaluate(a_proposal(), a_pull_request(**changes), Policy()), Merge)


def test_an_invalid_policy_closes_the_gate() -> None:
    """
    Even in mode `auto` by the server's default, and whatever was approved.
    """
    decision = evaluate(
        a_proposal(), a_pull_request(), "`limits` is no mapping", default_mode=ApprovalMode.AUTO
    )

    assert open_numbers(decision) == [2]
    assert condition(decision, 2).sentence == "`limits` is no mapping"


@pytest.mark.parametrize(
    "validation", [None, a_validation(head_sha=OLD_HEAD), a_validation(head_sha=OLD_HEAD, passed=0)]
)
def test_a_head_that_was_not_judged_is_validated_first(validation: Any) -> None:
    """
    A validation of another commit is none, whatever it said.
    """
    decision = evaluate(a_proposal(validation=validation), a_pull_request(), Policy())

    assert isinstance(decision, Validate)
    assert decision.head_sha == HEAD


@pytest.mark.parametrize(
    "changes", [{"is_draft": True}, {"is_cross_repository": True}, {"files_complete": False}]
)
def test_what_may_not_be_proposed_is_not_validated_either(changes: dict[str, Any]) -> None:
    """
    A fork's code, a draft and a change over the limits cost no run.
    """
    decision = evaluate(a_proposal(validation=None), a_pull_request(**changes), Policy())

    assert isinstance(decision, Blocked)


def test_who_waits_for_the_run_of_a_draft_reads_what_it_waits_for() -> None:
    """
    Nothing follows as long as it is one.
    """
    decision = evaluate(a_proposal(validation=None), a_pull_request(is_draft=True), Policy())

    assert isinstance(decision, Blocked)
    assert decision.conditions[3].remedy == "Odyssey: it follows when this is no draft any more."


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        (None, State.WAITING),
        ("success", State.MET),
        ("failure", State.UNMET),
        ("cancelled", State.UNMET),
        ("timed_out", State.UNMET),
        ("neutral", State.UNMET),
        ("skipped", State.UNMET),
        ("SUCCESS", State.UNMET),
        ("", State.UNMET),
    ],
)
def test_only_success_of_this_head_counts_as_validated(conclusion: Any, state: State) -> None:
    """
    A run that is going on is waited for and not started again; anything but success is none.
    """
    proposal = a_proposal(validation=a_validation(conclusion=conclusion))
    decision = evaluate(proposal, a_pull_request(), Policy())

    assert isinstance(decision, Merge if state is State.MET else Blocked)
    assert condition(decision, 4).state is state


@pytest.mark.parametrize(
    ("reviews", "words"),
    [
        ([a_review(head_sha=OLD_HEAD)], "bob approved 8a07e55"),
        ([a_review(head_sha=None)], "bob approved a commit that is gone"),
        ([a_review(author="alice")], "alice requested the change"),
        ([a_review(author="ALICE")], "ALICE requested the change"),
        ([a_review(author="helper[bot]", author_is_person=False)], "is not a person"),
        ([a_review(author_can_push=False)], "no write permission"),
        ([a_review(submitted_at=minutes(-20))], "before this commit was the head"),
        ([a_review(state=ReviewState.DISMISSED)], "bob's review was dismissed"),
        ([a_review(state=ReviewState.COMMENTED)], "0 of 1"),
        ([a_review(state=ReviewState.PENDING)], "0 of 1"),
        ([a_review(), a_review(id=2, state=ReviewState.DISMISSED, submitted_at=minutes(2))],
         "0 of 1"),
    ],
)  # fmt: skip
def test_approvals_that_do_not_count(reviews: list[Review], words: str) -> None:
    """
    Of another commit, by the requester, a bot, a stranger, too early, dismissed, or none at all.
    """
    decision = evaluate(a_proposal(), a_pull_request(reviews=tuple(reviews)), Policy())

    assert open_numbers(decision) == [5]
    assert words in condition(decision, 5).sentence


@pytest.mark.parametrize(
    "reviews",
    [
        [a_review(), a_review(id=2, state=ReviewState.COMMENTED, submitted_at=minutes(2))],
        [a_review(state=OBJECTION), a_review(id=2, submitted_at=minutes(2))],
        [a_review(head_sha=OLD_HEAD), a_review(id=2, submitted_at=minutes(2))],
        [a_review(id=2, submitted_at=minutes(2)), a_review(state=OBJECTION)],
        [a_review(), a_review(author="eve", author_can_push=False, state=OBJECTION)],
        [a_review(submitted_at=NOON - timedelta(seconds=50))],
        [a_review(), a_review(author="carol", head_sha=OLD_HEAD)],
    ],
)
def test_approvals_that_count(reviews: list[Review]) -> None:
    """
    The latest decisive review of each person is what they say; comments do not take it back.
    """
    decision = evaluate(a_proposal(), a_pull_request(reviews=tuple(reviews)), Policy())

    assert isinstance(decision, Merge)
    assert decision.approved_by == ("bob",)


def test_an_approval_after_the_head_was_known_counts_whatever_the_commit_says() -> None:
    """
    A commit dated in the future does not make every approval too early.
    """
    pull = a_pull_request(head_committed_at=minutes(60 * 24))

    assert isinstance(evaluate(a_proposal(), pull, Policy()), Merge)


def test_a_request_for_changes_blocks_until_it_is_taken_back() -> None:
    """
    By anybody who may push, also for an older commit, also beside an approval.
    """
    objection = a_review(id=2, author="carol", state=OBJECTION, head_sha=OLD_HEAD)
    blocked = evaluate(a_proposal(), a_pull_request(reviews=(a_review(), objection)), Policy())
    later = evaluate(
        a_proposal(),
        a_pull_request(reviews=(a_review(), a_review(id=2, state=OBJECTION,
                                                     submitted_at=minutes(3)))),
        Policy(),
    )  # fmt: skip

    assert open_numbers(blocked) == [6]
    assert "carol" in condition(blocked, 6).sentence
    assert open_numbers(later) == [5, 6]


def test_two_approvals_are_two_people() -> None:
    """
    `required: 2` is not met by one person approving twice.
    """
    policy = Policy(approvals=Approvals(required=2))
    twice = (a_review(), a_review(id=2, submitted_at=minutes(2)))
    both = (a_review(), a_review(id=2, author="carol"))

    assert open_numbers(evaluate(a_proposal(), a_pull_request(reviews=twice), policy)) == [5]
    decision = evaluate(a_proposal(), a_pull_request(reviews=both), policy)
    assert isinstance(decision, Merge)
    assert decision.approved_by == ("bob", "carol")


def test_the_requester_counts_where_the_policy_says_so() -> None:
    """
    Only with `requester_counts: true`.
    """
    policy = Policy(approvals=Approvals(requester_counts=True))
    pull = a_pull_request(reviews=(a_review(author="alice"),))

    assert isinstance(evaluate(a_proposal(), pull, policy), Merge)


@pytest.mark.parametrize(
    ("api_approvals", "head_sha", "merges"),
    [(True, HEAD, True), (False, HEAD, False), (True, OLD_HEAD, False)],
)
def test_a_service_approval_counts_only_where_the_policy_says_so(
    api_approvals: bool, head_sha: Any, merges: bool
) -> None:
    """
    And only for the head it was given for; it shows as `api_user`.
    """
    policy = Policy(approvals=Approvals(api_approvals=api_approvals))
    proposal = a_proposal(service_approval=replace(SERVICE, head_sha=head_sha))
    decision = evaluate(proposal, a_pull_request(reviews=()), policy)

    assert isinstance(decision, Merge) is merges
    assert not merges or getattr(decision, "approved_by", ()) == ("api_user",)


def test_a_user_approval_by_api_is_only_the_review_it_made() -> None:
    """
    The note of it opens nothing by itself.
    """
    policy = Policy(approvals=Approvals(api_approvals=True))
    proposal = a_proposal(user_approval=replace(SERVICE, by="bob"))

    assert open_numbers(evaluate(proposal, a_pull_request(reviews=()), policy)) == [5]


@pytest.mark.parametrize(
    ("policy", "default", "automatic"),
    [
        (AUTO, ApprovalMode.MANUAL, True),
        (Policy(), ApprovalMode.AUTO, True),
        (Policy(approvals=Approvals(mode=ApprovalMode.MANUAL)), ApprovalMode.AUTO, False),
        (Policy(), ApprovalMode.MANUAL, False),
    ],
)
def test_the_policy_s_mode_overrules_the_server_s(
    policy: Policy, default: ApprovalMode, automatic: bool
) -> None:
    """
    Mode `auto` merges without anybody, as `system_auto_approval`.
    """
    decision = evaluate(a_proposal(), a_pull_request(reviews=()), policy, default_mode=default)

    assert isinstance(decision, Merge) is automatic
    assert not isinstance(decision, Merge) or decision.approved_by == (AUTOMATIC,)
    assert not isinstance(decision, Merge) or decision.automatic


@pytest.mark.parametrize(
    "path", [".github/workflows/x.yml", ".github/odyssey.yml", "CODEOWNERS", "Dockerfile", "own/x"]
)
def test_auto_never_merges_a_protected_path(path: str) -> None:
    """
    What judges the change waits for a person, also when it hides among other files.
    """
    policy = replace(AUTO, protected_paths=("own/**",))
    pull = a_pull_request(files=files("src/a.py", path), reviews=())
    decision = evaluate(a_proposal(), pull, policy)
    approved = evaluate(a_proposal(), replace(pull, reviews=(a_review(),)), policy)

    assert open_numbers(decision) == [5]
    assert path in condition(decision, 5).sentence
    assert isinstance(approved, Merge)
    assert not approved.automatic


@pytest.mark.parametrize(
    "changes",
    [
        {"is_draft": True},
        {"is_cross_repository": True},
        {"files_complete": False},
        {"mergeable": False},
        {"reviews_complete": False},
        {"unresolved_threads": 1},
        {"reviews": (a_review(state=OBJECTION),)},
    ],
)
def test_auto_needs_every_other_condition(changes: dict[str, Any]) -> None:
    """
    Mode `auto` replaces the approval and nothing else.
    """
    assert isinstance(evaluate(a_proposal(), a_pull_request(**changes), AUTO), Blocked)


def test_auto_does_not_merge_what_failed() -> None:
    """
    Nor what another commit passed.
    """
    failed = a_proposal(validation=a_validation(conclusion="failure"))
    stale = a_proposal(validation=a_validation(head_sha=OLD_HEAD))

    assert isinstance(evaluate(failed, a_pull_request(), AUTO), Blocked)
    assert isinstance(evaluate(stale, a_pull_request(), AUTO), Validate)


def test_the_limits_are_the_policy_s() -> None:
    """
    Smaller ones block what the defaults would let pass.
    """
    pull = a_pull_request(files=files("a", "b", lines=5))

    assert open_numbers(evaluate(a_proposal(), pull, Policy(limits=Limits(files=1)))) == [3]
    assert open_numbers(evaluate(a_proposal(), pull, Policy(limits=Limits(lines=9)))) == [3]
    assert isinstance(evaluate(a_proposal(), pull, Policy(limits=Limits(lines=10))), Merge)


@pytest.mark.parametrize("pushed", [{"head_author": "Bob"}, {"head_committer": "bob"}])
def test_nobody_approves_their_own_push(pushed: dict[str, Any]) -> None:
    """
    Alice requested, bob pushed the newest commit: somebody else has to look at it.
    """
    alone = evaluate(a_proposal(), a_pull_request(**pushed), Policy())
    helped = (a_review(), a_review(id=2, author="carol"))
    decision = evaluate(a_proposal(), a_pull_request(**pushed, reviews=helped), Policy())

    assert open_numbers(alone) == [5]
    assert "bob pushed this commit" in condition(alone, 5).sentence
    assert "whoever pushed" in condition(alone, 5).remedy
    assert isinstance(decision, Merge)
    assert decision.approved_by == ("carol",)


def test_a_push_of_one_s_own_counts_where_the_policy_says_so() -> None:
    """
    `requester_counts: true` is for those who work alone.
    """
    policy = Policy(approvals=Approvals(requester_counts=True))
    pull = a_pull_request(head_author="bob", head_committer="bob")

    assert isinstance(evaluate(a_proposal(), pull, policy), Merge)


def test_somebody_else_s_commit_takes_nobody_s_approval_away() -> None:
    """
    Nor does a commit whose people GitHub does not know.
    """
    pull = a_pull_request(head_author="dave", head_committer="web-flow")

    assert isinstance(evaluate(a_proposal(), pull, Policy()), Merge)
    assert isinstance(evaluate(a_proposal(), a_pull_request(), Policy()), Merge)


def test_auto_never_merges_a_renamed_file() -> None:
    """
    It may come from a protected path, which GitHub's answer does not name; a person may merge it.
    """
    moved = (*files("src/a.py"), replace(files("src/ci.yml")[0], is_renamed=True))
    pull = a_pull_request(files=moved, reviews=())
    decision = evaluate(a_proposal(), pull, AUTO)
    approved = evaluate(a_proposal(), replace(pull, reviews=(a_review(),)), AUTO)

    assert open_numbers(decision) == [5]
    assert "renamed files" in condition(decision, 5).sentence
    assert "src/ci.yml" in condition(decision, 5).sentence
    assert isinstance(approved, Merge)


@pytest.mark.parametrize("conclusion", ["success", None])
def test_auto_never_merges_a_change_of_its_own_measure(conclusion: str | None) -> None:
    """
    Where the tests that fail it are gone, everything passes; of another commit it says nothing.
    """
    measured = a_validation(conclusion=conclusion, measure=("tests deleted: 1 (test_a)",))
    pull = a_pull_request(reviews=())
    decision = evaluate(a_proposal(validation=measured), pull, AUTO)
    stale = a_proposal(validation=replace(measured, head_sha=OLD_HEAD))

    assert open_numbers(decision) == ([5] if conclusion else [4, 5])
    assert "a change of its own measure" in condition(decision, 5).sentence
    assert condition(decision, 5).remedy
    assert isinstance(evaluate(stale, pull, AUTO), Validate)
    assert condition(evaluate(stale, pull, AUTO), 5).state is State.MET


def test_a_validation_against_another_base_branch_is_none() -> None:
    """
    A retargeted pull request is judged anew, by the workflow of its new base branch.
    """
    proposal = a_proposal(validation=a_validation(base_branch="main"))
    retargeted = a_pull_request(base_branch="release")
    decision = evaluate(proposal, retargeted, Policy())
    judged = a_proposal(validation=a_validation(base_branch="release"))

    assert isinstance(decision, Validate)
    assert "another base branch" in condition(decision, 4).sentence
    assert isinstance(evaluate(proposal, a_pull_request(), Policy()), Merge)
    assert isinstance(evaluate(judged, retargeted, Policy()), Merge)
    assert isinstance(evaluate(a_proposal(), retargeted, Policy()), Validate)


def test_a_failure_against_another_base_branch_blocks_nothing_here() -> None:
    """
    And a run that goes on for the other one is not waited for.
    """
    retargeted = a_pull_request(base_branch="release")
    for conclusion in ("failure", None):
        ran = a_validation(base_branch="main", conclusion=conclusion)

        assert isinstance(evaluate(a_proposal(validation=ran), retargeted, Policy()), Validate)


def test_one_file_is_no_files() -> None:
    """
    The counts read like sentences.
    """
    decision = evaluate(a_proposal(), a_pull_request(files=files("a")), Policy())

    assert condition(decision, 3).sentence == "1 file, 1 line."


def test_a_passing_change_of_its_own_measure_says_so_in_the_condition() -> None:
    """Whoever approves sees that tests were deleted, without any power in the words."""
    validation = a_validation(measure=("tests deleted: 1 (@team)", "skips more: 2, were 0"))
    proposal = a_proposal(validation=validation)

    decision = evaluate(proposal, a_pull_request(), Policy())

    assert isinstance(decision, Merge | Blocked)
    sentence = decision.conditions[3].sentence
    assert "tests deleted: 1" in sentence
    assert "@team" not in sentence
