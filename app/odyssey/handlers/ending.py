"""
Ending: what becomes of a proposal whose pull request is merged or closed.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from odyssey.domain import gate
from odyssey.domain.errors import WriteRefused
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import Proposal, Rejection
from odyssey.domain.pull_request import PullRequest, ReviewState
from odyssey.ports import Ports

log = logging.getLogger("odyssey.ending")

NEWEST = 200
"""Proposals of a repository among which the one is looked for whose merge brought in another."""


async def merged(
    proposal: Proposal, pull: PullRequest, decision: gate.Merged, ports: Ports
) -> Proposal:
    """*proposal* with the merge that GitHub tells of, be it Odyssey's own or not."""
    merge = proposal.merge
    if merge and merge.sha == decision.merge_sha:
        return proposal
    # One that was begun is the one that came through, whatever head it then merged: the audit
    # compares.
    if (
        merge is None
        # What was refused of this very head may have come through all the same.
        or (merge.failure is not None and merge.head_sha != proposal.head_sha)
        or decision.by != ports.app.bot_login
        or await _was_brought_in(proposal, pull, ports)
    ):
        assert proposal.head_sha is not None
        merge = MergeAttempt(
            head_sha=proposal.head_sha,
            approved_by=(decision.by,),
            automatic=False,
            at=ports.now(),
        )
    return replace(proposal, merge=replace(merge, sha=decision.merge_sha))


async def _was_brought_in(proposal: Proposal, pull: PullRequest, ports: Ports) -> bool:
    """
    Whether it was another proposal's merge that brought *pull* into its base branch.

    Only one that was judged merges anything, and it is audited there.
    """
    repository = proposal.repository
    newest = await ports.proposals.newest(limit=NEWEST, repository=repository.full_name)
    others = [each.merge for each in newest if each.id != proposal.id and each.merge]
    heads = set(pull.merge_parents[1:]) - {proposal.merge and proposal.merge.head_sha}
    return any(
        # Of one that was refused GitHub may have said so twice, and merged it the first time.
        other.sha == pull.merge_sha or (other.sha is None and other.head_sha in heads)
        for other in others
        if other.verdict
    )


def closed(pull: PullRequest, ports: Ports) -> Rejection:
    """That somebody closed *pull*, with the last words of those who wanted changes."""
    words = [
        each
        for each in pull.reviews
        if each.state is ReviewState.CHANGES_REQUESTED and each.body.strip()
    ]
    last = max(words, key=lambda each: each.submitted_at, default=None)
    return Rejection(
        by=last.author if last else "a person on GitHub",
        reason=last.body.strip() if last else "closed without a reason",
        at=ports.now(),
        is_carried_out=True,
    )


async def close(proposal: Proposal, ports: Ports) -> Proposal:
    """*proposal*, which was rejected, after its pull request and its branch are gone."""
    assert proposal.rejection is not None
    try:
        await ports.github.close_pull_request(proposal.pull_request)
    except WriteRefused as error:
        # An archived repository, for instance. The rejection stands; the next look tries again.
        log.warning("%s is rejected and stays open: %s", proposal.pull_request, error)
        return proposal
    await delete_branch(proposal, ports)
    return replace(proposal, rejection=replace(proposal.rejection, is_carried_out=True))


async def delete_branch(proposal: Proposal, ports: Ports) -> None:
    """Deletes the branch, unless it holds by now what the proposal is not known to hold."""
    if proposal.head_sha:
        await ports.repositories.delete_branch(
            proposal.repository, proposal.branch, head_sha=proposal.head_sha
        )


def deletes_branch(proposal: Proposal, policy: Policy | str) -> bool:
    """As the policy said that was judged by; else the present one, where it can be read."""
    if proposal.merge and proposal.merge.deletes_branch is not None:
        return proposal.merge.deletes_branch
    return isinstance(policy, Policy) and policy.merge.delete_branch
