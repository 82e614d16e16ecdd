"""What changed between two commits, file by file, as the API lists it."""

from __future__ import annotations

from dataclasses import dataclass

from odyssey.simulator.git import EMPTY_TREE, ZERO, Git

_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied"}


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file; `patch` is its hunks, None for a binary or an unchanged content."""

    sha: str
    path: str
    status: str
    additions: int
    deletions: int
    patch: str | None
    previous_path: str | None


def diff(git: Git, old: str | None, new: str) -> list[FileChange]:
    """The changes from *old* (None: from nothing) to *new*, renames found."""
    printed = git.run(
        "diff", "-M", "--full-index", "--raw", "--numstat", "-p", old or EMPTY_TREE, new
    )
    lines = printed.decode(errors="replace").split("\n")
    raw = [line for line in _leading(lines) if line.startswith(":")]
    counts = [line for line in _leading(lines) if line and not line.startswith(":")]
    patches = _patches(lines)
    return [
        _change(entry, count, patch)
        for entry, count, patch in zip(raw, counts, patches, strict=True)
    ]


def _leading(lines: list[str]) -> list[str]:
    return lines[: lines.index("")] if "" in lines else lines


def _patches(lines: list[str]) -> list[str | None]:
    sections: list[list[str]] = []
    for line in lines:
        if line.startswith("diff --git "):
            sections.append([])
        elif sections:
            sections[-1].append(line)
    return [_hunks(section) for section in sections]


def _hunks(section: list[str]) -> str | None:
    start = next((i for i, line in enumerate(section) if line.startswith("@@")), None)
    return None if start is None else "\n".join(section[start:]).rstrip("\n")


def _change(entry: str, count: str, patch: str | None) -> FileChange:
    facts, *paths = entry.split("\t")
    _, _, old_sha, new_sha, letter = facts.split()
    added, deleted, *_ = count.split("\t")
    return FileChange(
        sha=old_sha if new_sha == ZERO else new_sha,
        path=paths[-1],
        status=_STATUS.get(letter[0], "changed"),
        additions=0 if added == "-" else int(added),
        deletions=0 if deleted == "-" else int(deleted),
        patch=patch,
        previous_path=paths[0] if len(paths) == 2 else None,
    )
