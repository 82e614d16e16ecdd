"""
Revert: the reverse of a merged proposal, as a proposal under the same gate.
"""

from __future__ import annotations

from dataclasses import replace

from odyssey.domain import comments
from odyssey.domain.errors import NotProposable
from odyssey.domain.events import IssueCommented
from odyssey.domain.identifiers import ProposalId
from odyssey.domain.proposal import Proposal, Status
from odyssey.handlers.asked import asked_in, seed_of
from odyssey.handlers.propose import ProposalRequest, Reversal, propose
from odyssey.handlers.reconcile import lock_key, pull_request_of
from odyssey.ports import Ports


async def revert(
    original: Proposal, reason: str, index: int, event: IssueCommented, ports: Ports
) -> str | None:
    """
    The answer to the command at place *index* of the comment *event*.

    None where the comment on the original's pull request, which links the revert, is one.

    Raises:
        NotProposable: it is not merged, or what it brought cannot be told.
        MergeConflict: later changes touch the same places; names the files.
        ChangeRefused: a rule forbids the reverse change.
    """
    identifier = asked_in(event.repository, event.comment_id, index, kind="revert")
    ref = pull_request_of(original)
    # Held all along: two who ask at once get one revert.
    async with ports.proposals.lock(lock_key(ref)):
        current = await ports.proposals.get(original.id) or original
        merge = current.merge
        if merge is None or merge.sha is None:
            raise NotProposable(
                f"#{ref.number} is {current.status}; only what is merged can be reverted. "
                "`/odyssey reject <reason>` closes an open one."
            )
        earlier = await _find_earlier(current, ports)
        if earlier and earlier.id != identifier:
            return comments.reverted_already(earlier)
        await ports.proposals.put(replace(current, reverted_by=identifier))
        made = await propose(
            ProposalRequest(
                repository=event.repository,
                change=Reversal(original=current, merge_sha=merge.sha),
                message=comments.revert_message(current, reason, merge.sha),
                requester=event.author,
                requested_via="comment",
                source_url=event.url,
                issue_number=event.number,
                seed=seed_of(event.comment_id, index, kind="revert"),
                base_branch=current.base_branch,
                at=event.created_at,
            ),
            ports,
        )
    said = comments.revert_opened(made, reason, event.author)
    marker = comments.revert_marker(made)
    await ports.github.post_comment(
        event.repository, ref.number, f"{said}\n\n{marker}", marker=marker, look_first=True
    )
    return None if event.number == ref.number else said


async def _find_earlier(original: Proposal, ports: Ports) -> Proposal | None:
    """The revert that stands: proposed, or merged and not reverted itself."""
    if not original.reverted_by:
        return None
    found = await ports.proposals.get(ProposalId(original.reverted_by))
    if found is None or found.pull_number is None or found.status is Status.REJECTED:
        return None
    if found.status is Status.MERGED:
        again = await _find_earlier(found, ports)
        if again and again.status is Status.MERGED:
            return None
    return found
