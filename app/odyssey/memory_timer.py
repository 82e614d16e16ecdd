"""
The timer that writes and embeds what memory has kept and could not yet finish.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from odyssey.background import beside
from odyssey.domain.errors import OdysseyError
from odyssey.ports import Memory
from odyssey.rounds import rounds

log = logging.getLogger("odyssey.memory")

EVERY = timedelta(seconds=15)


@asynccontextmanager
async def catching_up(memory: Memory, *, every: timedelta = EVERY) -> AsyncIterator[None]:
    """Catches up in the background while the block runs, first at once; errors are logged."""

    async def once() -> None:
        try:
            if done := await memory.catch_up():
                log.info("memory: %d records caught up", done)
        except OdysseyError as error:
            log.warning("memory: not caught up, tried again in %s: %s", every, error)

    async with beside(
        rounds("catching memory up", once, every=every), failing="memory catches up no more"
    ):
        yield
