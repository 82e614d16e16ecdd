"""
A batch of random schedules, one for each of some seeds; the first that fails is made shorter.

The steps are drawn by a generator of our own and not by Hypothesis: it begins each run with the
smallest cases and varies those it has, so that of 25 schedules ten are alike; and here each
schedule has a seed of its own, by which it can be played alone.
"""

from __future__ import annotations

import json
import time
import traceback
from dataclasses import asdict, dataclass

from schedules.schedule import Player, PromiseBroken
from schedules.steps import Step, schedule, simpler, written

CHECKED = 100
"""A batch whose first seed this divides has one schedule held against GitHub's description."""
TRIES = 2
"""Where two workers race, a schedule does not fail every time."""


@dataclass(frozen=True, slots=True)
class Batch:
    """
    What came of the schedules from seed `first` on: how many were played, in which time.

    `broken` are the promises that the one of `seed` broke, `shortest` the shortest schedule
    that broke some too.
    """

    first: int
    played: int
    seconds: float
    slowest: float
    seed: int | None = None
    broken: str = ""
    shortest: str = ""

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def play_batch(first: int, *, count: int, shrinks_for_s: float) -> Batch:
    """
    Plays the schedules of *count* seeds from *first* on; stops at one that breaks a promise.

    That one is made shorter for at most *shrinks_for_s*.
    """
    player, started, slowest = Player(checks=first % CHECKED == 0), time.perf_counter(), 0.0
    try:
        for seed in range(first, first + count):
            begun = time.perf_counter()
            broken = find_broken(player, schedule(seed))
            slowest = max(slowest, time.perf_counter() - begun)
            if broken:
                played, seconds = seed - first + 1, time.perf_counter() - started
                shortest = _shrunk(player, schedule(seed), seconds=shrinks_for_s)
                return Batch(first, played, seconds, slowest, seed, broken, written(shortest))
        seconds, last = time.perf_counter() - started, first + count - 1
        if broken := player.check_audit():
            return Batch(first, count, seconds, slowest, last, broken, written(schedule(last)))
        return Batch(first, count, seconds, slowest)
    finally:
        player.close()


def find_broken(player: Player, steps: list[Step]) -> str:
    """The promises that *steps* broke; "" when all held."""
    try:
        player.play(steps)
    except PromiseBroken as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is
        # A defect of the player itself: it is named with the seed, like any other.
        traceback.print_exc()
        return f"it could not be played: {error!r}"
    return ""


def _shrunk(player: Player, steps: list[Step], *, seconds: float) -> list[Step]:
    ends_at = time.perf_counter() + seconds
    is_shorter = True
    while is_shorter:
        is_shorter = False
        for each in simpler(steps):
            if time.perf_counter() > ends_at:
                return steps
            if any(find_broken(player, each) for _ in range(TRIES)):
                steps, is_shorter = each, True
                break
    return steps
