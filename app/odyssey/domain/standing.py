"""
Which approvals stand: those given by review or command, and those of an older head with a proof.

Pure, like the gate it serves. Who may approve is judged elsewhere (`approval`); here is what
an approval is of, and whether it is still the same change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from odyssey.domain.carry_over import CarriedApproval, Proof, find_carried
from odyssey.domain.identifiers import HeadSha
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import CommandApproval, PastHead, Proposal
from odyssey.domain.pull_request import PullRequest, Review, ReviewState, decisive_reviews

CLOCK_SKEW = timedelta(seconds=60)
"""GitHub's clock and ours may differ; an approval this much before the head counts as after it."""

MAX_HEADS = 30
"""Heads of a proposal that are kept; an approval of an older one is given again."""
MAX_CARRIED = 30
MAX_COMMAND_APPROVALS = 50
MAX_WITHDRAWN = 200


def standing(proposal: Proposal, pull: PullRequest, policy: Policy) -> tuple[Review, ...]:
    """
    The approvals that stand, of any head: of each person, the latest decisive word.

    A command's approval is a word like a review's, so that a later review of the same
    person takes it back. It lifts nobody's request for changes: see condition 6.
    """
    given = [*pull.reviews, *(_as_review(each) for each in command_approvals(proposal, policy))]
    latest = decisive_reviews(given).values()
    return tuple(each for each in latest if each.state is ReviewState.APPROVED)


def dismissed(pull: PullRequest) -> tuple[str, ...]:
    """Whose latest decisive review somebody dismissed."""
    latest = decisive_reviews(pull.reviews)
    return tuple(login for login, each in latest.items() if each.state is ReviewState.DISMISSED)


def command_approvals(proposal: Proposal, policy: Policy) -> tuple[CommandApproval, ...]:
    """The approvals by command that are not taken back; none where the policy takes none."""
    if not policy.approvals.commands:
        return ()
    return tuple(
        each for each in proposal.command_approvals if each.comment_id not in proposal.withdrawn
    )


def _as_review(approval: CommandApproval) -> Review:
    # Only people give commands; whether this one may push is asked when it is judged.
    return Review(
        id=0,
        author=approval.by,
        author_is_person=True,
        author_can_push=True,
        state=ReviewState.APPROVED,
        head_sha=approval.head_sha,
        submitted_at=approval.at,
    )


def why_not_live(review: Review, proposal: Proposal, pull: PullRequest, policy: Policy) -> str:
    """
    Why *review* is no approval of the present head; "" when it is one.

    It is one when it was given for this head after it became the head; or for an older
    head, after that became the head, with a proof that the two hold the same change.
    """
    who = review.author
    if why_not := why_not_of_base(who, review.submitted_at, pull):
        return why_not
    if review.head_sha == pull.head_sha:
        since = proposal.head_since or pull.head_committed_at
        if _is_early(review, since, pull.head_committed_at):
            return f"{who} approved before this commit was the head"
        return ""
    if review.head_sha is None:
        return f"{who} approved a commit that is gone"
    gone = f"{who} approved {review.head_sha[:7]}"
    past = _past(review, proposal)
    if past is None or find_proof_for(review, proposal, pull, policy) is None:
        return f"{gone}, another commit than the head"
    if _is_early(review, past.since, past.committed_at):
        return f"{gone} before that was the head"
    if not policy.approvals.requester_counts and _among(past.people, who):
        return f"{who} pushed {past.head_sha[:7]}"
    return ""


def why_not_of_base(who: str, at: datetime, pull: PullRequest) -> str:
    """Why an approval given *at* is of another base branch than the present; "" when it is not."""
    # What was approved is a difference to the base branch of then.
    if pull.base_changed_at is not None and at <= pull.base_changed_at:
        return f"{who} approved before `{pull.base_branch}` became the base branch"
    return ""


