"""
Prove: asks git what a judgement needs to know of the branch, once for each pair of commits.

Whether an approval of an older head is still of the same change, and in which files the
branch conflicts with its base.
"""

from __future__ import annotations

from dataclasses import replace

from odyssey.domain.carry_over import CarriedApproval
from odyssey.domain.errors import BaseChanged, NotFound
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import FoundConflict, Proposal
from odyssey.domain.pull_request import PullRequest
from odyssey.domain.standing import heads_to_prove, with_answer, with_past_head
from odyssey.ports import Ports


async def with_answers_of_git(
    proposal: Proposal, pull: PullRequest, policy: Policy | str, ports: Ports
) -> Proposal:
    """
    *proposal*, whose head is that of *pull*, with what the gate needs of git.

    Raises:
        BaseChanged: the base branch moved on since *pull* was read.
    """
    if not pull.is_open or pull.is_cross_repository:
        return proposal
    proposal = with_past_head(proposal, pull)
    if pull.mergeable is False:
        proposal = await _with_conflict(proposal, pull, ports)
    if isinstance(policy, str):
        return proposal
    for head_sha in heads_to_prove(proposal, pull, policy):
        proof = await ports.repositories.carry_over(
            pull.ref.repository,
            from_head=head_sha,
            to_head=pull.head_sha,
            base_branch=pull.base_branch,
        )
        if proof and proof.base_sha != pull.base_sha:
            raise BaseChanged(f"{pull.ref}: `{pull.base_branch}` is at {proof.base_sha[:7]} now")
        answer = CarriedApproval(
            from_head=head_sha,
            to_head=pull.head_sha,
            base_branch=pull.base_branch,
            base_sha=pull.base_sha,
            proof=proof,
            at=ports.now(),
        )
        proposal = with_answer(proposal, answer)
    return proposal


async def _with_conflict(proposal: Proposal, pull: PullRequest, ports: Ports) -> Proposal:
    known = proposal.conflict
    if known and (known.head_sha, known.base_sha) == (pull.head_sha, pull.base_sha):
        return proposal
    try:
        paths = await ports.repositories.conflicts(
            pull.ref.repository, base_branch=pull.base_branch, head_sha=pull.head_sha
        )
    except NotFound:
        # One of the branches is gone meanwhile: what GitHub says has to do.
        return proposal
    found = FoundConflict(head_sha=pull.head_sha, base_sha=pull.base_sha, paths=paths)
    return replace(proposal, conflict=found)
