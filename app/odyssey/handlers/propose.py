"""
Propose: from a change somebody sent to an open pull request under validation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from odyssey.domain import comments
from odyssey.domain.change import Change, check_change, hidden_in, normalise
from odyssey.domain.errors import CommandRefused, NotFound, NotProposable
from odyssey.domain.identifiers import ProposalId, RepositoryRef, branch_name, proposal_id
from odyssey.domain.proposal import Proposal, Rejection
from odyssey.handlers.reconcile import reconcile
from odyssey.handlers.remember import find_resemblances, retain_proposal
from odyssey.ports import BaseTree, Commit, Ports

MAX_MESSAGE = 10_000
"""Characters of a commit message; longer ones are no messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRequest:
    """
    What somebody asks for.

    *seed* names the request itself (a comment's id, an idempotency key): the
    same seed leads to the same proposal however often it is worked. Without
    *base_branch* GitHub is asked for the repository's default branch.
    """

    repository: RepositoryRef
    change: Change
    message: str
    requester: str
    requested_via: str
    source_url: str
    issue_number: int | None
    seed: tuple[str, ...]
    branch_prefix: str | None = None
    base_branch: str | None = None


async def propose(request: ProposalRequest, ports: Ports) -> Proposal:
    """
    The proposal for *request*: branch, commit and pull request, with validation asked for.

    A request that was worked before, in whole or in part, is taken up where it
    was left. A refusal leaves neither branch nor pull request behind.

    Raises:
        ChangeRefused: the change breaks a rule; nothing was made.
        CommandRefused: the repository cannot take a proposal; nothing was made.
    """
    repository = request.repository
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
    policy = ports.read_policy(base.policy_text)
    if policy.validation.workflow not in base.workflows:
        raise NotProposable(comments.no_workflow(policy.validation.workflow, base.branch))
    change = normalise(request.change)
    check_change(change, policy.limits)
    at = begun.created_at if begun else ports.now()
    pushed = await ports.repositories.find_branch(repository, branch) if begun else None
    if begun and pushed and pushed == begun.head_sha:
        # An earlier try got this far; the base may have moved since, the branch has not.
        commit = Commit(sha=pushed, patch_id=begun.patch_id, paths=begun.paths, lines=0)
    else:
        commit = await ports.repositories.commit(
            repository, change, base=base, policy=policy, message=message, at=at
        )
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
        resembles=await find_resemblances(repository, message, commit, ports),
    )
    # The intent is kept before the first write: whoever takes over finds it.
    proposal = proposal.with_head(commit.sha, at=at)
    await ports.proposals.put(proposal)
    body = comments.pull_request_body(proposal, hidden=hidden_in(change))
    return await _publish(proposal, commit, base, body, ports)


async def _publish(
    proposal: Proposal, commit: Commit, base: BaseTree, body: str, ports: Ports
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
        )
    except (CommandRefused, NotFound) as error:
        # The lease leaves a branch alone that holds anything but our commit.
        await ports.repositories.delete_branch(repository, proposal.branch, head_sha=commit.sha)
        refused = Rejection(
            by=ports.app.bot_login, reason=str(error), at=ports.now(), is_carried_out=True
        )
        await ports.proposals.put(replace(proposal, rejection=refused))
        raise
    proposal = replace(proposal, pull_number=number)
    # Before the number is kept: what has one is never opened again, and so never retained.
    await retain_proposal(proposal, ports)
    await ports.proposals.put(proposal)
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
