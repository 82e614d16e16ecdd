"""
Derive: one round of everything that is derived from memory and is due, for every tenant.

What an error means for a job is decided here and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from odyssey.domain.errors import Conflict, LeaseLost, OdysseyError, Unavailable
from odyssey.domain.memory.jobs import Job, JobKind, JobState, wait_after
from odyssey.domain.memory.record import Tenant
from odyssey.handlers.memory.batch import flush_due
from odyssey.handlers.memory.consolidate import ask_consolidation, run_consolidation
from odyssey.handlers.memory.index import index_observations
from odyssey.handlers.memory.needs import Needs
from odyssey.handlers.memory.subscriptions import run_notification
from odyssey.handlers.memory.summarise import delivery_wait, run_delivery, run_summary
from odyssey.handlers.memory.synthesise import run_synthesis
from odyssey.handlers.memory.tasks import index_waiting
from odyssey.ports.derived import Unanswered

log = logging.getLogger("odyssey.memory")

NO_MODEL = (
    "no language model is configured: set ODYSSEY_LANGUAGE_MODEL to one that Ollama has; "
    "what needs it waits until then, and nothing is lost"
)

AWAY = timedelta(minutes=1)
"""How long a job waits for a model that is away; such attempts do not count."""
MOST = 5
"""Jobs of one tenant in one round, so that each tenant has its turn."""


LOOK = timedelta(seconds=30)
"""How often a tenant is looked at in which nothing was due."""
QUICK = frozenset(kind for kind in JobKind if kind.is_post)
"""What no model is asked for: it does not wait behind what takes minutes."""


class Quiet:
    """
    The tenants in which nothing was due when they were last looked at.

    Hundreds of notebooks are not opened every five seconds for nothing.
    """

    def __init__(self) -> None:
        self._until: dict[Tenant, tuple[tuple[int, ...], datetime]] = {}

    def has(self, tenant: Tenant, ports: Needs) -> bool:
        """Whether nothing was written since, and no time has come."""
        state, until = self._until.get(tenant, ((), ports.now()))
        # A log that was closed holds nothing new; what came and went unseen is found by LOOK.
        return ports.now() < until and ports.derived.jobs.state(tenant) in (state, ())

    async def add(self, tenant: Tenant, ports: Needs, kinds: Collection[JobKind]) -> None:
        """Notes that nothing is due; looked at again when something is, or after a while."""
        state, now = ports.derived.jobs.state(tenant), ports.now()
        next_at = await ports.derived.jobs.next_at(tenant, kinds)
        self._until[tenant] = (state, min(next_at or now + LOOK, now + LOOK))


async def derive_once(
    ports: Needs, *, only: Collection[JobKind] = tuple(JobKind), quiet: Quiet | None = None
) -> int:
    """
    Does what is due for every tenant, jobs *only* of these kinds; how many. Repeatable.

    What hinders one tenant is logged, and the others have their turn; the first defect of all
    is raised at the end.
    """
    taken = 0
    defect: Exception | None = None
    kinds = _doable(only, ports)
    for tenant in await ports.derived.jobs.tenants():
        if quiet is not None and quiet.has(tenant, ports):
            continue
        try:
            done = await derive_tenant(tenant, ports, only=only)
            if quiet is not None and not done:
                await quiet.add(tenant, ports, kinds)
            taken += done
        except Unavailable as error:
            log.warning("tenant %s: not derived, tried again: %s", tenant, error)
        except Exception as error:
            log.exception("tenant %s: not derived, a defect", tenant)
            defect = defect or error
    if defect is not None:
        raise defect
    return taken


async def derive_tenant(
    tenant: Tenant, ports: Needs, *, only: Collection[JobKind] = tuple(JobKind)
) -> int:
    """Does what is due for one tenant; how many jobs were taken. Repeatable."""
    await index_observations(tenant, ports)
    await index_waiting(tenant, ports)
    await flush_due(tenant, ports)
    await ask_consolidation(tenant, ports)
    kinds = _doable(only, ports)
    lease = 4 * ports.derived.deriving.language_timeout + timedelta(minutes=1)
    taken = 0
    while taken < MOST and (
        job := await ports.derived.jobs.take(tenant, kinds, now=ports.now(), lease=lease)
    ):
        taken += 1
        if not await _work(tenant, job, ports):
            # The model is away for the others too.
            kinds &= QUICK
    return taken


def _doable(kinds: Collection[JobKind], ports: Needs) -> set[JobKind]:
    return {kind for kind in kinds if ports.derived.language or not kind.needs_model}


async def _work(tenant: Tenant, job: Job, ports: Needs) -> bool:
    """Works off a job; whether the model, if it was needed, was there."""
    try:
        await _run(tenant, job, ports)
    except LeaseLost as error:
        log.warning("job %s left to another: %s", job.id, error)
    except Conflict as error:
        await _again(tenant, job, str(error), ports, wait=timedelta(seconds=1), counts=False)
    except Unanswered as error:
        await _again(tenant, job, str(error), ports, wait=wait_after(job.attempts))
    except Unavailable as error:
        if job.kind is JobKind.DELIVER:
            await _again(tenant, job, str(error), ports, wait=delivery_wait(job.attempts))
            return True
        if job.kind is JobKind.NOTIFY:
            await _again(tenant, job, str(error), ports, wait=wait_after(job.attempts))
            return True
        await _again(tenant, job, str(error), ports, wait=AWAY, counts=False)
        return False
    except OdysseyError as error:
        await _again(tenant, job, str(error), ports, wait=timedelta(), is_final=True)
    return True


async def _run(tenant: Tenant, job: Job, ports: Needs) -> None:
    language = ports.derived.language
    match job.kind:
        case JobKind.CONSOLIDATE if language:
            await run_consolidation(tenant, job, ports, language)
        case JobKind.SYNTHESISE if language:
            await run_synthesis(tenant, job, ports, language)
        case JobKind.SUMMARISE:
            await run_summary(tenant, job, ports)
        case JobKind.DELIVER:
            await run_delivery(tenant, job, ports)
        case JobKind.NOTIFY:
            await run_notification(tenant, job, ports)
        case _:
            raise Unavailable(NO_MODEL)


async def _again(
    tenant: Tenant,
    job: Job,
    reason: str,
    ports: Needs,
    *,
    wait: timedelta,
    counts: bool = True,
    is_final: bool = False,
) -> None:
    try:
        stands = await ports.derived.jobs.again(
            tenant, job, reason, wait=wait, now=ports.now(), counts=counts, is_final=is_final
        )
    except LeaseLost as error:
        log.warning("job %s left to another: %s", job.id, error)
        return
    is_dead = stands.state is JobState.DEAD
    log.log(
        logging.ERROR if is_dead else logging.INFO,
        "job %s (%s) of tenant %s %s after attempt %d: %s",
        job.id, job.kind, tenant, "given up" if is_dead else f"again in {wait}", job.attempts,
        reason,
    )  # fmt: skip
