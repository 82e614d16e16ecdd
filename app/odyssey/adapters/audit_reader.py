"""
The files of an audit log, read: what the writer goes on from, and what people verify and are shown.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from odyssey.domain.audit import MAX_LINE, CutOff, End, Entry, NotAnEntry, end_of, read_line
from odyssey.domain.audit_chain import (
    CheckedFile,
    Problem,
    check_file,
    follow,
    is_witnessed,
    missing_before,
)

SUFFIX = ".jsonl"
LOCK = "lock"
"""The file that a writer holds; nothing is in it."""

_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{4}\.jsonl")


def log_files(folder: Path) -> list[Path]:
    """The log's files below *folder*, oldest first; [] when there is none."""
    try:
        return sorted(each for each in folder.iterdir() if _NAME.fullmatch(each.name))
    except FileNotFoundError:
        return []


def end_of_file(path: Path) -> End | None:
    """
    The newest entry of one file; None when it has none.

    Raises:
        NotAnEntry: its last whole line is no entry.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - 2 * MAX_LINE)
        file.seek(start)
        return tail(file.read(), is_whole=start == 0)[0]


def tail(data: bytes, *, is_whole: bool) -> tuple[End | None, bytes]:
    """
    The newest entry in the end of a file, and what a cut-off write left behind it.

    Raises:
        NotAnEntry: there is a line that is no entry, and not just cut off.
    """
    lines = data.splitlines(keepends=True)
    cut = b""
    while lines:
        line = lines.pop()
        try:
            if not line.endswith(b"\n"):
                raise CutOff
            return end_of(read_line(line[:-1])), cut
        except CutOff:
            cut = line + cut
    if not is_whole:
        raise NotAnEntry(f"is none of the log's: no entry in {len(data):,} bytes")
    return None, cut


def read_entries(paths: Sequence[Path]) -> Iterator[Entry]:
    """
    The entries of *paths*, file by file: every line that is one, also where the chain is broken.
    """
    for path in paths:
        for line in _lines(path):
            with contextlib.suppress(NotAnEntry):
                yield read_line(line.removesuffix(b"\n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    What a verification found: by file, and by chain its newest entry.

    `unproved` are the witnesses that no entry fits.
    """

    files: tuple[CheckedFile, ...]
    problems: tuple[tuple[str, Problem], ...]
    unproved: tuple[End, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not self.unproved

    @property
    def ends(self) -> tuple[End, ...]:
        """The newest entry of each chain."""
        followed = {each.after for each in self.files}
        return tuple(each.end for each in self.files if each.end and each.end not in followed)


def verify_files(
    paths: Sequence[Path], *, witnesses: Sequence[End] = (), are_all: bool = True
) -> Verdict:
    """
    Whether the files at *paths*, of one or several chains, are as they were written.

    Unless they *are_all* there is, a first file may follow one that is not among them.
    """
    files, proved = [], set()
    for path in paths:
        entries: list[Entry] = []

        def followed(path: Path = path, wanted: list[Entry] = entries) -> Iterator[Entry | Problem]:
            for each in follow(_lines(path)):
                if isinstance(each, Entry) and any(each.sequence == w.sequence for w in witnesses):
                    wanted.append(each)
                yield each

        files.append(check_file(str(path), followed()))
        proved |= {each for each in witnesses if is_witnessed(each, entries)}
    problems = {each.name: each.problem for each in files if each.problem}
    for name, problem in missing_before(files, may_begin_late=not are_all).items():
        problems.setdefault(name, problem)
    return Verdict(
        files=tuple(files),
        problems=tuple(problems.items()),
        unproved=tuple(each for each in witnesses if each not in proved),
    )


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file as far as it is written now; a writer's half line is waited for."""
    with path.open("rb") as file:
        with _held(path.parent / LOCK):
            size = file.seek(0, os.SEEK_END)
        file.seek(0)
        for line in file:
            size -= len(line)
            if size < 0:
                return
            yield line


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """The writers' lock, for a moment; copies of a log have none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
