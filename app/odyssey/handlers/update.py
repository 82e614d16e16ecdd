"""
Update: brings a proposal's branch up to date with its base branch, and validates it anew.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from odyssey.domain import comments
from odyssey.domain.errors import HeadShaChanged, NotProposable
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import PullRequest
from odyssey.handlers.reconcile import lock_key, pull_request_of, settle
from odyssey.ports import Ports, UpdateMethod


async def update(
    proposal: Proposal, ports: Ports, *, method: UpdateMethod, request: str, at: datetime
) -> str | None:
    """
    The answer, where the branch was up to date already; else the status comment answers.

    *request* names who asked and *at* when: worked once more, the same one pushes nothing.

    Raises:
        NotProposable: the pull request is closed or from a fork, or cannot be rebased.
        MergeConflict: people have to resolve it; names the files.
        HeadShaChanged: the branch moved meanwhile, or GitHub shows it as it was: call again.
    """
    ref = pull_request_of(proposal)
    async with ports.proposals.lock(lock_key(ref)):
        current = await ports.proposals.get(proposal.id) or proposal
        pull = await ports.github.snapshot(ref)
        if not pull.is_open:
            raise NotProposable(f"#{ref.number} is not open; only an open proposal is updated.")
        if pull.is_cross_repository:
            raise NotProposable("The branch comes from a fork, which Odyssey cannot push to.")
        begun = f"{request} {pull.head_sha}"
        is_again = current.update_begun.startswith(f"{request} ")
        if not is_again:
            # Kept before the push: the same request finds out that it came through.
            current = replace(current, update_begun=begun)
            await ports.proposals.put(current)
        updated = await ports.repositories.update(
            ref.repository,
            branch=pull.head_branch,
            head_sha=pull.head_sha,
            base_branch=pull.base_branch,
            method=method,
            message=comments.update_message(pull.base_branch, pull.base_sha),
            at=at,
        )
        current = await settle(current, ports)
        if updated.head_sha != pull.head_sha and current.head_sha == pull.head_sha:
            raise HeadShaChanged(f"{ref}: this read is older than the push")
        is_done_before = is_again and current.update_begun != begun and _is_ours(pull, at, ports)
    if updated.head_sha == pull.head_sha and not is_done_before:
        return comments.up_to_date(pull.base_branch, updated.base_sha)
    return None


def _is_ours(pull: PullRequest, at: datetime, ports: Ports) -> bool:
    """Whether the head is what an update asked for at *at* pushes, and not somebody's own push."""
    made_at = pull.head_committed_at.replace(microsecond=0)
    return made_at == at.replace(microsecond=0) and pull.head_committer in (
        None,
        ports.app.bot_login,
    )
