"""
Sweep proposals: every proposal is compared with GitHub, and what differs is looked at.

It makes good what no delivery can: deliveries older than GitHub's log, runs whose end nobody
told, pull requests that were closed, merged or reopened meanwhile, and time itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from odyssey.domain import comments
from odyssey.domain.errors import (
    Busy,
    NotFound,
    OdysseyError,
    PolicyInvalid,
    RateLimited,
    Unavailable,
    WriteRefused,
)
from odyssey.domain.events import IssueCommentDeleted
from odyssey.domain.expiry import expiry_reason, is_expired
from odyssey.domain.identifiers import DeliveryId, PullRequestRef, RepositoryRef
from odyssey.domain.proposal import Proposal, Status
from odyssey.handlers.approve_command import withdraw
from odyssey.handlers.asked import SEEN_WITHIN
from odyssey.handlers.rebuild import is_candidate, know, rebuild_missing
from odyssey.handlers.reconcile import lock_key, validate_again
from odyssey.handlers.reject import reject
from odyssey.handlers.sweep_comments import sweep_comments
from odyssey.ports import SWEPT, Delivery, Ports
from odyssey.ports.healing import Installed, ListedPull

log = logging.getLogger("odyssey.sweeps")

NAME = "sweep:proposals"
LOOK_AGAIN = timedelta(hours=6)
"""A proposal nothing seems to have happened to is looked at as often as this all the same."""
RUN_GRACE = timedelta(minutes=2)
"""A run younger than this is not asked for: its deliveries are most likely on their way."""
REST_BEFORE_EXPIRY = timedelta(hours=20)
"""No policy can be shorter than a day, so nothing younger is asked about."""
MOST_ASKED = 200
"""Proposals of one repository that one sweep has looked at."""
NEWEST = 1_000
MOST_UNANSWERED = 3
"""After so many, one after the other, it is an outage, and no sweep's time."""


@dataclass(slots=True)
class ProposalSweep:
    """What one sweep did: repositories seen, proposals asked about, expired, comments given."""

    repositories: int = 0
    asked: list[str] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    comments: list[int] = field(default_factory=list)
    put_off: list[str] = field(default_factory=list)
    unanswered: int = 0
    """Of how many, one after the other, GitHub or Redis told nothing."""


async def sweep_proposals(ports: Ports, *, only: str | None = None) -> ProposalSweep:
    """
    Looks over every repository the App is installed on, or over *only* (full name).

    Raises:
        Busy: another process is at it.
        RateLimited: GitHub asks for patience; the next sweep goes on.
    """
    sweep = ProposalSweep()
    async with ports.proposals.lock(NAME):
        started = ports.now()
        for installed in await ports.overview.repositories():
            repository = installed.repository
            if only is not None and repository.full_name.lower() != only.lower():
                continue
            if not await ports.budget.allows_background(repository.installation_id):
                sweep.put_off.append(repository.full_name)
                continue
            with _going_on(repository, sweep):
                await _sweep_repository(installed, sweep, ports)
            sweep.repositories += 1
        if only is None:
            await ports.notes.set_time(NAME, started)
    if sweep.asked or sweep.rebuilt or sweep.runs or sweep.expired or sweep.comments:
        log.info(
            "sweep: %s repositories; asked about %s, rebuilt %s, runs %s, expired %s, comments %s",
            sweep.repositories, sweep.asked, sweep.rebuilt, sweep.runs, sweep.expired,
            sweep.comments,
        )  # fmt: skip
    return sweep


@contextmanager
def _going_on(item: object, sweep: ProposalSweep) -> Iterator[None]:
    """Leaves *item* to the next sweep where it cannot be dealt with: others wait behind it."""
    try:
        yield
    except RateLimited:
        raise
    except OdysseyError as error:
        if isinstance(error, Unavailable | Busy):
            sweep.unanswered += 1
            if sweep.unanswered >= MOST_UNANSWERED:
                raise
        log.warning("%s is left out of this sweep: %s", item, error)
    else:
        sweep.unanswered = 0


async def _sweep_repository(installed: Installed, sweep: ProposalSweep, ports: Ports) -> None:
    repository = installed.repository
    await know(repository, ports)
    listed = {
        each.number: each
        for each in await ports.overview.open_pulls(repository)
        if is_candidate(each, ports)
    }
    held = {
        each.pull_number: await _of_this_installation(each, repository, ports)
        for each in await ports.proposals.newest(limit=NEWEST, repository=repository.full_name)
        if each.pull_number is not None
    }
    for number in sorted(listed.keys() - held.keys()):
        ref = PullRequestRef(repository, number)
        with _going_on(ref, sweep):
            proposal = await rebuild_missing(ref, ports)
            if proposal is not None:
                sweep.rebuilt.append(proposal.id)
                await ports.inbox.ask_reconcile(ref)
    # Those that waited longest for a look come first.
    for proposal in sorted(held.values(), key=lambda each: each.updated_at):
        with _going_on(proposal.pull_request, sweep):
            pull = listed.get(proposal.pull_request.number)
            await _compare(proposal, pull, repository, sweep, ports)
    sweep.comments += await sweep_comments(installed, ports)


