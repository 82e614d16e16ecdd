"""
All kill points: each write of each flow, with the worker killed before it and after it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from kill_points.flows import FLOWS, Flow, Outcome, Round
from kill_points.lane import Lane, open_lane
from kill_points.nursery import open_nursery
from kill_points.trap import Trap, When, is_push


@dataclass(frozen=True, slots=True)
class Point:
    """
    One kill: where, what was different from the same without a kill, and the time it cost.

    `differences` is empty when nothing was; `seconds` are those until another worker had
    the delivery.
    """

    flow: str
    number: int
    write: str
    when: When
    seconds: float
    differences: tuple[str, ...]


async def measure(
    *, lanes: int, flows: tuple[Flow, ...] = FLOWS, tell: Callable[[str], None] = lambda _: None
) -> list[Point]:
    """Every point of *flows*, in the order of the table; *lanes* of them at a time."""
    async with AsyncExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="kill-points-")))
        nursery = await exits.enter_async_context(open_nursery())
        opened = [
            await exits.enter_async_context(open_lane(nursery, _made(folder / str(number))))
            for number in range(lanes)
        ]
        exits.callback(_tell_complaints, opened, tell)
        found: list[Point] = []
        for flow in flows:
            names, expected = await _undisturbed(opened[0], flow)
            waiting = iter(_kills(names))
            await asyncio.gather(
                *(_play(lane, flow, waiting, expected, names, found, tell) for lane in opened)
            )
    order = {flow.name: index for index, flow in enumerate(flows)}
    return sorted(
        found, key=lambda each: (order[each.flow], each.number, list(When).index(each.when))
    )


def _kills(names: list[str]) -> Iterator[tuple[int, When]]:
    for number, name in enumerate(names):
        for when in When:
            if when is not When.LATE or is_push(name):
                yield number, when


def _tell_complaints(lanes: list[Lane], tell: Callable[[str], None]) -> None:
    for lane in lanes:
        for line in logged(lane.folder):
            tell(line)


async def _undisturbed(lane: Lane, flow: Flow) -> tuple[list[str], Outcome]:
    """The names of the flow's writes, and what they come to."""
    trap, outcome = await _round(lane, flow, f"{_word(flow)}x", None, When.BEFORE)
    return list(trap.writes), outcome


async def _play(
    lane: Lane,
    flow: Flow,
    waiting: Iterator[tuple[int, When]],
    expected: Outcome,
    names: list[str],
    found: list[Point],
    tell: Callable[[str], None],
) -> None:
    for number, when in waiting:
        seconds: list[float] = []
        name = f"{_word(flow)}{number}{when[0]}"
        try:
            trap, outcome = await _round(lane, flow, name, number, when, seconds)
            differences = tuple(_differences(expected, outcome))
            write = trap.name or names[number]
        except (TimeoutError, ValueError) as error:
            differences, write = (f"{type(error).__name__}: {error}",), names[number]
        point = Point(flow.name, number, write, when, seconds[0] if seconds else 0.0, differences)
        found.append(point)
        tell(f"{flow.name}, {when} {point.write}: {point.seconds:.2f} s {differences or ''}")


async def _round(
    lane: Lane,
    flow: Flow,
    name: str,
    number: int | None,
    when: When,
    seconds: list[float] | None = None,
) -> tuple[Trap, Outcome]:
    round = Round(lane, name)
    if flow.before is not None:
        await flow.before(round)
    trap = lane.arm(number, when)
    for act in flow.acts:
        await act(round)
        settling = asyncio.create_task(lane.settle())
        if number is not None and seconds is not None and not seconds:
            sprung = asyncio.create_task(trap.sprung.wait())
            await asyncio.wait({sprung, settling}, return_when=asyncio.FIRST_COMPLETED)
            if sprung.done():
                seconds.append(await lane.take_over(trap))
            else:
                sprung.cancel()
        await settling
    if number is not None and not seconds:
        raise ValueError(f"write {number} of {flow.name} never came")
    return trap, await round.outcome()


def _differences(expected: Outcome, found: Outcome) -> Iterator[str]:
    for what, value in expected.items():
        if found[what] != value:
            yield f"{what}: {found[what]} instead of {value}"


def _word(flow: Flow) -> str:
    return "".join(each for each in flow.name if each.isalpha())


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def logged(folder: Path) -> list[str]:
    """What the workers below *folder* logged as errors, with what follows it."""
    found = []
    for log in sorted(folder.glob("*.log")):
        text = log.read_text()
        if " ERROR " in text or "Traceback" in text:
            found.append(text)
    return found
