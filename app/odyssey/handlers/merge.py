"""
Merge: what the gate's two decisions to act come to, a merge and an update of the branch.

Nothing is sent before it is written down, and nothing is merged that a second read
does not judge exactly as the first one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from odyssey.domain import comments, gate
from odyssey.domain.errors import (
    Busy,
    CommandRefused,
    Conflict,
    MergeConflict,
    NotFound,
    NotMergeable,
    NotProposable,
    Unavailable,
)
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.proposal import FoundConflict, Proposal
from odyssey.domain.pull_request import PullRequest
from odyssey.ports import Ports, UpdateMethod

STILL_FRESH = timedelta(milliseconds=200)
"""A read older than this when the merge is sent is made once more."""

Judge = Callable[[Proposal, PullRequest], Awaitable[gate.Decision]]
"""The gate, asked about one read of the pull request."""


async def merge(
    proposal: Proposal, decision: gate.Merge, ports: Ports, *, judge: Judge
) -> Proposal:
    """
    The proposal with what GitHub answered to the merge of exactly what *decision* judged.

    Raises:
        Conflict: a second read gives another verdict, or the world moved during the merge.
    """
    attempt = MergeAttempt(
        head_sha=decision.head_sha,
        approved_by=decision.approved_by,
        automatic=decision.automatic,
        at=ports.now(),
        verdict=decision.verdict,
        deletes_branch=decision.deletes_branch,
    )
    # An earlier try of which no answer came may turn out to be the one that merged.
    earlier = proposal.merge if proposal.merge and proposal.merge.is_unanswered else None
    base = f"base:{proposal.repository.full_name.lower()}:{decision.base_branch}"
    try:
        # One at a time into a branch: the second of two must be judged on what the first one left.
        async with ports.proposals.lock(base):
            await _judge_again(proposal, decision, ports, judge)
            attempt = replace(attempt, at=ports.now())
            proposal = replace(proposal, merge=attempt)
            await ports.proposals.put(proposal)
            try:
                sha = await _send(proposal, decision, ports)
            except Unavailable:
                # What came of it may be as new as this moment.
                unanswered = replace(attempt, at=ports.now())
                await ports.proposals.put(replace(proposal, merge=unanswered))
                raise
    except Busy:
        # The lock was lost, maybe after the merge was sent: what is kept of it stays.
        await ports.proposals.put(proposal)
        raise
    except Conflict:
        await ports.proposals.put(replace(proposal, merge=earlier))
        raise
    except NotMergeable as error:
        return replace(proposal, merge=replace(attempt, failure=str(error)))
    proposal = replace(proposal, merge=replace(attempt, sha=sha))
    # From here on the audit is owed, whoever does it.
    await ports.proposals.put(proposal)
    return proposal


async def _judge_again(
    proposal: Proposal, decision: gate.Merge, ports: Ports, judge: Judge
) -> None:
    pull, read_at = await ports.github.snapshot(proposal.pull_request), ports.now()
    again = await judge(proposal, pull)
    if ports.now() - read_at > STILL_FRESH:
        # Who is asked about many people takes long: in that time somebody may turn it to another
        # base branch, of which GitHub is told nothing by the merge.
        later = await ports.github.snapshot(proposal.pull_request)
        if replace(later, mergeable=pull.mergeable) != pull:
            raise Conflict(f"{pull.ref}: it changed while it was judged; judged again")
    if not isinstance(again, gate.Merge):
        raise Conflict(f"{pull.ref}: what was ready a moment ago is not any more; judged again")
    if changed := decision.verdict.differences(again.verdict):
        raise Conflict(f"{pull.ref}: another {', another '.join(changed)}; judged again")


async def _send(proposal: Proposal, decision: gate.Merge, ports: Ports) -> str:
    try:
        return await ports.github.merge(
            proposal.pull_request,
            head_sha=decision.head_sha,
            method=decision.method,
            title=f"{proposal.title} (#{proposal.pull_number})",
            message=comments.merge_message(proposal),
        )
    except NotMergeable as error:
        # The reads may have been before GitHub knew of a conflict, or of an earlier try's merge;
        # the gate says that better.
        pull = await ports.github.snapshot(proposal.pull_request)
        if pull.is_merged or pull.mergeable is False:
            raise Conflict(f"{pull.ref} is merged, or conflicts with its base branch") from error
        raise


async def bring_up_to_date(proposal: Proposal, decision: gate.Update, ports: Ports) -> Proposal:
    """
    The proposal after its base branch was merged into its branch, or with why that cannot be.

    What comes of it, a new head or a conflict, is judged by the delivery that Odyssey hands itself:
    GitHub's own tells of a push by Odyssey, which is passed over.

    Raises:
        Conflict: the branch is elsewhere by now.
    """
    try:
        updated = await ports.repositories.update(
            proposal.repository,
            branch=proposal.branch,
            head_sha=decision.head_sha,
            base_branch=decision.base_branch,
            method=UpdateMethod.MERGE,
            message=comments.update_message(decision.base_branch, decision.base_sha),
            at=ports.now(),
        )
    except MergeConflict as error:
        if not error.paths:
            return _not_updated(proposal, decision, error, ports)
        found = FoundConflict(
            head_sha=decision.head_sha, base_sha=decision.base_sha, paths=error.paths
        )
        proposal = replace(proposal, conflict=found)
    except (CommandRefused, NotFound) as error:
        return _not_updated(proposal, decision, error, ports)
    else:
        if (updated.head_sha, updated.base_sha) == (decision.head_sha, decision.base_sha):
            # Asked again, it would be the same for ever.
            known = NotProposable(
                f"It contains the tip of `{decision.base_branch}` already, which the commits "
                "that one read shows do not tell. Squash the branch into fewer commits."
            )
            return _not_updated(proposal, decision, known, ports)
    await ports.inbox.ask_reconcile(proposal.pull_request)
    return proposal


def _not_updated(
    proposal: Proposal, decision: gate.Update, error: CommandRefused | NotFound, ports: Ports
) -> Proposal:
    failed = MergeAttempt(
        head_sha=decision.head_sha,
        approved_by=(),
        automatic=False,
        at=ports.now(),
        failure=f"The branch could not be brought up to date. {error}",
    )
    return replace(proposal, merge=failed)
