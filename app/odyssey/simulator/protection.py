"""The rules of a branch: classic protection and rulesets, brought into one form."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from odyssey.simulator.auth import Caller
from odyssey.simulator.permissions import role_at_least, role_of
from odyssey.simulator.state import Json, Repository, Ruleset

# The repository roles in `bypass_actors`: https://docs.github.com/rest/repos/rules
_ROLE_IDS = {1: "read", 2: "triage", 4: "write", 3: "maintain", 5: "admin"}


@dataclass(frozen=True, slots=True)
class RequiredCheck:
    """A status check that must pass; `app_id` None accepts it from anybody."""

    context: str
    app_id: int | None


@dataclass(slots=True)
class BranchRules:
    """
    Everything that holds for one branch and one caller, most restrictive first.

    `from_rulesets` says whether a ruleset contributed, which decides the words of a refusal.
    """

    approvals: int | None = None
    dismiss_stale: bool = False
    last_push_approval: bool = False
    conversation_resolution: bool = False
    checks: list[RequiredCheck] = field(default_factory=list)
    strict: bool = False
    linear_history: bool = False
    no_force_push: bool = False
    no_deletion: bool = False
    no_update: bool = False
    no_creation: bool = False
    methods: set[str] | None = None
    is_protected: bool = False
    from_rulesets: bool = False


def classic_protection(
    *,
    approvals: int | None = None,
    dismiss_stale: bool = False,
    last_push_approval: bool = False,
    checks: Sequence[str | tuple[str, int | None]] = (),
    strict: bool = False,
    conversation_resolution: bool = False,
    linear_history: bool = False,
    enforce_admins: bool = False,
    allow_force_pushes: bool = False,
    allow_deletions: bool = False,
) -> Json:
    """Classic protection as the simulator keeps it; `approvals` None asks for no pull request."""
    pairs = [(check, None) if isinstance(check, str) else tuple(check) for check in checks]
    return {
        "approvals": approvals,
        "dismiss_stale": dismiss_stale,
        "last_push_approval": last_push_approval,
        "checks": pairs,
        "strict": strict,
        "conversation_resolution": conversation_resolution,
        "linear_history": linear_history,
        "enforce_admins": enforce_admins,
        "allow_force_pushes": allow_force_pushes,
        "allow_deletions": allow_deletions,
    }


def find_protection(repository: Repository, branch: str) -> Json | None:
    """The classic protection whose branch pattern matches *branch*; an exact name wins."""
    if branch in repository.protections:
        return repository.protections[branch]
    for pattern, protection in repository.protections.items():
        if fnmatch.fnmatchcase(branch, pattern):
            return protection
    return None


def applies(ruleset: Ruleset, repository: Repository, branch: str) -> bool:
    """Whether an active *ruleset* names *branch* in its conditions."""
    if ruleset.enforcement != "active" or ruleset.target != "branch":
        return False
    names = ruleset.conditions.get("ref_name", {})

    def matches(pattern: str) -> bool:
        if pattern == "~ALL":
            return True
        if pattern == "~DEFAULT_BRANCH":
            return branch == repository.default_branch
        return fnmatch.fnmatchcase(f"refs/heads/{branch}", pattern)

    included = any(matches(pattern) for pattern in names.get("include", []))
    return included and not any(matches(pattern) for pattern in names.get("exclude", []))


def active_rulesets(repository: Repository, branch: str) -> list[Ruleset]:
    """The rulesets that hold for *branch*."""
    return [r for r in repository.rulesets.values() if applies(r, repository, branch)]


def rules_for(
    repository: Repository, branch: str, caller: Caller | None = None, *, pull_request: bool = True
) -> BranchRules:
    """
    The rules of *branch* that *caller* (None: nobody in particular) is bound by.

    Classic protection and rulesets both apply; a bypass actor of one is still
    bound by the other. *pull_request* is False for a push, where a bypass that
    is only for pull requests does not help.
    """
    rules = BranchRules()
    protection = find_protection(repository, branch)
    if protection is not None:
        rules.is_protected = True
        _add_classic(rules, protection, is_bypassing=_is_admin(repository, caller, protection))
    for ruleset in active_rulesets(repository, branch):
        rules.is_protected = True
        if not _bypasses(ruleset, repository, caller, pull_request=pull_request):
            for rule in ruleset.rules:
                _add_rule(rules, rule["type"], rule.get("parameters") or {})
                rules.from_rulesets = True
    return rules


def _is_admin(repository: Repository, caller: Caller | None, protection: Json) -> bool:
    if caller is None or caller.kind != "user" or protection["enforce_admins"]:
        return False
    return role_of(caller.actor, repository) == "admin"


def _add_classic(rules: BranchRules, protection: Json, *, is_bypassing: bool) -> None:
    rules.no_force_push |= not protection["allow_force_pushes"]
    rules.no_deletion |= not protection["allow_deletions"]
    if is_bypassing:
        return
    if protection["approvals"] is not None:
        rules.approvals = max(rules.approvals or 0, protection["approvals"])
    rules.dismiss_stale |= protection["dismiss_stale"]
    rules.last_push_approval |= protection["last_push_approval"]
    rules.conversation_resolution |= protection["conversation_resolution"]
    rules.linear_history |= protection["linear_history"]
    rules.strict |= protection["strict"]
    rules.checks += [RequiredCheck(name, app_id) for name, app_id in protection["checks"]]


def _add_rule(rules: BranchRules, kind: str, parameters: dict[str, Any]) -> None:
    match kind:
        case "pull_request":
            count = parameters.get("required_approving_review_count", 0)
            rules.approvals = max(rules.approvals or 0, count)
            rules.dismiss_stale |= parameters.get("dismiss_stale_reviews_on_push", False)
            rules.last_push_approval |= parameters.get("require_last_push_approval", False)
            rules.conversation_resolution |= parameters.get(
                "required_review_thread_resolution", False
            )
            allowed = parameters.get("allowed_merge_methods")
            if allowed:
                rules.methods = set(allowed) & (rules.methods or set(allowed))
        case "required_status_checks":
            rules.strict |= parameters.get("strict_required_status_checks_policy", False)
            rules.checks += [
                RequiredCheck(check["context"], check.get("integration_id"))
                for check in parameters.get("required_status_checks", [])
            ]
        case "non_fast_forward":
            rules.no_force_push = True
        case "deletion":
            rules.no_deletion = True
        case "update":
            rules.no_update = True
        case "creation":
            rules.no_creation = True
        case "required_linear_history":
            rules.linear_history = True


def _bypasses(
    ruleset: Ruleset, repository: Repository, caller: Caller | None, *, pull_request: bool
) -> bool:
    if caller is None:
        return False
    for actor in ruleset.bypass_actors:
        if actor.get("bypass_mode", "always") == "pull_request" and not pull_request:
            continue
        kind, number = actor.get("actor_type"), actor.get("actor_id")
        if kind == "Integration" and caller.app is not None and caller.app.app_id == number:
            return True
        if kind == "RepositoryRole" and caller.kind == "user":
            wanted = _ROLE_IDS.get(number or 0, "admin")
            if role_at_least(role_of(caller.actor, repository), wanted):
                return True
    return False
