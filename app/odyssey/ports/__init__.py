"""
What Odyssey needs from outside, as contracts.

1. `github`        GitHub as one App sees it
2. `repositories`  real git
3. `inbox`         deliveries, leases, and what GitHub still allows
4. `proposals`     the facts of proposals, and locks
5. `memory`        what happened, kept and found again
6. `derived`, `tasks`   what is learnt from memory, and what is always known
7. `healing`       GitHub's log of deliveries, and lists of what is there

Each adapter implements one of these with one client library; `bootstrap`
chooses. Unless a method says otherwise it raises `Unavailable` (or its
`RateLimited`) when the service did not answer, and may then be called again.
"Repeatable" means that a second call with the same arguments does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from odyssey.domain.policy import ApprovalMode, Policy
from odyssey.ports.derived import MemoryPorts
from odyssey.ports.github import GitHub
from odyssey.ports.healing import Deliveries, Notes, Overview
from odyssey.ports.inbox import ANSWER_OWED, RECONCILE, SWEPT, Budget, Delivery, Inbox, NoLimits
from odyssey.ports.memory import Memory
from odyssey.ports.proposals import ProposalStore
from odyssey.ports.repositories import BaseTree, Commit, Repositories, Updated, UpdateMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """
    Who Odyssey is on GitHub and how it was configured.

    `approval_mode` is the server's default; a repository's policy overrules it.
    """

    bot_login: str
    approval_mode: ApprovalMode
    validation_artifact: str


class ReadsPolicy(Protocol):
    """What reads policy files."""

    def __call__(self, text: str | None, organisation_text: str | None = None, /) -> Policy:
        """
        The policy in *text*; without one that of the organisation; without both the defaults.

        Raises:
            PolicyInvalid: the file that counts cannot be read; says which one it is.
        """
        ...


def _no_witness() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All of the above, chosen by `bootstrap`."""

    app: App
    github: GitHub
    repositories: Repositories
    inbox: Inbox
    proposals: ProposalStore
    memory: Memory
    derived: MemoryPorts
    """What is derived from memory, in notebooks."""
    deliveries: Deliveries
    overview: Overview
    notes: Notes
    now: Callable[[], datetime]
    read_policy: ReadsPolicy
    budget: Budget = field(default_factory=NoLimits)
    witness: Callable[[], str] = _no_witness
    """The newest entry of the audit log as `N:HASH`; "" where there is no log."""


__all__ = [
    "ANSWER_OWED", "RECONCILE", "SWEPT", "App", "BaseTree", "Budget", "Commit", "Delivery",
    "GitHub", "Inbox", "Memory", "NoLimits", "Ports", "ProposalStore", "ReadsPolicy",
    "Repositories", "UpdateMethod", "Updated",
]  # fmt: skip
