"""
What a change did, read from git's own comparison of two trees.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from odyssey.domain.errors import ChangeTooLarge, ForbiddenPath
from odyssey.domain.paths import check_path, check_together, folded, shown_path
from odyssey.domain.policy import Limits

ABSENT = "000000"
PLAIN_MODES = frozenset({ABSENT, "100644", "100755"})
"""Regular files only: no symlink (120000), no submodule (160000)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One path that differs. `lines` counts added and deleted ones, None for a binary file.
    """

    path: str
    old_mode: str
    new_mode: str
    size: int
    lines: int | None


class RunsGit(Protocol):
    """A git command in one repository."""

    async def __call__(self, *arguments: str, stdin: bytes = b"") -> str:
        """Standard output as text."""
        ...


async def read_tree_diff(git: RunsGit, old: str, new: str) -> list[Entry]:
    """The paths in which tree *new* differs from *old*, without rename detection."""
    raw = (
        await git("diff-tree", "-r", "--raw", "-z", "--no-renames", "--abbrev=40", old, new)
    ).split("\0")
    counted = await git("diff-tree", "-r", "--numstat", "-z", "--no-renames", old, new)
    lines: dict[str, int | None] = {}
    for row in filter(None, counted.split("\0")):
        if row.count("\t") < 2:
            continue  # the tree's own name
        added, deleted, path = row.split("\t", 2)
        lines[path] = None if added == "-" else int(added) + int(deleted)
    found = [
        (meta.lstrip(":").split(), path) for meta, path in pairwise(raw) if meta.startswith(":")
    ]
    blobs = [fields[3] for fields, _ in found if fields[1] in ("100644", "100755")]
    checked = (
        await git("cat-file", "--batch-check", stdin="\n".join([*blobs, ""]).encode())
        if blobs
        else ""
    )
    sizes = {
        fields[0]: int(fields[2])
        for fields in (line.split() for line in checked.splitlines())
        if len(fields) == 3
    }
    return [
        Entry(path, fields[0], fields[1], sizes.get(fields[3], 0), lines.get(path))
        for fields, path in found
    ]


async def read_paths(git: RunsGit, tree: str) -> list[str]:
    """The paths of all files in *tree*."""
    listed = await git("ls-tree", "-r", "--name-only", "-z", tree)
    return [each for each in listed.split("\0") if each]


def judge(entries: list[Entry], limits: Limits, *, base_paths: Collection[str]) -> int:
    """
    The number of changed lines, if the change may be proposed at all.

    *base_paths* are the files that were there before.

    Raises:
        ForbiddenPath: it touches something that is no regular text file, or adds
            a path that cannot exist everywhere beside the others.
        ChangeTooLarge: it is over a limit.
    """
    for entry in entries:
        check_path(entry.path)
        if not {entry.old_mode, entry.new_mode} <= PLAIN_MODES:
            raise ForbiddenPath(
                f"`{entry.path}` is a symlink or a submodule (mode {entry.old_mode} to "
                f"{entry.new_mode}); a proposal changes regular files only."
            )
        if entry.lines is None and entry.new_mode != ABSENT:
            raise ForbiddenPath(
                f"`{entry.path}` is a binary file; a proposal changes text that people can review."
            )
        if entry.size > limits.file_bytes:
            raise ChangeTooLarge(
                f"`{entry.path}` has {entry.size} bytes; the policy allows {limits.file_bytes} "
                "a file (`limits.file_bytes`)."
            )
    check_together(each.path for each in entries if each.new_mode != ABSENT)
    _check_beside(entries, base_paths)
    if len(entries) > limits.files:
        raise ChangeTooLarge(
            f"The change touches {len(entries)} files; the policy allows {limits.files} "
            "(`limits.files`). Split it."
        )
    lines = sum(entry.lines or 0 for entry in entries)
    if lines > limits.lines:
        raise ChangeTooLarge(
            f"The change has {lines} lines; the policy allows {limits.lines} "
            "(`limits.lines`). Split it."
        )
    return lines


def _check_beside(entries: list[Entry], base_paths: Collection[str]) -> None:
    """Raises `ForbiddenPath` where a new path differs from one that stays in letter case only."""
    added = [each.path for each in entries if each.old_mode == ABSENT]
    if not added:
        return
    deleted = {each.path for each in entries if each.new_mode == ABSENT}
    stay = {name for path in base_paths if path not in deleted for name in _with_folders(path)}
    spelt = {folded(each): each for each in stay}
    for path in added:
        for name in _with_folders(path):
            other = spelt.get(folded(name))
            if name not in stay and other is not None:
                raise ForbiddenPath(
                    f"{shown_path(name)} and {shown_path(other)}, which is there already, are one "
                    "on systems that ignore case; spell it alike or choose another name."
                )


def _with_folders(path: str) -> Iterator[str]:
    """*path* and every folder above it."""
    yield path
    while path := path.rpartition("/")[0]:
        yield path
