"""
The sweeper: what makes Odyssey heal by itself, beside the worker.

One sweep runs at a time among all processes. The first follows at once after a start, so that
nobody has to ask for it after an outage; and at once when the notes of the last one are gone,
because then the store was lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from odyssey.background import beside, end
from odyssey.domain.errors import Busy, OdysseyError
from odyssey.handlers import sweep_deliveries, sweep_proposals
from odyssey.ports import Ports
from odyssey.settings import Settings

log = logging.getLogger("odyssey.sweeper")

LOOK = timedelta(seconds=10)
"""How often it is looked whether a sweep is due, or the notes are gone."""


@asynccontextmanager
async def sweeping(settings: Settings, ports: Ports) -> AsyncIterator[None]:
    """Sweeps in the background while the block runs; not at all with a period of 0."""
    async with beside(
        _always(sweep_deliveries.NAME, _deliveries, settings.delivery_sweep, ports),
        _always(sweep_proposals.NAME, _proposals, settings.proposal_sweep, ports),
        failing="nothing is swept any more",
    ):
        yield


async def sweep_once(ports: Ports) -> bool:
    """Both sweeps, now; whether they found something to do."""
    deliveries = await sweep_deliveries.sweep_deliveries(ports)
    proposals = await sweep_proposals.sweep_proposals(ports)
    found = (
        deliveries.asked, proposals.asked, proposals.rebuilt, proposals.runs, proposals.expired,
        proposals.comments,
    )  # fmt: skip
    return any(found)


async def _deliveries(ports: Ports) -> None:
    await sweep_deliveries.sweep_deliveries(ports)


async def _proposals(ports: Ports) -> None:
    await sweep_proposals.sweep_proposals(ports)


async def _always(
    name: str, sweep: Callable[[Ports], Awaitable[None]], period: timedelta, ports: Ports
) -> None:
    """Sweeps on after a defect too, a period later: what does not heal must not end by itself."""
    while period:
        keeping = asyncio.create_task(_keep(name, sweep, period, ports))
        try:
            await asyncio.wait([keeping])
        finally:
            await end(keeping)
        if not keeping.cancelled() and (error := keeping.exception()):
            log.error("%s broke off on a defect; once more in %s", name, period, exc_info=error)
        await asyncio.sleep(period.total_seconds())


async def _keep(
    name: str, sweep: Callable[[Ports], Awaitable[None]], period: timedelta, ports: Ports
) -> None:
    loop = asyncio.get_running_loop()
    due_at = loop.time()
    while True:
        try:
            if loop.time() >= due_at or await ports.notes.time(name) is None:
                due_at = loop.time() + period.total_seconds()
                await sweep(ports)
        except Busy:
            log.debug("%s: another process is at it", name)
        except OdysseyError as error:
            log.warning("%s broken off, the next one goes on: %s", name, error)
        await asyncio.sleep(min(LOOK, period).total_seconds())
