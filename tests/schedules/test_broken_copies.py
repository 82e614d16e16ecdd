"""
The schedules can fail: copies of Odyssey with one guard taken out break a promise.

Each copy is another tree on the path of another process; the one that is tested stays as it is.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import odyssey
from schedules.batch import find_broken
from schedules.schedule import Player
from schedules.steps import read

APP = Path(odyssey.__file__).parents[1]
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Broken:
    """A line of the package, what stands there in the copy, and words of what comes of it."""

    file: str
    line: str
    instead: str
    complaint: str
    schedule: str


COPIES = {
    "an approval of an older commit counts": Broken(
        "domain/standing.py",
        "if review.head_sha == pull.head_sha:",
        "if review.head_sha is not None:",
        "was merged although 0 of 1 approvals of this head counted",
        "propose 0 0 0, settle, approve 0 0 0, push 0 0 0, settle",
    ),
    "a failed validation counts": Broken(
        "domain/conditions.py",
        "if not validation.is_success:",
        "if validation.conclusion is None:",
        "was merged although the last trusted run of this head ended as failure",
        "propose 0 3 0, settle, approve 0 0 0, settle",
    ),
    "a comment is not looked for before it is made again": Broken(
        "adapters/github.py",
        "found = await self._find_comment(repository, number, marker)",
        "found = None",
        "was answered 2 times",
        "propose 0 0 0, settle, say 0 1 0 1, work 1 0, kill 0 1, kill 1 1, settle",
    ),
}

PLAYS = 12
"""At which request a worker is killed is chance as well: one play in two may miss it."""


def broken_copy(folder: Path, broken: Broken) -> Path:
    """A copy of the package with one line changed, wherever it stands in the file."""
    copy = folder / "app"
    shutil.copytree(APP, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / "odyssey" / broken.file
    text = file.read_text()
    assert broken.line in text, f"{broken.file} has changed: choose another line to break"
    file.write_text(text.replace(broken.line, broken.instead))
    return copy


async def play_with(app: Path, *arguments: str) -> str:
    """What `python -m schedules` prints when it runs the package in *app*."""
    path = [str(app), str(TESTS), *sys.path]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schedules", *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))},
    )  # fmt: skip
    printed, _ = await process.communicate()
    return printed.decode()


@pytest.mark.parametrize("broken", COPIES.values(), ids=COPIES.keys())
async def test_a_guard_that_is_taken_out_is_missed(broken: Broken, tmp_path: Path) -> None:
    """One schedule breaks a promise of the copy."""
    copy = broken_copy(tmp_path, broken)
    for _ in range(PLAYS):
        told = await play_with(copy, "--replay", broken.schedule)
        if broken.complaint in told:
            break

    assert broken.complaint in told


def test_the_same_schedules_break_no_promise_of_the_original() -> None:
    """So it is the guard that tells the copies from it."""
    player = Player()
    try:
        found = [find_broken(player, read(broken.schedule)) for broken in COPIES.values()]
    finally:
        player.close()

    assert found == [""] * len(COPIES)


async def test_random_schedules_find_a_gate_that_counts_a_failed_validation(
    tmp_path: Path,
) -> None:
    """Nobody told them where to look."""
    broken = COPIES["a failed validation counts"]

    told = await play_with(
        broken_copy(tmp_path, broken),
        "--schedules", "60", "--seed", "4000", "--shrink-for", "0",
    )  # fmt: skip

    assert "was merged although" in told
    assert "make test-long REPLAY=" in told
