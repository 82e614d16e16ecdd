"""
Plays many random schedules: `python -m schedules --schedules N [--seed S] [--replay LINE]`.

The parent gives out batches to one process for each core and prints a line for each. For a
schedule that broke a promise it prints its seed, the shortest one that breaks it too, and the
commands that play them again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable

from schedules.batch import Batch, find_broken, play_batch
from schedules.schedule import Player
from schedules.steps import read, schedule, written

OF_A_BATCH = 50
"""Schedules of one process, which then makes room for a fresh one."""
SHRINKS_FOR_S = 180.0


def main() -> int:
    """The exit status: 0 when every promise held."""
    parser = argparse.ArgumentParser(prog="python -m schedules", description=__doc__)
    parser.add_argument("--schedules", type=int, default=200, help="how many")
    parser.add_argument("--seed", type=int, help="of the first; the others follow")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", metavar="LINE", help="a schedule as it was printed")
    parser.add_argument("--batch", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--shrink-for", type=float, default=SHRINKS_FOR_S, metavar="SECONDS")
    given = parser.parse_args()
    if given.replay:
        return _replay(given.replay)
    first = random.randrange(1_000_000) if given.seed is None else given.seed
    if given.batch:
        batch = play_batch(first, count=given.schedules, shrinks_for_s=given.shrink_for)
        say(batch.as_json())
        return 0
    batches = asyncio.run(
        play_batches(
            given.schedules,
            first,
            processes=given.processes,
            shrinks_for_s=given.shrink_for,
            tell=say,
        )
    )
    return 1 if any(batch.broken for batch in batches) else 0


async def play_batches(
    count: int,
    first: int,
    *,
    processes: int,
    shrinks_for_s: float = SHRINKS_FOR_S,
    tell: Callable[[str], None],
) -> list[Batch]:
    """The schedules of *count* seeds from *first* on, played by so many processes at a time."""
    tell(f"schedules of the seeds {first} to {first + count - 1}")
    starts = iter(range(first, first + count, OF_A_BATCH))
    done: list[Batch] = []
    begun = time.perf_counter()

    async def keep_playing() -> None:
        for start in starts:
            if any(batch.broken for batch in done):
                return
            size = min(OF_A_BATCH, first + count - start)
            done.append(await _in_a_process(start, size, shrinks_for_s))
            tell(_line(done, time.perf_counter() - begun))

    await asyncio.gather(*(keep_playing() for _ in range(processes)))
    return done


async def _in_a_process(first: int, count: int, shrinks_for_s: float) -> Batch:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schedules", "--batch", "--seed", str(first),
        "--schedules", str(count), "--shrink-for", str(shrinks_for_s),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    printed, _ = await process.communicate()
    if process.returncode or not printed.strip():
        broken = f"the process ended with {process.returncode}; what it said is above"
        return Batch(first, 0, 0.0, 0.0, first, broken)
    return Batch(**json.loads(printed.splitlines()[-1]))


def _line(done: list[Batch], seconds: float) -> str:
    batch, played = done[-1], sum(each.played for each in done)
    line = (
        f"seeds {batch.first} to {batch.first + max(batch.played, 1) - 1} in "
        f"{batch.seconds:.0f} s, the slowest {batch.slowest:.1f} s; "
        f"{played} in all, {played / seconds:.2f} a second"
    )
    if batch.seed is None:
        return line
    return (
        f"{line}\n\nSeed {batch.seed} broke a promise:\n{batch.broken}\n\n"
        f"{written(schedule(batch.seed))}\n\nPlay it again, or the shortest that breaks one:\n"
        f"  make test-long SCHEDULES=1 SEED={batch.seed}\n"
        f'  make test-long REPLAY="{batch.shortest}"'
    )


def say(line: str) -> None:
    """Prints *line* at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _replay(line: str) -> int:
    player = Player()
    try:
        broken = find_broken(player, read(line))
    finally:
        player.close()
    say(broken or "Every promise held.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
