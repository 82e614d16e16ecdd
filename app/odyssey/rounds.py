"""
Rounds: what is done again and again, whatever became of the last time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from odyssey.background import end

log = logging.getLogger("odyssey.rounds")


async def rounds(name: str, once: Callable[[], Awaitable[None]], *, every: timedelta) -> None:
    """
    Does *once* at once, and again when *every* has passed since; never returns.

    A defect is logged, with *name*, and the next round goes on: what catches up must not end
    by itself.
    """
    while True:
        going = asyncio.ensure_future(once())
        try:
            await asyncio.wait([going])
        finally:
            await end(going)
        if not going.cancelled() and (error := going.exception()):
            log.error("%s broke off on a defect; once more in %s", name, every, exc_info=error)
        await asyncio.sleep(every.total_seconds())
