"""
What can happen in a schedule: one word and a few small numbers for each step.

A number chooses from what is there when the step is played (the third pull request, the second
worker), so every list of steps can be played, shortened and written on a command line.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

SHORTEST, LONGEST = 6, 28
"""Steps of a schedule, beside the first."""

WORDS: dict[str, tuple[int, ...]] = {
    # people: how many choices each number has
    "propose": (4, 8, 3),
    "say": (4, 14, 3, 2),
    "approve": (3, 3, 2),
    "object": (3, 3),
    "dismiss": (3,),
    "push": (3, 3, 8),
    "force": (3, 2),
    "delete": (3,),
    "close": (3,),
    "reopen": (3,),
    "retitle": (3,),
    "retarget": (3, 2),
    "draft": (3,),
    "ready": (3,),
    "edit": (3,),
    "unsay": (3,),
    "tidy": (3,),
    "policy": (10,),
    "base": (2,),
    "demote": (2,),
    "promote": (2,),
    "rerun": (3,),
    "forge": (3, 2),
    # the network and GitHub
    "drop": (6,),
    "double": (6,),
    "hold": (6,),
    "free": (),
    "reverse": (),
    "fail": (8, 2),
    "limit": (8,),
    "stale": (2,),
    "expire": (),
    "revoke": (),
    "halt": (),
    "go": (),
    # time and the workers
    "deliver": (6,),
    "work": (12, 3),
    "settle": (),
    "kill": (2, 2),
    "hire": (2,),
}

OFTEN = {"work": 12, "deliver": 3, "approve": 5, "settle": 3, "say": 4, "push": 2, "kill": 4,
         "hire": 2, "fail": 3, "propose": 2}  # fmt: skip
ALWAYS = {"work", "settle", "approve"}
"""Without them nothing ever merges."""
KEPT = 0.5
FAVOURED = (("say", 1), ("policy", 0))
"""The numbers that choose a command and a policy."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what happens, and to which."""

    word: str
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.word, *map(str, self.numbers)])


def written(steps: list[Step]) -> str:
    """The schedule as one line, for `read`."""
    return ", ".join(map(str, steps))


def read(line: str) -> list[Step]:
    """
    The schedule in *line*, as `written` gives it.

    Raises:
        ValueError: a word that no step has, or another count of numbers.
    """
    steps = []
    for part in filter(None, map(str.strip, line.split(","))):
        word, *numbers = part.split()
        if word not in WORDS or len(numbers) != len(WORDS[word]):
            raise ValueError(f"{part!r} is no step; steps: {', '.join(WORDS)}")
        steps.append(Step(word, tuple(map(int, numbers))))
    return steps


def schedule(seed: int) -> list[Step]:
    """
    The schedule of *seed*: always the same one, and no two much alike.

    Each leaves out about half of the words, favours some, and says one of the commands and sets
    one of the policies more often than others: what is rare when everything may happen (an
    approval by command, its comment deleted, a reopening) then meets often enough. The practice
    is known as swarm testing.
    """
    chance = random.Random(seed)
    kept = [word for word in WORDS if word in ALWAYS or chance.random() < KEPT]
    weights = [OFTEN.get(word, 1) * chance.choice((1, 1, 3)) for word in kept]
    favourites = {place: chance.randrange(WORDS[place[0]][place[1]]) for place in FAVOURED}
    words = chance.choices(kept, weights=weights, k=chance.randint(SHORTEST, LONGEST))
    # A policy holds from the start in one of two.
    begin = ("policy", "propose") if chance.random() < 0.5 else ("propose",)
    return [_step(word, favourites, chance) for word in (*begin, *words)]


def _step(word: str, favourites: dict[tuple[str, int], int], chance: random.Random) -> Step:
    numbers = [chance.randrange(choices) for choices in WORDS[word]]
    for (favoured, index), number in favourites.items():
        if favoured == word and chance.random() < 0.5:
            numbers[index] = number
    return Step(word, tuple(numbers))


def simpler(steps: list[Step]) -> Iterator[list[Step]]:
    """
    Schedules that are like *steps* and shorter, or of smaller numbers; the boldest first.
    """
    size = len(steps) // 2
    while size:
        for start in range(0, len(steps), size):
            yield steps[:start] + steps[start + size :]
        size //= 2
    for place, step in enumerate(steps):
        for index, number in enumerate(step.numbers):
            if number:
                numbers = (*step.numbers[:index], 0, *step.numbers[index + 1 :])
                yield [*steps[:place], Step(step.word, numbers), *steps[place + 1 :]]
