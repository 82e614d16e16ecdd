"""
Random schedules: whatever happens in whatever order, the promises hold.

The seeds are fixed, so that everybody's run is the same one; `make test-long` plays others.
"""

from __future__ import annotations

import os

from schedules.__main__ import play_batches

COUNT = 200
FIRST = 4_000


async def test_two_hundred_random_schedules_break_no_promise() -> None:
    """People, the network, GitHub and two workers that die: see `steps` and `promises`."""
    lines: list[str] = []

    batches = await play_batches(COUNT, FIRST, processes=os.cpu_count() or 1, tell=lines.append)

    assert not any(batch.broken for batch in batches), "\n".join(lines)
    assert sum(batch.played for batch in batches) == COUNT
