"""
Jobs of memory: work that must be done once, however often a process dies over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)

KEPT = timedelta(days=7)
"""How long a job that is done can be asked after."""

FARTHEST = timedelta(days=1)
"""No lease and no wait is this long: a time beyond was written by a clock that ran ahead."""


class JobKind(StrEnum):
    """What is to be done."""

    CONSOLIDATE = "consolidate"
    SYNTHESISE = "synthesise"
    SUMMARISE = "summarise"
    DELIVER = "deliver"
    NOTIFY = "notify"

    @property
    def needs_model(self) -> bool:
        """Whether nothing can be done without a language model; such a job waits for one."""
        return self in (JobKind.CONSOLIDATE, JobKind.SYNTHESISE)

    @property
    def is_alone(self) -> bool:
        """Whether only one of these runs at a time for a tenant: they write observations."""
        return self in (JobKind.CONSOLIDATE, JobKind.SYNTHESISE)

    @property
    def max_attempts(self) -> int:
        """How often it is tried before it is a dead letter."""
        # Nobody waits for a notification: it outlasts a receiver that is away for minutes.
        return 8 if self is JobKind.NOTIFY else 3

    @property
    def is_post(self) -> bool:
        """Whether it posts to an address; one that is away says nothing of the model."""
        return self in (JobKind.DELIVER, JobKind.NOTIFY)


class JobState(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One job; of those that wait, one for each kind and `key`.

    `token` proves the lease: whoever lost it writes nothing. `reason` is what went
    wrong last, or what it waits for.
    """

    id: str
    kind: JobKind
    key: str
    payload: Mapping[str, Any]
    state: JobState
    attempts: int
    not_before: datetime
    created_at: datetime
    updated_at: datetime
    token: str = ""
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_last_attempt(self) -> bool:
        """Whether it is a dead letter if this attempt fails."""
        return self.attempts >= self.kind.max_attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """
    How many jobs there are, by kind and state, as counted just now.

    `oldest_waiting_at` is None when none waits. `unlearnt` counts the records that no
    consolidation has seen, `failed` those of dead letters.
    """

    jobs: Mapping[str, Mapping[str, int]]
    oldest_waiting_at: datetime | None
    unlearnt: int
    failed: int
    unindexed: int
    dead_reasons: tuple[str, ...] = ()


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 5 s, 10 s, 20 s ... at most 15 minutes."""
    factor: int = 2 ** min(max(attempts - 1, 0), 16)
    return min(FIRST_WAIT * factor, LONGEST_WAIT)
