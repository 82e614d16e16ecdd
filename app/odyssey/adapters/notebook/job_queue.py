"""
The queue of jobs of every tenant, each in its notebook.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from odyssey.adapters.notebook import jobs
from odyssey.adapters.notebook.database import Notebooks
from odyssey.domain.memory.jobs import Counters, Job, JobKind
from odyssey.domain.memory.record import Tenant


class SqliteJobs:
    """The queues of all tenants."""

    def __init__(self, notebooks: Notebooks) -> None:
        self._notebooks = notebooks

    async def ask(
        self,
        tenant: Tenant,
        kind: JobKind,
        *,
        now: datetime,
        key: str = "",
        payload: Mapping[str, Any] | None = None,
    ) -> str:
        """The id of the job that waits for this kind and key, which is made if there is none."""
        return await self._notebooks.write(
            tenant, lambda connection: jobs.ask(connection, kind, now=now, key=key, payload=payload)
        )

    async def take(
        self, tenant: Tenant, kinds: Collection[JobKind], *, now: datetime, lease: timedelta
    ) -> Job | None:
        """The next job that is due, leased until *lease* from now; None if there is none."""
        if not await self._notebooks.exists(tenant):
            return None
        return await self._notebooks.write(
            tenant, lambda connection: jobs.take(connection, kinds, now=now, lease=lease)
        )

    async def finish(
        self, tenant: Tenant, job: Job, *, now: datetime, result: Mapping[str, Any] | None = None
    ) -> None:
        """Notes that the job is done."""
        await self._notebooks.write(
            tenant, lambda connection: jobs.finish(connection, job, now=now, result=result)
        )

    async def again(
        self,
        tenant: Tenant,
        job: Job,
        reason: str,
        *,
        wait: timedelta,
        now: datetime,
        counts: bool = True,
        is_final: bool = False,
    ) -> Job:
        """
        Hands the job back, to be tried after *wait*; a dead letter if it was the last attempt.

        Without *counts* the attempt is as if it had not been: it was not the job's fault.
        What is final is a dead letter at once.
        """
        return await self._notebooks.write(
            tenant,
            lambda connection: jobs.again(
                connection, job, reason, wait=wait, now=now, counts=counts, is_final=is_final
            ),
        )

    async def hold(self, tenant: Tenant, job: Job, payload: Mapping[str, Any]) -> Job:
        """Notes what a leased job works on, so that every attempt works on the same."""
        held = replace(job, payload=payload)

        def write(connection: sqlite3.Connection) -> Job:
            jobs.check(connection, job)
            connection.execute(
                "UPDATE job SET payload = ? WHERE id = ?", (json.dumps(dict(payload)), job.id)
            )
            return held

        return await self._notebooks.write(tenant, write)

    async def find(self, tenant: Tenant, job_id: str) -> Job | None:
        """The job with this id."""
        if not await self._notebooks.exists(tenant):
            return None
        return await self._notebooks.read(tenant, lambda connection: jobs.find(connection, job_id))

    async def revive(self, tenant: Tenant, *, now: datetime) -> int:
        """Gives every dead letter its attempts again; how many."""
        if not await self._notebooks.exists(tenant):
            return 0
        return await self._notebooks.write(
            tenant, lambda connection: jobs.revive(connection, now=now)
        )

    async def counters(self, tenant: Tenant) -> Counters:
        """How many jobs there are."""
        if not await self._notebooks.exists(tenant):
            return Counters(jobs={}, oldest_waiting_at=None, unlearnt=0, failed=0, unindexed=0)
        return await self._notebooks.read(tenant, jobs.counters)

    async def tenants(self) -> list[Tenant]:
        """Every tenant that may have jobs."""
        return await self._notebooks.tenants()

    def state(self, tenant: Tenant) -> tuple[int, ...]:
        """What is another after a write by any process, or empty; costs next to nothing."""
        return self._notebooks.state(tenant)

    async def next_at(self, tenant: Tenant, kinds: Collection[JobKind]) -> datetime | None:
        """When the next job of these kinds is due; None when none waits."""
        return await self._notebooks.read(
            tenant, lambda connection: jobs.next_at(connection, kinds)
        )
