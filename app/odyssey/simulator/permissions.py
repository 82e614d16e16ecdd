"""Levels of permission: of Apps (read, write, admin) and of people (their role)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from odyssey.simulator.state import Repository, User

ROLES = ("none", "read", "triage", "write", "maintain", "admin")
LEVELS = ("none", "read", "write", "admin")

# What a person's role must be before a permission of an App would let the same call through.
# Finer conditions (the author may close an issue, say) are with the endpoint.
_ROLE_FOR = {
    ("contents", "write"): "write",
    ("statuses", "write"): "write",
    ("actions", "write"): "write",
    ("workflows", "write"): "write",
    ("administration", "read"): "admin",
    ("administration", "write"): "admin",
}


def role_of(user: User, repository: Repository) -> str:
    """The role of *user*: none, read, triage, write, maintain or admin."""
    if user.id == repository.owner.id:
        return "admin"
    granted = repository.collaborators.get(user.id, "none")
    if granted == "none" and not repository.private:
        return "read"
    return granted


def role_at_least(role: str, wanted: str) -> bool:
    """Whether *role* includes *wanted*."""
    return ROLES.index(role) >= ROLES.index(wanted)


def legacy_permission(role: str) -> str:
    """The four-valued `permission` of the collaborator API: triage is read, maintain is write."""
    return {"triage": "read", "maintain": "write"}.get(role, role)


def role_needed(permission: str, level: str) -> str:
    """The least role with which a person may do what an App needs *permission* for."""
    return _ROLE_FOR.get((permission, level), "read")


def level_at_least(granted: Mapping[str, str], permission: str, level: str) -> bool:
    """Whether the permissions of an App include *permission* at *level*; metadata:read is given."""
    if permission == "metadata" and level == "read":
        return True
    return LEVELS.index(granted.get(permission, "none")) >= LEVELS.index(level)


def accepted_header(alternatives: Sequence[tuple[str, str]]) -> str:
    """The value of X-Accepted-GitHub-Permissions; `;` separates alternatives."""
    return "; ".join(f"{permission}={level}" for permission, level in alternatives)
