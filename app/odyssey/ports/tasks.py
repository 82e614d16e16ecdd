"""
What task memories, patterns and core memory blocks need from outside, as contracts.

All of it is of one tenant, and within it of exactly one tier: nothing here looks any wider.
A method raises `Unavailable` when the notebook is away, and may then be called again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from odyssey.domain.memory.blocks import Block
from odyssey.domain.memory.happening import MemoryEvent
from odyssey.domain.memory.patterns import NotEnough, Pattern, PatternType
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Scope
from odyssey.domain.memory.task_kinds import Kind
from odyssey.domain.memory.tasks import TaskMemory


class Tasks(Protocol):
    """Task memories."""

    async def put(self, tenant: Tenant, memory: TaskMemory) -> TaskMemory:
        """
        Keeps the memory, in the place of one of the same outcome; as it is kept. Repeatable.

        How often it was used stays.
        """
        ...

    async def get(self, tenant: Tenant, memory_ids: Sequence[str]) -> dict[str, TaskMemory]:
        """The memories with these ids that are there."""
        ...

    async def of_task(self, tenant: Tenant, scope: Scope, task_id: str) -> list[TaskMemory]:
        """What this tier remembers of one task, newest first: at most two outcomes."""
        ...

    async def newest(self, tenant: Tenant, scope: Scope, *, limit: int) -> list[TaskMemory]:
        """The newest memories of this tier."""
        ...

    async def used(self, tenant: Tenant, memory_ids: Collection[str], *, used_for: str) -> None:
        """Counts that the memories were suggested for *used_for*, once each. Repeatable."""
        ...

    async def unindexed(self, tenant: Tenant, *, limit: int) -> list[tuple[TaskMemory, int]]:
        """Memories that the index does not have as they are, with their revisions."""
        ...

    async def indexed(self, tenant: Tenant, done: Sequence[tuple[TaskMemory, int]]) -> list[str]:
        """
        Notes that the index has these revisions; the ids of those that are gone meanwhile.

        One that has changed since is to be indexed again.
        """
        ...

    async def reindex(self, tenant: Tenant) -> int:
        """Lets every memory be indexed anew; how many."""
        ...


class Patterns(Protocol):
    """Patterns, the votes on them and how often they were of use."""

    async def learn(
        self,
        tenant: Tenant,
        scope: Scope,
        kind: Kind,
        pattern_type: PatternType,
        *,
        min_samples: int,
        now: datetime,
    ) -> Pattern | NotEnough:
        """
        Makes the pattern of *kind* from the tasks of this tier, or makes it anew. Repeatable.

        Votes and uses stay. One that there is too little for any more is kept as it was.
        """
        ...

    async def get(self, tenant: Tenant, pattern_id: str) -> Pattern | None:
        """The pattern with this id, of whatever tier: see `Pattern.scope`."""
        ...

    async def known(
        self,
        tenant: Tenant,
        scope: Scope,
        *,
        pattern_type: PatternType | None = None,
        limit: int,
    ) -> list[Pattern]:
        """The patterns of this tier, those with the highest confidence first."""
        ...

    async def vote(
        self, tenant: Tenant, pattern_id: str, *, voter: str, helpful: bool, weight: float
    ) -> Pattern | None:
        """The pattern after the vote; None if there is none. Each voter has one, the last."""
        ...

    async def used(self, tenant: Tenant, pattern_ids: Collection[str], *, used_for: str) -> None:
        """Counts that the patterns matched *used_for*, once each. Repeatable."""
        ...

    async def unindexed(self, tenant: Tenant, *, limit: int) -> list[tuple[Pattern, int]]:
        """Patterns that the index does not have as they are, with their revisions."""
        ...

    async def indexed(self, tenant: Tenant, done: Sequence[tuple[Pattern, int]]) -> list[str]:
        """
        Notes that the index has these revisions; the ids of those that are gone meanwhile.

        One that has changed since is to be indexed again.
        """
        ...

    async def reindex(self, tenant: Tenant) -> int:
        """Lets every pattern be indexed anew; how many."""
        ...


class Blocks(Protocol):
    """Core memory blocks, every version."""

    async def present(self, tenant: Tenant, scope: Scope, defaults: Sequence[Block]) -> list[Block]:
        """
        The present version of every block of this tier, by label. Repeatable.

        In a tier without any, *defaults* are made.
        """
        ...

    async def versions(self, tenant: Tenant, scope: Scope, label: str) -> list[Block]:
        """Every version of one block, the newest first; none if there is no such block."""
        ...

    async def change(
        self, tenant: Tenant, scope: Scope, label: str, decide: Callable[[Block | None], Block]
    ) -> Block:
        """
        What *decide* makes of the present version, written unless it is the present version.

        Nobody else writes between reading and writing. What *decide* raises is raised, and
        nothing is written.
        """
        ...

    async def delete(
        self, tenant: Tenant, scope: Scope, label: str, allow: Callable[[Block], None]
    ) -> Block | None:
        """Deletes every version of a block unless *allow* raises; the last one. Repeatable."""
        ...

    async def naming(self, tenant: Tenant, login: str) -> int:
        """How many blocks of whatever tier name *login* as a word in any version."""
        ...


class MemoryEvents(Protocol):
    """Whoever subscribed to what happens in memory."""

    async def publish(self, event: MemoryEvent) -> None:
        """
        Tells every subscriber, or makes sure that they will be told.

        A subscriber that fails is the publisher's own business: what happened has happened.
        """
        ...


class NoSubscribers:
    """Nobody listens."""

    async def publish(self, event: MemoryEvent) -> None:
        """Tells nobody."""
