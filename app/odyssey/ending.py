"""
Ending: tasks that are cancelled until they are over.
"""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 0.2


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
