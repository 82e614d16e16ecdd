"""
The table of kill points in `docs/operations.md`, between two markers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

from kill_points.points import Point
from kill_points.trap import When

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
BEGIN, END = "<!-- kill points: begin -->", "<!-- kill points: end -->"
_ROW = re.compile(r"^\| ([^|]+) \| (\d+)\. ([^|]+) \|", re.MULTILINE)


def rendered(points: Sequence[Point]) -> str:
    """The table as Markdown, with a line about all of it below."""
    lines = [
        "| flow | write | killed before it | after it | before it, its git lives on |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (flow, number, write), group in groupby(points, key=lambda p: (p.flow, p.number, p.write)):
        cells = {point.when: _cell(point) for point in group}
        shown = " | ".join(cells.get(when, "") for when in When)
        lines.append(f"| {flow} | {number + 1}. {write} | {shown} |")
    seconds = [point.seconds for point in points]
    bad = sum(bool(point.differences) for point in points)
    lines += [
        "",
        f"{len(points)} kills, {bad} with another end; taken over after {median(seconds):.2f} s "
        f"(median), {max(seconds):.2f} s at most.",
    ]
    return "\n".join(lines)


def renew(points: Sequence[Point], page: Path = PAGE) -> None:
    """
    Puts the table into *page*.

    Raises:
        ValueError: the page lacks the markers.
    """
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks `{BEGIN}` and `{END}`")
    page.write_text(f"{before}{BEGIN}\n{rendered(points)}\n{END}{after}")


def told(page: Path = PAGE) -> list[tuple[str, int, str]]:
    """Flow, number from 0, and name of each write that *page* lists."""
    table = page.read_text().partition(BEGIN)[2].partition(END)[0]
    return [(flow, int(number) - 1, write) for flow, number, write in _ROW.findall(table)]


def _cell(point: Point) -> str:
    return f"{point.seconds:.2f} s" + (", **another end**" if point.differences else "")