def find_proof_for(
    review: Review, proposal: Proposal, pull: PullRequest, policy: Policy
) -> Proof | None:
    """The proof that *review*'s head and the present one are the same change, if it is known."""
    if not policy.approvals.carry_over or review.head_sha is None:
        return None
    found = _answer(review.head_sha, proposal, pull)
    return found.proof if found else None


def heads_to_prove(proposal: Proposal, pull: PullRequest, policy: Policy) -> tuple[HeadSha, ...]:
    """The older heads that are approved and of which git was not asked yet."""
    if not policy.approvals.carry_over or not pull.is_open:
        return ()
    heads = [
        each.head_sha
        for each in standing(proposal, pull, policy)
        if each.head_sha
        and each.head_sha != pull.head_sha
        and _past(each, proposal) is not None
        and _answer(each.head_sha, proposal, pull) is None
    ]
    return tuple(dict.fromkeys(heads))


def pure_updates(proposal: Proposal, pull: PullRequest) -> frozenset[str]:
    """
    Commits of the branch that are proven to be merges of the base branch and nothing else.

    Whoever made one has written nothing of the change.
    """
    return frozenset(
        made
        for each in proposal.carried
        if each.proof and each.base_branch == pull.base_branch and each.base_sha == pull.base_sha
        for _, _, made in each.proof.steps
    )


def with_answer(proposal: Proposal, answer: CarriedApproval) -> Proposal:
    """*proposal* with what git answered; the newest thirty answers are kept."""
    return replace(proposal, carried=(*proposal.carried, answer)[-MAX_CARRIED:])


def with_command_approval(proposal: Proposal, approval: CommandApproval) -> Proposal:
    """*proposal* with *approval*, once for each comment and head."""
    if approval in proposal.command_approvals:
        return proposal
    kept = (*proposal.command_approvals, approval)[-MAX_COMMAND_APPROVALS:]
    return replace(proposal, command_approvals=kept)


def without_comment(proposal: Proposal, comment_id: int) -> Proposal:
    """
    *proposal* after a comment was deleted: an approval in it is taken back.

    The id is kept, for its deletion may be heard of before the comment is.
    """
    if comment_id in proposal.withdrawn:
        return proposal
    withdrawn = (*proposal.withdrawn, comment_id)[-MAX_WITHDRAWN:]
    approvals = tuple(each for each in proposal.command_approvals if each.comment_id != comment_id)
    return replace(proposal, withdrawn=withdrawn, command_approvals=approvals)


def with_past_head(proposal: Proposal, pull: PullRequest) -> Proposal:
    """*proposal* with its present head noted among its heads; *pull* is the read it is from."""
    if proposal.heads and proposal.heads[-1].head_sha == pull.head_sha:
        return proposal
    people = (pull.head_author, pull.head_committer)
    head = PastHead(
        head_sha=pull.head_sha,
        since=proposal.head_since or pull.head_committed_at,
        committed_at=pull.head_committed_at,
        people=tuple(dict.fromkeys(each for each in people if each)),
    )
    others = [each for each in proposal.heads if each.head_sha != pull.head_sha]
    return replace(proposal, heads=(*others, head)[-MAX_HEADS:])


def _past(review: Review, proposal: Proposal) -> PastHead | None:
    return next((each for each in proposal.heads if each.head_sha == review.head_sha), None)


def _answer(from_head: HeadSha, proposal: Proposal, pull: PullRequest) -> CarriedApproval | None:
    return find_carried(
        proposal.carried,
        from_head=from_head,
        to_head=pull.head_sha,
        base_branch=pull.base_branch,
        base_sha=pull.base_sha,
    )


def _is_early(review: Review, since: datetime, committed_at: datetime) -> bool:
    # Added on this side: of a branch without commits of its own the time is the first there is.
    return review.submitted_at + CLOCK_SKEW < committed_at and review.submitted_at < since


def _among(people: Iterable[str], login: str) -> bool:
    return login.lower() in {each.lower() for each in people}
