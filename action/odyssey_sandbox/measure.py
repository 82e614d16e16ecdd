"""
A change to its own measure: old and new tests on old and new code, and what was taken away.

The proposal cannot hide in a change of the tests that judge it: what the base branch's tests
say of the new code is run and stated beside what the proposal's own tests say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from odyssey_sandbox import failures
from odyssey_sandbox.cleanup import remove_known
from odyssey_sandbox.counting import Measured, count
from odyssey_sandbox.failures import Failure, failed
from odyssey_sandbox.phases import Run, play
from odyssey_sandbox.report import Report
from odyssey_sandbox.staging import link, stage

_MOST_NAMED = 10
# Elsewhere the change fails before its tests say anything, or there is no time left.
_WORTH_COMPARING = ("tests_failed", "too_few_tests")
Age = Literal["old", "new"]


@dataclass(frozen=True, slots=True)
class Difference:
    """
    The measuring files that differ, as paths in the repository, sorted.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """
        Whether the measure is the base branch's.
        """
        return not (self.added or self.changed or self.removed)


def measure(it: Run, base: Path) -> None:
    """
    Compare the measure of the staged change with that of *base*; run the 2x2 where it differs.

    Fills `report.measure`. With `measure: require`, old tests that fail on the new code fail
    the validation.
    """
    settings, report = it.settings, it.report
    old = it.folder / "base"
    staged = stage(base, old, max_size=settings.max_image_size)
    it.begin("measure")
    if isinstance(staged, Failure):
        report.warnings.append(f"the base could not be measured: {staged.reason}")
        it.end(None, outcome="skipped", detail=staged.reason)
        return
    difference = compare(old, it.staged, settings.measure_paths)
    if difference.is_empty:
        it.end(None, outcome="skipped", detail="the change does not touch its own measure")
        return
    before = count(old, difference.changed + difference.removed)
    after = count(it.staged, difference.changed + difference.added)
    cells = [_cell_of(report, tests="new", code="new")]
    statements = taken_away(difference, before, after)
    report.measure = {
        "added": list(difference.added),
        "changed": list(difference.changed),
        "removed": list(difference.removed),
        "tests": {"before": len(before.tests), "after": len(after.tests)},
        "assertions": {"before": before.assertions, "after": after.assertions},
        "skips": {"before": before.skips, "after": after.skips},
        "cells": cells,
        "statements": statements,
    }
    _free(it)
    if report.failure is not None and report.failure.cause.code not in _WORTH_COMPARING:
        it.end(None, outcome="skipped", detail="; ".join(statements))
        return
    old_tests = _run_cell(it, tests=old, code=it.staged, suffix="-old-tests")
    cells.append(_cell_of(old_tests, tests="old", code="new"))
    statements.append("the base branch's tests on the new code: " + old_tests.reason)
    if report.failure is None and (difference.added or difference.changed):
        new_tests = _run_cell(it, tests=it.staged, code=old, suffix="-new-tests")
        cells.append(_cell_of(new_tests, tests="new", code="old"))
        statements.append("the new tests on the old code: " + new_tests.reason)
    if old_tests.failure is not None:
        at_base = _run_cell(it, tests=old, code=old, suffix="-old-old")
        cells.append(_cell_of(at_base, tests="old", code="old"))
        statements.append("the base branch by itself: " + at_base.reason)
    is_required = settings.measure == "require" and old_tests.failure is not None
    it.end(failed(failures.OLD_TESTS_FAILED) if is_required else None, detail="; ".join(statements))


def compare(old: Path, new: Path, patterns: tuple[str, ...]) -> Difference:
    """
    The files matching *patterns* that differ between the folders, in content, kind or mode.
    """
    before = {path for path in _files(old) if matches(path, patterns)}
    after = {path for path in _files(new) if matches(path, patterns)}
    changed = (path for path in before & after if _content(old / path) != _content(new / path))
    return Difference(
        tuple(sorted(after - before)), tuple(sorted(changed)), tuple(sorted(before - after))
    )


def taken_away(difference: Difference, before: Measured, after: Measured) -> list[str]:
    """
    What the change does to its measure, in sentences; deletions first.
    """
    said = []
    deleted = sorted(before.tests - after.tests)
    if deleted:
        said.append(f"tests deleted: {len(deleted)} ({_named(deleted)})")
    if after.assertions < before.assertions:
        said.append(f"assertions fewer: {after.assertions}, were {before.assertions}")
    if after.skips > before.skips:
        said.append(f"skips more: {after.skips}, were {before.skips}")
    for verb, paths in (
        ("changed", difference.changed),
        ("removed", difference.removed),
        ("added", difference.added),
    ):
        if paths:
            said.append(f"{verb}: {_named(paths)}")
    return said


def matches(path: str, patterns: Iterable[str]) -> bool:
    """
    Whether *path* fits one of the globs; `**` spans folders, `*` does not.
    """
    return any(_expression(pattern).fullmatch(path) is not None for pattern in patterns)


def combine(code: Path, tests: Path, target: Path, patterns: tuple[str, ...]) -> None:
    """
    Make *target* of what does not match *patterns* in *code*, and what does in *tests*.

    Every folder on the way is made here: a link in place of a folder is not followed.
    """
    target.mkdir()
    for source, is_wanted in ((code, False), (tests, True)):
        for path in _files(source):
            if matches(path, patterns) == is_wanted:
                _place(source / path, target, path)


def _run_cell(it: Run, *, tests: Path, code: Path, suffix: str) -> Report:
    cell = it.cell(suffix)
    combine(code, tests, cell.staged, it.settings.measure_paths)
    play(cell)
    _free(it)
    return cell.report


def _free(it: Run) -> None:
    remove_known(it.engine, containers=it.made_containers, networks=it.made_networks, images=[])
    it.made_containers.clear()
    it.made_networks.clear()


def _cell_of(report: Report, *, tests: Age, code: Age) -> dict[str, Any]:
    counts = report.tests
    return {
        "tests": tests,
        "code": code,
        "conclusion": report.conclusion,
        "phase": report.failed_phase,
        "reason": report.reason,
        "total": counts.total,
        "passed": counts.passed,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "failures": [report.safe(each.name)[:300] for each in counts.failures[:_MOST_NAMED]],
    }


def _files(folder: Path) -> list[str]:
    found = []
    for root, folders, names in os.walk(folder):
        # A link to a folder is a file of its own: it is never walked into.
        links = [name for name in folders if Path(root, name).is_symlink()]
        found += [str(Path(root, name).relative_to(folder)) for name in names + links]
    return found


def _content(path: Path) -> tuple[str, bytes, int]:
    if path.is_symlink():
        return "link", os.fsencode(path.readlink()), 0
    return "file", path.read_bytes(), path.stat().st_mode & 0o111


def _place(source: Path, target: Path, path: str) -> None:
    folder = target
    *parents, name = Path(path).parts
    for parent in parents:
        folder = folder / parent
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        folder.mkdir(exist_ok=True)
    place = folder / name
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        # A folder of the code stands where the tests have a file; the code keeps it.
        return
    if source.is_symlink():
        place.symlink_to(source.readlink())
    else:
        link(source, place)


@lru_cache(maxsize=512)
def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(wild.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _named(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MOST_NAMED} more" if len(every) > _MOST_NAMED else ""
    return ", ".join(every[:_MOST_NAMED]) + more
