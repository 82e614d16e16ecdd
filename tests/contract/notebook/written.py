"""
Observations written as a consolidation writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from odyssey.domain.memory.jobs import JobKind
from odyssey.domain.memory.observation import Observation
from odyssey.domain.memory.record import Tenant
from odyssey.ports.derived import Jobs, Observations


async def write_observations(
    tenant: Tenant,
    versions: Sequence[Observation],
    *,
    jobs: Jobs,
    observations: Observations,
    now: datetime,
) -> None:
    """Writes *versions*, of one scope, under a job of their own."""
    scope = versions[0].scope
    await jobs.ask(tenant, JobKind.CONSOLIDATE, now=now, key=scope)
    job = await jobs.take(tenant, [JobKind.CONSOLIDATE], now=now, lease=timedelta(minutes=1))
    assert job is not None
    await observations.settle(tenant, job, lambda _: versions, scope=scope, learnt=[], now=now)
