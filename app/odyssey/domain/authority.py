"""
What GitHub was asked about reviewers for one judgement, and what has to be asked.

The read of a pull request says who may push, and no more: whether somebody
maintains the repository or belongs to a team is another question each. Only what
the policy or CODEOWNERS makes matter is asked, and what was not answered counts
for nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from odyssey.domain.codeowners import CodeownersUnreadable, Owner, OwnerKind, owners_of
from odyssey.domain.policy import Policy
from odyssey.domain.pull_request import Permission, PullRequest

MAX_QUESTIONS = 60
"""Questions about team membership in one judgement; what is over is not asked and not counted."""


class Membership(StrEnum):
    """Whether somebody belongs to a team, as far as GitHub tells the App."""

    MEMBER = "member"
    NO_MEMBER = "no member"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """
    The answers; logins and teams (`organisation/slug`) are in lower case.

    `old_paths` are those that renamed files had before; None when it was not asked.
    """

    permissions: Mapping[str, Permission] = field(default_factory=dict)
    memberships: Mapping[tuple[str, str], Membership] = field(default_factory=dict)
    old_paths: tuple[str, ...] | None = None

    def permission(self, login: str) -> Permission:
        """What *login* may do; nothing when it was not asked."""
        return self.permissions.get(login.lower(), Permission.NONE)

    def membership(self, team: str, login: str) -> Membership:
        """Whether *login* is in *team*; hidden when it was not asked."""
        return self.memberships.get((team.lower(), login.lower()), Membership.HIDDEN)

    def owns(self, login: str, owner: Owner) -> bool:
        """Whether *login* is *owner*, or in the team that is."""
        match owner.kind:
            case OwnerKind.USER:
                return owner.name.lower() == login.lower()
            case OwnerKind.TEAM:
                return self.membership(owner.name, login) is Membership.MEMBER
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What a judgement needs to know: permissions of logins, memberships, old paths of renames."""

    permissions: tuple[str, ...] = ()
    memberships: tuple[tuple[str, str], ...] = ()
    old_paths: bool = False


def questions(
    pull: PullRequest,
    policy: Policy,
    approvers: tuple[str, ...],
    *,
    old_paths: tuple[str, ...] | None = None,
) -> Questions:
    """
    What has to be asked about *approvers*, whose approvals count as far as the read tells.

    Owners of *old_paths* matter too: where these have to be asked first, ask again with them.
    """
    rules = policy.approvals
    wanted: list[tuple[str, str]] = []
    named = {each.lower() for each in rules.users}
    for slug in rules.teams:
        team = f"{pull.ref.repository.owner}/{slug}".lower()
        wanted += [(team, each.lower()) for each in approvers if each.lower() not in named]
    known = Authority(old_paths=old_paths)
    for owners in owned_paths(pull, policy, known).values():
        if not any(known.owns(login, owner) for login in approvers for owner in owners):
            teams = [each.name.lower() for each in owners if each.kind is OwnerKind.TEAM]
            wanted += [(team, login.lower()) for team in teams for login in approvers]
    return Questions(
        permissions=tuple(approvers)
        if rules.permission is not Permission.WRITE or rules.commands
        else (),
        memberships=tuple(dict.fromkeys(wanted))[:MAX_QUESTIONS],
        old_paths=old_paths is None and needs_old_paths(pull, policy),
    )


def needs_old_paths(pull: PullRequest, policy: Policy) -> bool:
    """Whether it matters where a renamed file came from, which the read does not say."""
    named = policy.refused_paths or policy.second_approver_paths
    owned = policy.approvals.codeowners and pull.codeowners_text is not None
    return bool(named or owned) and any(each.is_renamed for each in pull.files)


def all_paths(pull: PullRequest, authority: Authority) -> tuple[str, ...]:
    """The paths that the change touches, with those that renamed files had."""
    return tuple(dict.fromkeys((*pull.paths, *(authority.old_paths or ()))))


def owned_paths(
    pull: PullRequest, policy: Policy, authority: Authority
) -> dict[str, tuple[Owner, ...]]:
    """
    The touched paths that have owners; none where the policy does not ask for owners.

    A file that cannot be read gives none: `approval` says so and waits.
    """
    if not policy.approvals.codeowners:
        return {}
    try:
        found = {path: owners_of(pull.codeowners_text, path) for path in all_paths(pull, authority)}
    except CodeownersUnreadable:
        return {}
    return {path: owners for path, owners in found.items() if owners}