async def _of_this_installation(
    proposal: Proposal, repository: RepositoryRef, ports: Ports
) -> Proposal:
    """The proposal with the installation that holds now: an App may be removed and come back."""
    if proposal.repository.installation_id == repository.installation_id:
        return proposal
    async with ports.proposals.lock(lock_key(proposal.pull_request)):
        proposal = await ports.proposals.get(proposal.id) or proposal
        proposal = replace(proposal, repository=repository)
        await ports.proposals.put(proposal)
    return proposal


async def _compare(
    proposal: Proposal,
    pull: ListedPull | None,
    repository: RepositoryRef,
    sweep: ProposalSweep,
    ports: Ports,
) -> None:
    """Has *proposal* looked at where *pull*, as GitHub lists it if it is open, says otherwise."""
    proposal = await _without_lost_approvals(proposal, ports)
    if pull is not None and await _expires(proposal, ports):
        sweep.expired.append(proposal.id)
    elif await _take_up_run(proposal, repository, sweep, ports):
        return
    elif len(sweep.asked) < MOST_ASKED and _wants_look(proposal, pull, ports):
        sweep.asked.append(proposal.id)
        await ports.inbox.ask_reconcile(proposal.pull_request)


async def _without_lost_approvals(proposal: Proposal, ports: Ports) -> Proposal:
    """The proposal without approvals by comments that are gone, of which no delivery told."""
    if proposal.status.is_final:
        return proposal
    for approval in proposal.command_approvals:
        if ports.now() - approval.at < SEEN_WITHIN:
            # GitHub may not show it yet, and what is withdrawn is never given again.
            continue
        if await ports.overview.comment(proposal.repository, approval.comment_id) is None:
            event = IssueCommentDeleted(
                repository=proposal.repository,
                number=proposal.pull_request.number,
                is_pull_request=True,
                comment_id=approval.comment_id,
            )
            await withdraw(event, ports)
    return await ports.proposals.get(proposal.id) or proposal


def _wants_look(proposal: Proposal, pull: ListedPull | None, ports: Ports) -> bool:
    """Whether GitHub's list says otherwise than the store, or nobody looked for long."""
    if pull is None:
        # Closed or merged, and nobody told; or told, and not yet said to people.
        return not proposal.status.is_final or not is_told(proposal)
    if proposal.status is Status.MERGED:
        return False
    return (
        proposal.status is Status.REJECTED
        or _is_undispatched(proposal, ports)
        or (pull.head_sha, pull.base_branch) != (proposal.head_sha, proposal.base_branch)
        or pull.updated_at > proposal.updated_at
        or ports.now() - proposal.updated_at > LOOK_AGAIN
    )


def _is_undispatched(proposal: Proposal, ports: Ports) -> bool:
    """Whether the sandbox was to judge the head, and whoever was at it never got that far."""
    validation = proposal.current_validation
    if ports.now() - proposal.updated_at < RUN_GRACE:
        return False
    return validation is None or (validation.run_id is None and validation.conclusion is None)


def is_told(proposal: Proposal) -> bool:
    """Whether the end of a proposal was audited, published and remembered: all there is to do."""
    merge = proposal.merge
    match proposal.status:
        case Status.MERGED:
            is_owed = merge is not None and merge.verdict is not None and merge.audit is None
            return proposal.retained.startswith("merged:") and not is_owed
        case Status.REJECTED:
            return proposal.retained.startswith("rejected:")
    return False


async def _take_up_run(
    proposal: Proposal, repository: RepositoryRef, sweep: ProposalSweep, ports: Ports
) -> bool:
    """Whether the proposal waited for a run that ended, or is gone; that is given to the inbox."""
    validation = proposal.current_validation
    if proposal.status.is_final or validation is None or validation.conclusion is not None:
        return False
    if validation.run_id is None or ports.now() - validation.requested_at < RUN_GRACE:
        return False
    found = await ports.overview.run(repository, validation.run_id)
    if found is None:
        # Deleted by somebody: nothing will ever come of it.
        await validate_again(
            proposal.pull_request, ports, request=f"run {validation.run_id} is gone"
        )
    elif found.is_completed:
        await ports.inbox.accept(
            Delivery(
                id=DeliveryId(f"{SWEPT}run:{found.id}:{found.attempt}:{validation.nonce}"),
                event="workflow_run",
                body=found.body,
                received_at=ports.now(),
                repository=repository,
            )
        )
    else:
        return False
    sweep.runs.append(int(validation.run_id))
    return True


async def _expires(proposal: Proposal, ports: Ports) -> bool:
    """Whether the proposal is expired by its policy; then it is closed, and that is said once."""
    if proposal.status.is_final or ports.now() - proposal.created_at < REST_BEFORE_EXPIRY:
        return False
    pull = await ports.github.snapshot(proposal.pull_request)
    try:
        policy = ports.read_policy(pull.policy_text, pull.organisation_policy_text)
    except PolicyInvalid:
        return False
    if not is_expired(proposal, pull, policy, ports.now()):
        return False
    reason = expiry_reason(policy)
    marker = comments.expired_marker(f"{proposal.id}/{proposal.head_sha}")
    await reject(proposal, ports, by=ports.app.bot_login, reason=reason)
    try:
        await ports.github.post_comment(
            proposal.repository,
            proposal.pull_request.number,
            f"{comments.expired(reason)}\n\n{marker}",
            marker=marker,
            look_first=True,
        )
    except (WriteRefused, NotFound) as error:
        log.warning("%s is not told that it expired: %s", proposal.pull_request, error)
    return True
