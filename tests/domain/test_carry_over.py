"""
Which approvals of an older head count: those with a proof, by the same rules as any other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.samples import (
    BASE_TIP,
    HEAD,
    NOON,
    OLD_HEAD,
    a_proposal,
    a_pull_request,
    a_review,
    minutes,
)
from odyssey.domain.approval import approvals, why_not_counted
from odyssey.domain.authority import Authority
from odyssey.domain.carry_over import CarriedApproval, Proof, ProofKind
from odyssey.domain.conditions import Condition, State
from odyssey.domain.identifiers import HeadSha
from odyssey.domain.policy import ApprovalMode, Approvals, Policy
from odyssey.domain.proposal import CommandApproval, PastHead, Proposal
from odyssey.domain.pull_request import Permission, PullRequest, PullRequestCommit, ReviewState
from odyssey.domain.standing import (
    MAX_CARRIED,
    MAX_HEADS,
    heads_to_prove,
    with_answer,
    with_command_approval,
    with_past_head,
    without_comment,
)

MERGED = "c" * 40
PAST = PastHead(head_sha=OLD_HEAD, since=minutes(-60), committed_at=minutes(-60), people=("alice",))
COMMANDS = Policy(approvals=Approvals(commands=True))


def an_answer(kind: ProofKind | None = ProofKind.CLEAN_MERGE, **changes: Any) -> CarriedApproval:
    """What git said of the old head and the present one."""
    proof = (
        None
        if kind is None
        else Proof(
            kind=kind,
            from_head=OLD_HEAD,
            to_head=HEAD,
            base_branch="main",
            base_sha=BASE_TIP,
            steps=((OLD_HEAD, BASE_TIP, HEAD),) if kind is ProofKind.CLEAN_MERGE else (),
        )
    )
    answer = CarriedApproval(
        from_head=OLD_HEAD,
        to_head=HEAD,
        base_branch="main",
        base_sha=BASE_TIP,
        proof=proof,
        at=NOON,
    )
    return replace(answer, **changes)


def judged(
    proposal: Proposal,
    pull: PullRequest,
    policy: Policy | None = None,
    authority: Authority | None = None,
) -> Condition:
    """Condition 5."""
    return approvals(
        proposal, pull, policy or Policy(), ApprovalMode.MANUAL, authority or Authority()
    )[1]


def the_pull(**changes: Any) -> PullRequest:
    """The pull request at its new head, which bob approved at its old one."""
    review = a_review(head_sha=OLD_HEAD, submitted_at=minutes(-30))
    return replace(a_pull_request(reviews=(review,)), **changes)


def the_proposal(*answers: CarriedApproval, **changes: Any) -> Proposal:
    """The proposal that had the old head."""
    return a_proposal(heads=(PAST,), carried=answers, **changes)


@pytest.mark.parametrize("kind", list(ProofKind))
def test_an_approval_with_a_proof_counts_and_shows_it(kind: ProofKind) -> None:
    """
    What was compared, both commits, and a command that checks it.
    """
    condition = judged(the_proposal(an_answer(kind)), the_pull())

    assert condition.state is State.MET
    assert f"bob approved `{OLD_HEAD[:7]}`" in condition.sentence
    assert f"`{HEAD[:7]}`" in condition.sentence
    assert f"({kind}; to check: `git " in condition.sentence


def test_without_a_proof_it_is_named_as_stale() -> None:
    """
    Not asked yet, asked and not found, for another head, base branch or base commit.
    """
    pull = the_pull()
    answers = [
        (),
        (an_answer(None),),
        (an_answer(to_head=HeadSha("9" * 40)),),
        (an_answer(from_head=HeadSha("9" * 40)),),
        (an_answer(base_branch="release"),),
        (an_answer(base_sha="9" * 40),),
    ]
    conditions = [judged(the_proposal(*each), pull) for each in answers]

    assert {each.state for each in conditions} == {State.WAITING}
    assert all(f"bob approved {OLD_HEAD[:7]}" in each.sentence for each in conditions)


def test_the_policy_can_do_without_it() -> None:
    """
    `carry_over: false` asks for every head anew, and git for nothing.
    """
    strict = Policy(approvals=Approvals(carry_over=False))
    proposal = the_proposal(an_answer())

    assert judged(proposal, the_pull(), strict).state is State.WAITING
    assert heads_to_prove(the_proposal(), the_pull(), strict) == ()


@pytest.mark.parametrize(
    ("review", "words"),
    [
        ({"state": ReviewState.DISMISSED}, "0 of 1"),
        ({"submitted_at": minutes(-90)}, "before that was the head"),
        ({"author": "ALICE"}, "ALICE pushed"),
        ({"author": "helper[bot]", "author_is_person": False}, "is not a person"),
        ({"author_can_push": False}, "no write permission"),
        ({"head_sha": HeadSha("9" * 40)}, "bob approved 9999999"),
    ],
)
def test_a_proof_mends_no_approval_that_never_counted(review: dict[str, Any], words: str) -> None:
    """
    Dismissed, given too early, the requester's own, a bot's, a stranger's, of an unknown commit.
    """
    given = replace(a_review(head_sha=OLD_HEAD, submitted_at=minutes(-30)), **review)
    condition = judged(the_proposal(an_answer()), the_pull(reviews=(given,)))

    assert condition.state is State.WAITING
    assert words in condition.sentence


def test_whoever_pushed_the_approved_head_does_not_approve_it() -> None:
    """
    Also when the present head is somebody else's doing.
    """
    proposal = the_proposal(an_answer(), requester="carol")
    pushed = replace(proposal, heads=(replace(PAST, people=("BOB",)),))

    assert judged(proposal, the_pull()).state is State.MET
    assert f"bob pushed {OLD_HEAD[:7]}" in judged(pushed, the_pull()).sentence


def test_whoever_merged_the_base_branch_has_written_nothing() -> None:
    """
    The reviewer may press "Update branch": the merge is proven to hold no work of theirs.
    """
    commits = (
        PullRequestCommit(sha=OLD_HEAD, parents=("a" * 40,), author="alice", committer="alice"),
        PullRequestCommit(sha=HEAD, parents=(OLD_HEAD, BASE_TIP), author="bob", committer=None),
    )
    pull = the_pull(commits=commits, head_author="bob")

    assert judged(the_proposal(an_answer()), pull).state is State.MET
    assert judged(the_proposal(an_answer(ProofKind.EQUAL_TREE)), pull).state is State.WAITING


def test_a_later_request_for_changes_takes_the_old_approval_back() -> None:
    """
    Whatever head it was given for.
    """
    reviews = (
        a_review(head_sha=OLD_HEAD, submitted_at=minutes(-30)),
        a_review(id=2, state=ReviewState.CHANGES_REQUESTED, submitted_at=minutes(1)),
    )
    pull = the_pull(reviews=reviews)

    assert judged(the_proposal(an_answer()), pull).state is State.WAITING
    assert heads_to_prove(the_proposal(), pull, Policy()) == ()


def test_git_is_asked_once_about_each_pair() -> None:
    """
    Whatever it said; and only about heads that the proposal had.
    """
    pull = the_pull()

    assert heads_to_prove(the_proposal(), pull, Policy()) == (OLD_HEAD,)
    assert heads_to_prove(the_proposal(an_answer(None)), pull, Policy()) == ()
    assert heads_to_prove(a_proposal(), pull, Policy()) == ()
    assert heads_to_prove(the_proposal(), replace(pull, is_open=False), Policy()) == ()


def test_what_is_kept_is_bounded() -> None:
    """
    A branch pushed to a thousand times does not fill the store.
    """
    proposal = a_proposal()
    for number in range(1_000):
        head = HeadSha(f"{number:040x}")
        proposal = with_past_head(proposal, replace(a_pull_request(), head_sha=head))
        proposal = with_answer(proposal, an_answer(from_head=head))

    assert len(proposal.heads) == MAX_HEADS
    assert len(proposal.carried) == MAX_CARRIED
    assert proposal.heads[-1].head_sha == HeadSha(f"{999:040x}")
    assert len({each.head_sha for each in proposal.heads}) == MAX_HEADS


def an_approval(**changes: Any) -> CommandApproval:
    """Bob wrote `/odyssey approve` about the present head."""
    given = CommandApproval(head_sha=HEAD, by="bob", comment_id=77, at=minutes(1))
    return replace(given, **changes)


def test_an_approval_by_command_counts_where_the_policy_takes_it() -> None:
    """
    And where GitHub says now that its author may push.
    """
    proposal = with_command_approval(a_proposal(), an_approval())
    may_push = Authority(permissions={"bob": Permission.WRITE})
    may_read = Authority(permissions={"bob": Permission.READ})
    pull = a_pull_request(reviews=())

    assert judged(proposal, pull, COMMANDS, may_push).state is State.MET
    assert judged(proposal, pull, COMMANDS, may_read).state is State.WAITING
    assert judged(proposal, pull, COMMANDS).state is State.WAITING
    assert judged(proposal, pull, Policy(), may_push).state is State.WAITING


def test_an_approval_by_command_is_taken_back_by_a_later_review_or_by_deletion() -> None:
    """
    A deletion that is heard of before the comment counts too.
    """
    proposal = with_command_approval(a_proposal(), an_approval())
    authority = Authority(permissions={"bob": Permission.WRITE})
    objection = a_review(state=ReviewState.CHANGES_REQUESTED, submitted_at=minutes(2))
    objected = a_pull_request(reviews=(objection,))
    deleted = without_comment(proposal, 77)
    early = with_command_approval(without_comment(a_proposal(), 77), an_approval())
    pull = a_pull_request(reviews=())

    assert judged(proposal, objected, COMMANDS, authority).state is State.WAITING
    assert deleted.command_approvals == ()
    assert judged(deleted, pull, COMMANDS, authority).state is State.WAITING
    assert judged(early, pull, COMMANDS, authority).state is State.WAITING
    assert judged(without_comment(proposal, 78), pull, COMMANDS, authority).state is State.MET


def test_who_approves_by_command_hears_why_it_does_not_count() -> None:
    """
    The same rules as for a review.
    """
    authority = Authority(permissions={"alice": Permission.WRITE, "bob": Permission.WRITE})
    proposal = with_command_approval(
        with_command_approval(a_proposal(), an_approval()), an_approval(by="alice", comment_id=78)
    )
    pull = a_pull_request(reviews=())
    why = {
        login: why_not_counted(login, proposal, pull, COMMANDS, authority)
        for login in ("bob", "alice", "carol")
    }

    assert why["bob"] == ""
    assert why["alice"] == "alice requested the change"
    assert why["carol"] != ""
