"""
Rebuild: a proposal from what GitHub holds of it, for a store that was lost.

Safety rests on the requester, who may not approve their own request. Who that was is believed,
in this order, only where GitHub vouches for it:

(1) the record in a check run of the head: nobody but Odyssey's App can write there;
(2) the record in the pull request's description, which Odyssey wrote, if GitHub says that it was
    never edited;
(3) the author of the comment that asked, as GitHub gives it, if that comment's id hashes to the
    proposal's id. An edited description may point to the comment, and cannot forge it.

Without any of these the pull request is left alone, and told so once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from odyssey.domain import comments
from odyssey.domain.errors import Busy, NotFound, Unavailable, WriteRefused
from odyssey.domain.gate import AUTOMATIC
from odyssey.domain.identifiers import (
    ProposalId,
    PullRequestRef,
    RepositoryRef,
    find_proposal_id,
)
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import PullRequest
from odyssey.domain.record import ProposalRecord, read_record, read_rejection
from odyssey.handlers.asked import asked_in
from odyssey.handlers.rebuild_validation import with_validation
from odyssey.handlers.reconcile import lock_key
from odyssey.ports import Ports
from odyssey.ports.healing import ListedPull, Traces

log = logging.getLogger("odyssey.rebuild")

MOST_COMMANDS = 20
"""Commands of one comment among which the one that asked is looked for."""
_COMMENT = re.compile(r"#issuecomment-([0-9]{1,18})$")
_APPROVED_BY = re.compile(r"^Approved-by: (\S+)$", re.MULTILINE)


async def know(repository: RepositoryRef, ports: Ports) -> datetime:
    """
    Since when the store knows all of *repository*; what it lacks is rebuilt first.

    Raises:
        Unavailable: another worker is rebuilding it; call again.
    """
    since = await ports.notes.knows_since(repository)
    if since is not None:
        return since
    try:
        async with ports.proposals.lock(f"rebuild:{repository.full_name.lower()}"):
            since = await ports.notes.knows_since(repository)
            if since is None:
                since = ports.now()
                await rebuild_repository(repository, ports)
                await ports.notes.knows(repository, since)
    except Busy as error:
        # It may take many minutes, for which nobody tries again long enough after a `Busy`.
        raise Unavailable(f"{repository} is being rebuilt: {error}") from error
    return since


async def rebuild_repository(
    repository: RepositoryRef, ports: Ports, *, tell: Callable[[Proposal], None] = lambda _: None
) -> list[Proposal]:
    """
    The proposals of *repository* that the store did not have and that GitHub gave back.

    These are all open ones, and of the others those in which something happened last. A worker
    is asked to look at each. *tell* hears of each when it is done.
    """
    recent = await ports.overview.recent_pulls(repository)
    listed = {each.number: each for each in recent}
    if len(recent) >= 100:
        listed |= {each.number: each for each in await ports.overview.open_pulls(repository)}
    found: list[Proposal] = []
    for pull in sorted(listed.values(), key=lambda each: each.number):
        if not is_candidate(pull, ports):
            continue
        proposal = await rebuild_missing(PullRequestRef(repository, pull.number), ports)
        if proposal is not None:
            found.append(proposal)
            tell(proposal)
            await ports.inbox.ask_reconcile(proposal.pull_request)
    return found


def is_candidate(pull: ListedPull, ports: Ports) -> bool:
    """Whether a pull request may be a proposal: the App opened it, from a branch it named."""
    return pull.author == ports.app.bot_login and find_proposal_id(pull.head_branch) is not None


async def rebuild_missing(ref: PullRequestRef, ports: Ports) -> Proposal | None:
    """The proposal of *ref* as GitHub gave it back; None where the store has it, or it is none."""
    async with ports.proposals.lock(lock_key(ref)):
        if await ports.proposals.find_by_pull_request(ref) is not None:
            return None
        pull = await ports.github.snapshot(ref)
        identifier = find_proposal_id(pull.head_branch)
        if identifier is None or pull.author != ports.app.bot_login or pull.is_cross_repository:
            return None
        # Whoever opens the pull request just now keeps what it knows when that is done.
        async with ports.proposals.lock(f"proposal:{identifier}"):
            if await ports.proposals.find_by_pull_request(ref) is not None:
                return None
            proposal = await _rebuilt(pull, identifier, ports)
            if proposal is not None:
                await ports.proposals.put(proposal)
        if proposal is not None:
            await _note_revert(proposal, ports)
            log.info("%s: proposal %s rebuilt from GitHub", ref, proposal.id)
        return proposal


async def _note_revert(proposal: Proposal, ports: Ports) -> None:
    """What *proposal* takes back knows of it again, so that nobody reverts it twice."""
    if not proposal.reverts:
        return
    original = await ports.proposals.get(ProposalId(proposal.reverts))
    if original is None or original.reverted_by or original.pull_number is None:
        return
    async with ports.proposals.lock(lock_key(original.pull_request)):
        original = await ports.proposals.get(original.id)
        if original is not None and not original.reverted_by:
            await ports.proposals.put(replace(original, reverted_by=proposal.id))


async def _rebuilt(pull: PullRequest, identifier: ProposalId, ports: Ports) -> Proposal | None:
    ref = pull.ref
    begun = await ports.proposals.get(identifier)
    if begun is not None:
        # Only its number was lost, or its repository has another name by now; one that has another
        # pull request is not this one's.
        is_unnumbered = begun.pull_number is None and begun.rejection is None
        is_this = is_unnumbered or begun.pull_number == ref.number
        known = replace(begun, repository=ref.repository, pull_number=ref.number)
        return known if is_this else None
    traces = await ports.overview.traces(ref, pull.head_sha)
    record = await _believed(identifier, ref, traces, ports)
    if record is None:
        log.warning("%s: nothing on GitHub proves who asked for %s; left alone", ref, identifier)
        if pull.is_open:
            await _say_lost(ref, identifier, ports)
        return None
    return await _restored(pull, record, traces, ports)


async def _believed(
    identifier: ProposalId, ref: PullRequestRef, traces: Traces, ports: Ports
) -> ProposalRecord | None:
    # (1)
    for check_run in sorted(traces.check_runs, key=lambda each: -each.id):
        record = read_record(check_run.summary)
        if record is not None and record.id == identifier:
            return record
    described = read_record(traces.description.body)
    if described is None or described.id != identifier:
        return None
    # (2)
    if traces.description.is_ours_alone:
        return described
    # (3)
    comment_id = _COMMENT.search(described.source_url)
    comment = (
        await ports.overview.comment(ref.repository, int(comment_id[1])) if comment_id else None
    )
    if comment is None or not _asked_for(identifier, comment.id, ref.repository):
        return None
    # Of an edited description nothing is taken but what it points to.
    return replace(
        described,
        requester=comment.author,
        requested_via="comment",
        source_url=comment.url,
        issue_number=comment.number,
        patch_id="",
        head_since=ports.now(),
        created_at=traces.opened_at,
        reviewer="",
        reverts="",
        validation=None,
    )


def _asked_for(identifier: ProposalId, comment_id: int, repository: RepositoryRef) -> bool:
    return any(
        identifier
        in (
            asked_in(repository, comment_id, index),
            asked_in(repository, comment_id, index, kind="revert"),
        )
        for index in range(MOST_COMMANDS)
    )


async def _restored(
    pull: PullRequest, record: ProposalRecord, traces: Traces, ports: Ports
) -> Proposal:
    now = ports.now()
    proposal = Proposal(
        id=record.id,
        repository=pull.ref.repository,
        branch=pull.head_branch,
        base_branch=pull.base_branch,
        commit_message=traces.first_message.strip() or pull.title.strip() or record.id,
        requester=record.requester,
        requested_via=record.requested_via,
        source_url=record.source_url,
        issue_number=record.issue_number,
        patch_id=record.patch_id,
        paths=pull.paths,
        created_at=record.created_at,
        updated_at=now,
        head_sha=pull.head_sha,
        # Later than it may have been: an approval from before is asked for once more.
        head_since=record.head_since if record.head_sha == pull.head_sha else now,
        pull_number=pull.ref.number,
        reviewer=record.reviewer,
        reverts=record.reverts,
    )
    for comment in traces.comments:
        if comments.status_marker(proposal) in comment.body:
            proposal = replace(proposal, status_comment_id=comment.id)
            if not pull.is_open and not pull.is_merged:
                proposal = replace(proposal, rejection=read_rejection(comment.body))
            break
    if pull.is_merged and pull.merge_sha and pull.merged_by == ports.app.bot_login:
        approvers = tuple(_APPROVED_BY.findall(traces.merge_message))
        proposal = replace(
            proposal,
            merge=MergeAttempt(
                head_sha=pull.head_sha,
                approved_by=approvers,
                automatic=approvers == (AUTOMATIC,),
                at=traces.closed_at or now,
                sha=pull.merge_sha,
            ),
        )
    return await with_validation(proposal, pull, traces, ports)


async def _say_lost(ref: PullRequestRef, identifier: ProposalId, ports: Ports) -> None:
    marker = comments.lost_marker(identifier)
    try:
        await ports.github.post_comment(
            ref.repository,
            ref.number,
            f"{comments.lost(identifier)}\n\n{marker}",
            marker=marker,
            look_first=True,
        )
    except (WriteRefused, NotFound) as error:
        # The repository is waited for until it is known: no conversation may stand in its way.
        log.warning("%s is not told that %s is lost: %s", ref, identifier, error)
