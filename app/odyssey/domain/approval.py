"""
Condition (5) of the merge gate: enough permitted people approve exactly this head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from odyssey.domain.authority import Authority, Membership, all_paths, owned_paths
from odyssey.domain.carry_over import Proof
from odyssey.domain.codeowners import CodeownersUnreadable, Owner, OwnerKind, read_codeowners
from odyssey.domain.conditions import Condition, State, some_paths
from odyssey.domain.markup import code
from odyssey.domain.policy import ApprovalMode, Policy
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import (
    Permission,
    PullRequest,
    Review,
)
from odyssey.domain.standing import (
    dismissed,
    find_proof_for,
    pure_updates,
    standing,
    why_not_live,
    why_not_of_base,
)

AUTOMATIC = "system_auto_approval"
"""The approver people see where mode `auto` opened the gate."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """The approvals that count, why the others do not, and what is needed beside a number."""

    people: tuple[str, ...]
    service: tuple[str, ...]
    not_counted: tuple[str, ...]
    lacking: tuple[str, ...]
    remedies: tuple[str, ...]
    proofs: tuple[str, ...]

    @property
    def approvers(self) -> tuple[str, ...]:
        return (*self.people, *self.service)


def approvals(
    proposal: Proposal,
    pull: PullRequest,
    policy: Policy,
    mode: ApprovalMode,
    authority: Authority,
) -> tuple[tuple[str, ...], Condition]:
    """
    (5) enough permitted people approve exactly this head SHA; first who they are.

    Each owned path needs one of its owners, some paths a second person. Mode
    `auto` takes the place of all this unless a protected or owned path is
    touched (a renamed file counts as one), or what measures the change is changed.
    """
    name, short, required = "approval", pull.head_sha[:7], policy.approvals.required
    is_auto = mode is ApprovalMode.AUTO
    not_auto = _not_automatic(proposal, pull, policy, authority) if is_auto else ""
    if is_auto and not not_auto:
        return (AUTOMATIC,), Condition(
            5, name, State.MET, "Mode `auto`: no protected path is touched."
        )
    judged = _judged(proposal, pull, policy, authority)
    approvers = judged.approvers
    if len(approvers) >= required and not judged.lacking:
        said = f"Approved at `{short}` by {', '.join(approvers)}."
        return approvers, Condition(5, name, State.MET, " ".join((said, *judged.proofs)))
    sentence = f"{len(approvers)} of {required} approvals of `{short}`."
    sentence = " ".join((sentence, *judged.proofs))
    if judged.not_counted:
        sentence += f" Not counted: {', '.join(judged.not_counted)}."
    sentence = " ".join((sentence, *judged.lacking)) + not_auto
    remedies = list(judged.remedies)
    paste = f"/odyssey approve {pull.head_sha}" if policy.approvals.commands else ""
    if len(approvers) < required:
        how = f", or comment `/odyssey approve {short}`" if paste else ""
        remedies.insert(
            0, f"{_who(pull, policy)}: review the pull request and choose “Approve”{how}."
        )
    return approvers, Condition(5, name, State.WAITING, sentence, " ".join(remedies), paste)


def why_not_counted(
    login: str, proposal: Proposal, pull: PullRequest, policy: Policy, authority: Authority
) -> str:
    """Why the standing approval of *login* does not count; "" when it does."""
    for each in standing(proposal, pull, policy):
        if each.author.lower() == login.lower():
            return _why_not(each, proposal, pull, policy) or _not_permitted(
                each.author, pull, policy, authority
            )
    return f"{login} requests changes"


def candidates(proposal: Proposal, pull: PullRequest, policy: Policy) -> tuple[str, ...]:
    """Whose approval counts as far as one read of the pull request tells; the rest is asked."""
    given = standing(proposal, pull, policy)
    return tuple(each.author for each in given if not _why_not(each, proposal, pull, policy))


def _judged(proposal: Proposal, pull: PullRequest, policy: Policy, authority: Authority) -> _Judged:
    people, not_counted, proofs = [], [], []
    for each in standing(proposal, pull, policy):
        why_not = _why_not(each, proposal, pull, policy) or _not_permitted(
            each.author, pull, policy, authority
        )
        if why_not:
            not_counted.append(why_not)
        else:
            people.append(each.author)
            if proof := find_proof_for(each, proposal, pull, policy):
                proofs.append(_carried(each, proof))
    not_counted += [f"{each}'s review was dismissed" for each in dismissed(pull)]
    by_service, why_not = _by_service(proposal, pull, policy)
    if why_not:
        not_counted.append(why_not)
    lacking, remedies = _lacking(people, pull, policy, authority)
    return _Judged(
        tuple(people), by_service, tuple(not_counted), tuple(lacking), tuple(remedies),
        tuple(proofs),
    )  # fmt: skip


def _by_service(
    proposal: Proposal, pull: PullRequest, policy: Policy
) -> tuple[tuple[str, ...], str]:
    """The service whose approval of this head counts, or why it does not."""
    service = proposal.service_approval
    if not (policy.approvals.api_approvals and service and service.head_sha == pull.head_sha):
        return (), ""
    if why_not := why_not_of_base(service.by, service.at, pull):
        return (), why_not
    return (service.by,), ""


def _lacking(
    people: Sequence[str], pull: PullRequest, policy: Policy, authority: Authority
) -> tuple[list[str], list[str]]:
    """What the number of approvals does not give, in sentences, and who can give it."""
    lacking, remedies = [], []
    second = policy.needing_second_approver(all_paths(pull, authority))
    if second and len(people) < 2:
        lacking.append(f"Two people have to approve a change of {some_paths(second)}.")
        if len(people) == policy.approvals.required == 1:
            remedies.append(f"{_who(pull, policy)}, who has not approved it: approve it as well.")
    if not policy.approvals.requester_counts and not pull.commits_complete:
        lacking.append("It has more commits than could be read, so not all authors are known.")
        remedies.append("Anyone who may push: squash the branch into fewer commits.")
    if policy.approvals.codeowners:
        try:
            read_codeowners(pull.codeowners_text)
        except CodeownersUnreadable as error:
            lacking.append(f"CODEOWNERS on `{pull.base_branch}` {error}.")
            remedies.append("Anyone who may push: shorten CODEOWNERS, by a pull request of theirs.")
    unowned = {
        path: owners
        for path, owners in owned_paths(pull, policy, authority).items()
        if not any(authority.owns(login, owner) for login in people for owner in owners)
    }
    # Paths of the same owners are one sentence.
    groups: dict[tuple[Owner, ...], list[str]] = {}
    for path, owners in unowned.items():
        groups.setdefault(owners, []).append(path)
    for owners, paths in list(groups.items())[:3]:
        lacking.append(
            f"No owner of {some_paths(paths)} has approved: {_some(map(_owner, owners))}."
        )
    if len(groups) > 3:
        lacking.append(f"So it is for {len(groups) - 3} other groups of owners.")
    asked = [each for owners in groups for each in owners]
    if groups:
        remedies.append(_ask_owners(asked))
    hidden = {
        each.name
        for each in asked
        if each.kind is OwnerKind.TEAM
        and any(authority.membership(each.name, login) is Membership.HIDDEN for login in people)
    }
    if hidden:
        remedies.append(_grant(sorted(hidden)))
    return lacking, remedies


def _ask_owners(owners: Sequence[Owner]) -> str:
    if all(each.kind is OwnerKind.EMAIL for each in owners):
        return (
            "Anyone who may push: name logins or teams instead of e-mail addresses in CODEOWNERS, "
            "by a pull request of theirs; whom an address belongs to is not shown to the App."
        )
    return "One of the owners, who may push: approve the pull request."


def _owner(owner: Owner) -> str:
    match owner.kind:
        case OwnerKind.TEAM:
            return f"a member of `{owner.name}`"
        case OwnerKind.EMAIL:
            return f"{code(owner.name)} (an e-mail address, which cannot be checked)"
    return owner.name


def _grant(teams: Sequence[str]) -> str:
    shown = ", ".join(f"`{each}`" for each in teams)
    return (
        f"Who belongs to {shown} is not shown to the App: an owner of the organisation can grant "
        "it “Members: read”, or name logins instead."
    )


def _not_automatic(
    proposal: Proposal, pull: PullRequest, policy: Policy, authority: Authority
) -> str:
    """Why mode `auto` does not open the gate; "" when it does."""
    if protected := policy.protected(all_paths(pull, authority)):
        return f" Mode `auto` does not merge protected paths: {some_paths(protected)}."
    if renamed := [each.path for each in pull.files if each.is_renamed]:
        return (
            " Mode `auto` does not merge renamed files, whose old paths may be protected: "
            f"{some_paths(renamed)}."
        )
    if policy.approvals.codeowners:
        try:
            read_codeowners(pull.codeowners_text)
        except CodeownersUnreadable:
            return " Mode `auto` does not merge where CODEOWNERS cannot be read."
    if owned := tuple(owned_paths(pull, policy, authority)):
        return f" Mode `auto` does not merge paths that have owners: {some_paths(owned)}."
    validation = proposal.validation_of(pull.head_sha, pull.base_branch)
    if validation and validation.measure:
        # It passed, but maybe because the tests that fail it are gone.
        return " Mode `auto` does not merge a change of its own measure: see condition 4."
    return ""


def _why_not(review: Review, proposal: Proposal, pull: PullRequest, policy: Policy) -> str:
    """Why this approval does not count; "" when it does. Logins are compared as GitHub does."""
    who = review.author
    if why_not := why_not_live(review, proposal, pull, policy):
        return why_not
    if not review.author_is_person:
        return f"{who} is not a person"
    if not review.author_can_push:
        return f"{who} has no write permission"
    if not policy.approvals.requester_counts:
        if who.lower() == proposal.requester.lower():
            return f"{who} requested the change"
        updates = pure_updates(proposal, pull)
        if pull.head_sha not in updates and pull.is_pushed_by(who):
            return f"{who} pushed this commit"
        if pull.is_written_by(who, but=updates):
            return f"{who} made a commit of it"
    return ""


def _not_permitted(login: str, pull: PullRequest, policy: Policy, authority: Authority) -> str:
    """Why the policy does not take an approval of *login*; "" when it does."""
    rules = policy.approvals
    # The read tells who may push, but not of those who approved by a command.
    is_asked = rules.permission is not Permission.WRITE or rules.commands
    if is_asked and not authority.permission(login).includes(rules.permission):
        return f"{login} has no {rules.permission} permission"
    if not (rules.users or rules.teams) or login.lower() in {each.lower() for each in rules.users}:
        return ""
    teams = _teams(pull, policy)
    answers = [authority.membership(each, login) for each in teams]
    if Membership.MEMBER in answers:
        return ""
    if Membership.HIDDEN in answers:
        return (
            f"{login}, whose membership of {_some(f'`{each}`' for each in teams)} is not shown to "
            "the App (it needs “Members: read”)"
        )
    return f"{login} is not among those who may approve"


def _carried(review: Review, proof: Proof) -> str:
    """Why an approval of an older head counts, and how to check it."""
    return (
        f"{review.author} approved `{proof.from_head[:7]}`, and {proof.sentence} "
        f"({proof.kind}; to check: {code(proof.command, limit=1_000)})."
    )


def _who(pull: PullRequest, policy: Policy) -> str:
    """Who may approve, as the beginning of a sentence."""
    rules = policy.approvals
    but = "" if rules.requester_counts else " but the requester and whoever pushed this commit"
    named = [*rules.users, *(f"a member of `{each}`" for each in _teams(pull, policy))]
    if not named:
        return f"Anyone with {rules.permission} permission{but}"
    who = _some(named)
    who = f"A{who[1:]}" if not rules.users else who
    return f"{who}, with {rules.permission} permission{but}"


def _teams(pull: PullRequest, policy: Policy) -> list[str]:
    return [f"{pull.ref.repository.owner}/{each}" for each in policy.approvals.teams]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" or {len(listed) - 5} more" if len(listed) > 5 else ""
    return " or ".join(listed[:5]) + more
