"""
Learnt patterns in a notebook, with the votes on them and how often they were of use.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

from odyssey.adapters.notebook.database import Notebooks, Part
from odyssey.adapters.notebook.pattern_rows import STEPS, forget, keep, learn_from, left, read
from odyssey.adapters.notebook.tasks import owner_columns
from odyssey.domain.memory.patterns import NotEnough, Pattern, PatternType
from odyssey.domain.memory.record import Tenant, login_of
from odyssey.domain.memory.scope import Scope
from odyssey.domain.memory.task_kinds import Kind


class SqlitePatterns:
    """The patterns of all tenants."""

    def __init__(self, notebooks: Notebooks) -> None:
        self._notebooks = notebooks

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
        Makes the pattern of *kind* from the tasks of exactly this tier, or makes it anew.

        Votes and uses stay. One that there is too little for any more is kept as it was.
        """
        while True:
            made = await self._notebooks.read(
                tenant,
                lambda connection: learn_from(
                    connection, scope, kind, pattern_type, min_samples=min_samples, now=now
                ),
            )
            if isinstance(made, NotEnough):
                return made
            kept = await self._notebooks.write(tenant, partial(keep, made=made))
            # A task may have been forgotten meanwhile; it must not live on in a pattern.
            if kept is not None:
                return kept

    async def get(self, tenant: Tenant, pattern_id: str) -> Pattern | None:
        """The pattern with this id."""
        found = await self._read(tenant, "WHERE pattern_id = ?", pattern_id)
        return found[0] if found else None

    async def known(
        self,
        tenant: Tenant,
        scope: Scope,
        *,
        pattern_type: PatternType | None = None,
        limit: int,
    ) -> list[Pattern]:
        """The patterns of exactly this tier, those with the highest confidence first."""
        condition, values = "WHERE tier = ? AND owner = ?", list(owner_columns(scope))
        if pattern_type is not None:
            condition += " AND pattern_type = ?"
            values.append(pattern_type.value)
        found = await self._read(tenant, condition, *values)
        found.sort(key=lambda one: (-one.confidence, -one.usage_count, one.pattern_id))
        return found[:limit]

    async def vote(
        self, tenant: Tenant, pattern_id: str, *, voter: str, helpful: bool, weight: float
    ) -> Pattern | None:
        """The pattern after the vote; None if there is none. Each voter has one, the last."""

        def write(connection: sqlite3.Connection) -> Pattern | None:
            connection.execute(
                "INSERT OR REPLACE INTO pattern_vote"
                " SELECT pattern_id, ?, ?, ? FROM pattern WHERE pattern_id = ?",
                (login_of(voter), int(helpful), weight, pattern_id),
            )
            found = read(connection, "WHERE pattern_id = ?", pattern_id)
            return found[0] if found else None

        if not await self._notebooks.exists(tenant):
            return None
        return await self._notebooks.write(tenant, write)

    async def used(self, tenant: Tenant, pattern_ids: Collection[str], *, used_for: str) -> None:
        """Counts that the patterns matched *used_for*, once each. Repeatable."""

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR IGNORE INTO pattern_use"
                " SELECT pattern_id, ? FROM pattern WHERE pattern_id = ?",
                [(used_for, each) for each in pattern_ids],
            )

        if pattern_ids:
            await self._notebooks.write(tenant, write)

    async def unindexed(self, tenant: Tenant, *, limit: int) -> list[tuple[Pattern, int]]:
        """Patterns that the index does not have as they are, with their revisions."""
        if not await self._notebooks.exists(tenant):
            return []

        def find(connection: sqlite3.Connection) -> list[tuple[Pattern, int]]:
            revisions: dict[str, int] = dict(
                connection.execute(
                    "SELECT pattern_id, revision FROM pattern WHERE is_indexed = 0 LIMIT ?",
                    (limit,),
                ).fetchall()
            )
            return [
                (read(connection, "WHERE pattern_id = ?", each)[0], revision)
                for each, revision in revisions.items()
            ]

        return await self._notebooks.read(tenant, find)

    async def indexed(self, tenant: Tenant, done: Sequence[tuple[Pattern, int]]) -> list[str]:
        """
        Notes that the index has these revisions; the ids of those that are gone meanwhile.

        One that has changed since is to be indexed again, also if another process has done
        so: this one may have written later.
        """

        def write(connection: sqlite3.Connection) -> list[str]:
            return [
                one.pattern_id
                for one, revision in done
                if not connection.execute(
                    "UPDATE pattern SET is_indexed = (revision = ?) WHERE pattern_id = ?",
                    (revision, one.pattern_id),
                ).rowcount
            ]

        return await self._notebooks.write(tenant, write) if done else []

    async def reindex(self, tenant: Tenant) -> int:
        """Lets every pattern be indexed anew; how many. For an index that was lost."""
        if not await self._notebooks.exists(tenant):
            return 0
        return await self._notebooks.write(tenant, _reindex)

    async def _read(self, tenant: Tenant, condition: str, *values: str) -> list[Pattern]:
        if not await self._notebooks.exists(tenant):
            return []
        return await self._notebooks.read(
            tenant, lambda connection: read(connection, condition, *values)
        )


def _reindex(connection: sqlite3.Connection) -> int:
    return connection.execute("UPDATE pattern SET is_indexed = 0").rowcount


PART = Part(name="pattern", steps=STEPS, forget=forget, left=left, reindex=_reindex)
