"""
Authority: asks GitHub what a judgement needs to know about reviewers, and no more.

Most policies need nothing: then nothing is asked.
"""

from __future__ import annotations

from odyssey.domain.approval import candidates
from odyssey.domain.authority import Authority, questions
from odyssey.domain.errors import PermissionDenied
from odyssey.domain.identifiers import RepositoryRef
from odyssey.domain.policy import POLICY_PATH, Policy
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import Permission, PullRequest
from odyssey.ports import Ports


async def authority_of(
    proposal: Proposal, pull: PullRequest, policy: Policy | str, ports: Ports
) -> Authority:
    """
    The answers for judging *pull*; a policy that cannot be read needs none.
    """
    if isinstance(policy, str) or not pull.is_open:
        return Authority()
    repository, approvers = pull.ref.repository, candidates(proposal, pull, policy)
    asked = questions(pull, policy, approvers)
    old_paths = None
    if asked.old_paths:
        old_paths = await ports.github.old_paths(pull.ref)
        asked = questions(pull, policy, approvers, old_paths=old_paths)
    return Authority(
        permissions={
            login.lower(): await ports.github.permission(repository, login)
            for login in asked.permissions
        },
        memberships={
            (team, login): await ports.github.membership(repository, team, login)
            for team, login in asked.memberships
        },
        old_paths=old_paths,
    )


async def policy_of_branch(repository: RepositoryRef, branch: str, ports: Ports) -> Policy:
    """
    The policy that counts on *branch*.

    Raises:
        PolicyInvalid: the file that counts cannot be read.
    """
    return ports.read_policy(*await ports.github.policy_texts(repository, branch=branch))


async def require_permission(
    word: str,
    login: str,
    repository: RepositoryRef,
    branch: str,
    ports: Ports,
    *,
    permission: Permission | None = None,
) -> None:
    """
    Returns when *login* may give the command *word* about *branch*.

    Without *permission* GitHub is asked for it.

    Raises:
        PermissionDenied: they may not; says what it takes.
        PolicyInvalid: the policy, which says who may, cannot be read.
    """
    policy = await policy_of_branch(repository, branch, ports)
    needed = policy.commands.needed(word)
    if permission is None:
        permission = await ports.github.permission(repository, login)
    if not permission.includes(needed):
        raise PermissionDenied(
            f"`/odyssey {word}` needs {needed} permission in `{repository}` (`commands.{word}` in "
            f"`{POLICY_PATH}`); `{login}` has `{permission}`. Ask somebody who has it to give the "
            "command."
        )
