"""
Real workers, really killed: right before and right after every write to GitHub.
"""

from __future__ import annotations

import asyncio

import pytest

from kill_points.points import Point, measure
from kill_points.table import told

LONGEST_S = 10.0
"""A lease ends after about a second; the rest is for machines that are busy with other tests."""


@pytest.fixture(scope="module")
def points() -> list[Point]:
    """Every kill, made once for all tests."""
    return asyncio.run(measure(lanes=3))


def test_a_kill_at_any_write_leads_to_the_same_end(points: list[Point]) -> None:
    """One branch, one pull request, one comment, one run, one merge: as without the kill."""
    different = [
        f"{each.flow}: killed {each.when} write {each.number + 1} ({each.write}): {differences}"
        for each in points
        if (differences := "; ".join(each.differences))
    ]

    assert len(points) > 50
    assert different == []


def test_another_worker_takes_over_soon(points: list[Point]) -> None:
    """Not when a person looks, but when the lease ends."""
    late = [each for each in points if not 0 < each.seconds < LONGEST_S]

    assert late == []


def test_the_operations_page_lists_every_kill_point(points: list[Point]) -> None:
    """`make kill-points` renews it."""
    found = list(dict.fromkeys((each.flow, each.number, each.write) for each in points))

    assert told() == found
