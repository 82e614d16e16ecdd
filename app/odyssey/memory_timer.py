"""
The timer that writes and embeds what memory has kept and could not yet finish.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from odyssey.background import beside
from odyssey.domain.errors import OdysseyError
from odyssey.ports import Memory

log = logging.getLogger("odyssey.memory")

EVERY = timedelta(seconds=15)


@asynccontextmanager
async def catching_up(memory: Memory, *, every: timedelta = EVERY) -> AsyncIterator[None]:
    """Catches up in the background while the block runs, first at once; errors are logged."""
    async with beside(_keep(memory, every), failing="memory catches up no more"):
        yield


async def _keep(memory: Memory, every: timedelta) -> None:
    while True:
        try:
            if done := await memory.catch_up():
                log.info("memory: %d records caught up", done)
        except OdysseyError as error:
            log.warning("memory: not caught up, tried again in %s: %s", every, error)
        await asyncio.sleep(every.total_seconds())
