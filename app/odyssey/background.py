"""
Background: tasks that run beside a block, and are over when it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

log = logging.getLogger("odyssey.background")

AGAIN_S = 0.2


@asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None], failing: str) -> AsyncIterator[None]:
    """
    Runs *work* while the block runs, and ends it then.

    A defect that ends one of them is logged with *failing*, the words for what is not done
    any more; the block goes on.
    """

    def tell(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("%s; restart this process", failing, exc_info=error)

    tasks = [asyncio.create_task(each) for each in work]
    for task in tasks:
        task.add_done_callback(tell)
    try:
        yield
    finally:
        await end(*tasks)


async def end(*tasks: asyncio.Task[Any]) -> None:
    """
    Cancels *tasks* and waits for them; what they raised stays in them.

    Once is not enough: before Python 3.12 `asyncio.wait_for`, inside which redis-py
    sends, swallows a cancellation that comes in the moment in which it is done.
    """
    waiting = {each for each in tasks if not each.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=AGAIN_S)
