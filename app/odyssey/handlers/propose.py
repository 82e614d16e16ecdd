"""
Propose: from a change somebody sent to an open pull request under validation.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from odyssey.domain import comments
from odyssey.domain.attention import choose_reviewer, open_among
from odyssey.domain.change import Change, check_change, hidden_in, normalise
from odyssey.domain.conditions import some_paths
from odyssey.domain.errors import CommandRefused, ForbiddenPath, NotFound, NotProposable
from odyssey.domain.identifiers import ProposalId, RepositoryRef, branch_name, proposal_id
from odyssey.domain.memory.record import Recollection
from odyssey.domain.policy import POLICY_PATH, Policy
from odyssey.domain.proposal import Proposal, Rejection, Resemblance
from odyssey.domain.repetition import MAX_DIFFERS
from odyssey.handlers.rebuild import know
from odyssey.handlers.recognise import (
    find_advice,
    find_resemblances,
    refuse_repetition,
    shown_of,
)
from odyssey.handlers.reconcile import reconcile
from odyssey.handlers.remember import retain_proposal
from odyssey.ports import BaseTree, Commit, Ports

log = logging.getLogger("odyssey.propose")

MAX_MESSAGE = 10_000
"""Characters of a commit message; longer ones are no messages."""
NEWEST = 300
"""Proposals of a repository among which the open ones are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """The reverse of what *original*, which is merged as *merge_sha*, brought."""

    original: Proposal
    merge_sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRequest:
    """
    What somebody asks for.

    *seed* names the request itself (a comment's id, an idempotency key): the
    same seed leads to the same proposal however often it is worked. Without
    *base_branch* GitHub is asked for the repository's default branch. *at* is when
    it was asked for; kept, it gives the same commit though everything was forgotten.
    *differs* is what is different from an attempt that was turned down.
    """

    repository: RepositoryRef
    change: Change | Reversal
    message: str
    requester: str
    requested_via: str
    source_url: str
    issue_number: int | None
    seed: tuple[str, ...]
    branch_prefix: str | None = None
    base_branch: str | None = None
    at: datetime | None = None
    differs: str = ""


async def propose(request: ProposalRequest, ports: Ports) -> Proposal:
    """
    The proposal for *request*: branch, commit and pull request, with validation asked for.

    A request that was worked before, in whole or in part, is taken up where it
    was left. A refusal leaves neither branch nor pull request behind.

    Raises:
        ChangeRefused: the change breaks a rule; nothing was made.
        TurnedDown: it was turned down before, and *differs* is empty; nothing was made.
        CommandRefused: the repository cannot take a proposal; nothing was made.
    """
    repository = request.repository
    await know(repository, ports)
    identifier = proposal_id(repository.full_name.lower(), *request.seed)
    async with ports.proposals.lock(f"proposal:{identifier}"):
        proposal = await ports.proposals.get(identifier)
        if proposal and proposal.rejection and proposal.pull_number is None:
            proposal = None  # refused before: asked again, it is judged anew
        if proposal is None or proposal.pull_number is None:
            proposal = await _open(request, identifier, proposal, ports)
    return await reconcile(proposal.pull_request, ports) or proposal


async def _open(
    request: ProposalRequest, identifier: ProposalId, begun: Proposal | None, ports: Ports
) -> Proposal:
    repository, message = request.repository, _message(request)
    branch = _branch(request, identifier, message)
    base_branch = request.base_branch or await ports.github.default_branch(repository)
    base = await ports.repositories.base(repository, base_branch)
    policy = await _policy(repository, base, ports)
    if policy.validation.workflow not in base.workflows:
        raise NotProposable(comments.no_workflow(policy.validation.workflow, base.branch))
    change = request.change
    if not isinstance(change, Reversal):
        change = normalise(change)
        check_change(change, policy.limits)
    at = begun.created_at if begun else ports.now()
    pushed = await ports.repositories.find_branch(repository, branch) if begun else None
    if begun and pushed and pushed == begun.head_sha:
        # An earlier try got this far; the base may have moved since, the branch has not.
        commit = Commit(sha=pushed, patch_id=begun.patch_id, paths=begun.paths, lines=0)
    else:
        stamp = request.at or at
        commit = await _commit(change, base, policy, message, stamp, repository, ports)
        _refuse_paths(commit, policy)
    resembles: tuple[Resemblance, ...] = ()
    if begun is None:
        resembles = await find_resemblances(repository, message, commit, ports, besides=identifier)
        # A revert was decided on with the merge before one's eyes.
        if not isinstance(change, Reversal):
            refuse_repetition(resembles, differs=request.differs)
    proposal = begun or Proposal(
        id=identifier,
        repository=repository,
        branch=branch,
        base_branch=base.branch,
        commit_message=message,
        requester=request.requester,
        requested_via=request.requested_via,
        source_url=request.source_url,
        issue_number=request.issue_number,
        patch_id=commit.patch_id,
        paths=commit.paths,
        created_at=at,
        updated_at=at,
        resembles=shown_of(resembles),
        differs=request.differs.strip()[:MAX_DIFFERS],
        reverts=change.original.id if isinstance(change, Reversal) else "",
    )
    proposal = proposal.with_head(commit.sha, at=at)
    # The intent is kept before the first write: whoever takes over finds it.
    if begun is None:
        proposal = await _reserve(proposal, policy, ports)
    else:
        await ports.proposals.put(proposal)
    body = _body(proposal, change, *await find_advice(proposal, ports))
    return await _publish(proposal, commit, base, body, ports, again=begun is not None)


async def _commit(
    change: Change | Reversal,
    base: BaseTree,
    policy: Policy,
    message: str,
    at: datetime,
    repository: RepositoryRef,
    ports: Ports,
) -> Commit:
    if not isinstance(change, Reversal):
        return await ports.repositories.commit(
            repository, change, base=base, policy=policy, message=message, at=at
        )
    merge = change.original.merge
    assert merge is not None
    return await ports.repositories.reverse(
        repository, merge_sha=change.merge_sha, head_sha=merge.head_sha, base=base, policy=policy,
        message=message, at=at,
    )  # fmt: skip


def _body(
    proposal: Proposal,
    change: Change | Reversal,
    notes: tuple[Recollection, ...],
    advice: tuple[str, ...],
) -> str:
    if isinstance(change, Reversal):
        takes_back = change.original.pull_number
        return comments.pull_request_body(
            proposal, takes_back=takes_back, notes=notes, advice=advice
        )
    hidden = hidden_in(change)
    return comments.pull_request_body(proposal, hidden=hidden, notes=notes, advice=advice)


async def _publish(
    proposal: Proposal, commit: Commit, base: BaseTree, body: str, ports: Ports, *, again: bool
) -> Proposal:
    repository = proposal.repository
    try:
        await ports.repositories.push(repository, commit, proposal.branch)
        number = await ports.github.open_pull_request(
            repository,
            head=proposal.branch,
            base=base.branch,
            title=comments.pull_request_title(proposal),
            body=body,
            look_first=again,
        )
    except (CommandRefused, NotFound) as error:
        opened = await ports.overview.find_pull(repository, proposal.branch) if again else None
        if opened is not None:
            # An earlier try opened it, and somebody pushed to its branch before this one.
            return await _opened(proposal, opened.number, ports)
        # The lease leaves a branch alone that holds anything but our commit.
        await ports.repositories.delete_branch(repository, proposal.branch, head_sha=commit.sha)
        refused = Rejection(
            by=ports.app.bot_login, reason=str(error), at=ports.now(), is_carried_out=True
        )
        await ports.proposals.put(replace(proposal, rejection=refused))
        raise
    return await _opened(proposal, number, ports)


async def _opened(proposal: Proposal, number: int, ports: Ports) -> Proposal:
    proposal = await _ask_reviewer(replace(proposal, pull_number=number), ports)
    # Before the number is kept: what has one is never opened again, and so never retained.
    await retain_proposal(proposal, ports)
    await ports.proposals.put(proposal)
    return proposal


async def _policy(repository: RepositoryRef, base: BaseTree, ports: Ports) -> Policy:
    if base.policy_text is not None:
        return ports.read_policy(base.policy_text)
    _, organisation = await ports.github.policy_texts(repository, branch=base.branch)
    return ports.read_policy(None, organisation)


def _refuse_paths(commit: Commit, policy: Policy) -> None:
    if refused := policy.refused(commit.paths):
        raise ForbiddenPath(
            f"The policy lets no proposal touch {some_paths(refused)} (`needs: refused` in "
            f"`protected_paths` of `{POLICY_PATH}`). A pull request of one's own can change it."
        )


async def _reserve(proposal: Proposal, policy: Policy, ports: Ports) -> Proposal:
    """The proposal, stored, with its place in the attention budget and who is asked to review."""
    repository = proposal.repository
    # One at a time, so that two at once do not take the same place.
    async with ports.proposals.lock(f"attention:{repository.full_name.lower()}"):
        newest = await ports.proposals.newest(limit=NEWEST, repository=repository.full_name)
        others = [each for each in newest if each.id != proposal.id]
        reviewer = choose_reviewer(
            policy.attention,
            open_among(others, now=ports.now()),
            requester=proposal.requester,
            requester_counts=policy.approvals.requester_counts,
        )
        proposal = replace(proposal, reviewer=reviewer)
        await ports.proposals.put(proposal)
    return proposal


async def _ask_reviewer(proposal: Proposal, ports: Ports) -> Proposal:
    if not proposal.reviewer:
        return proposal
    try:
        await ports.github.request_review(proposal.pull_request, proposal.reviewer)
    except NotFound as error:
        # They may have left; the proposal stands, and everybody else may review it.
        log.warning("%s: %s", proposal.pull_request, error)
        return replace(proposal, reviewer="")
    return proposal


def _message(request: ProposalRequest) -> str:
    message = request.message.strip()
    if not message:
        raise NotProposable(
            "The proposal has no title. Write it behind the command: "
            "`/odyssey propose Fix the greeting`."
        )
    if len(message) > MAX_MESSAGE:
        raise NotProposable(f"The message is over {MAX_MESSAGE} characters; shorten it.")
    return message


def _branch(request: ProposalRequest, identifier: ProposalId, message: str) -> str:
    try:
        return branch_name(identifier, message, prefix=request.branch_prefix or "proposal")
    except ValueError as error:
        raise NotProposable(f"{error}.") from error
