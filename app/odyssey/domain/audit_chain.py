"""
Whether an audit log is as it was written: each file by itself, and the files of a chain in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from odyssey.domain.audit import (
    START,
    WITNESS_DIGITS,
    CutOff,
    End,
    Entry,
    Kind,
    NotAnEntry,
    end_of,
    read_line,
    torn_details,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The first thing that is wrong: in which line (from 1) of its file, and what."""

    line: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """
    One file of a log. `after` is the end that its first entry says it follows.

    With a *problem* in it, `end` is the last entry before that.
    """

    name: str
    entries: int
    after: End | None
    end: End | None
    problem: Problem | None


def verify(lines: Iterable[bytes], *, after: End | None = None) -> Problem | None:
    """
    The first problem of one file, given as its lines with their line ends; None if it is intact.

    *after* is the end of the file before; where it is not known, the first line is
    taken at its word.
    """
    return check_file("", follow(lines, after=after)).problem


def follow(lines: Iterable[bytes], *, after: End | None = None) -> Iterator[Entry | Problem]:
    """The entries of one file, in order, up to its first problem, which ends it."""
    end, number = after, 0
    cut, first_cut = b"", None
    for number, line in enumerate(lines, start=1):
        try:
            entry = read_line(_without_end(line))
        except CutOff as error:
            # A crash leaves such lines; then the next entry names them.
            cut, first_cut = cut + line, first_cut or Problem(line=number, what=str(error))
            continue
        except NotAnEntry as error:
            yield first_cut or Problem(line=number, what=str(error))
            return
        problem = _torn(entry, cut, first_cut, number) or _link(entry, end, number)
        if problem is not None:
            yield problem
            return
        cut, first_cut, end = b"", None, end_of(entry)
        yield entry
    if first_cut is not None:
        yield first_cut
    elif number == 0:
        yield Problem(line=1, what="is missing: the file is empty")


def check_file(name: str, followed: Iterable[Entry | Problem]) -> CheckedFile:
    """What `follow` found, in short."""
    count, after, end = 0, None, None
    for each in followed:
        if isinstance(each, Problem):
            return CheckedFile(name=name, entries=count, after=after, end=end, problem=each)
        if count == 0:
            after = End(sequence=each.sequence - 1, hash=each.previous)
        count, end = count + 1, end_of(each)
    return CheckedFile(name=name, entries=count, after=after, end=end, problem=None)


def missing_before(
    files: Sequence[CheckedFile], *, may_begin_late: bool = False
) -> dict[str, Problem]:
    """
    By file name: that what a file follows is not the end of any other of *files*.

    *files* are in the order of their names; each folder holds one chain. With
    *may_begin_late* the first one of a folder may follow a file that is kept elsewhere.
    """
    ends = {each.end for each in files if each.end}
    folder = before = None
    problems = {}
    for file in files:
        if file.name.rpartition("/")[0] != folder:
            folder, before = file.name.rpartition("/")[0], None
        what = _missing(file, before, ends, may_begin_late)
        if what:
            problems[file.name] = Problem(line=1, what=what)
        before = file
    return problems


def _missing(
    file: CheckedFile, before: CheckedFile | None, ends: Set[End], may_begin_late: bool
) -> str:
    if file.after is None:
        return ""
    if file.after == START:
        return f"begins a chain of its own, though {before.name} is before it" if before else ""
    if file.after in ends or (before is None and may_begin_late):
        return ""
    follows = f"follows entry {file.after.sequence:,}"
    if before and before.end and before.end.sequence < file.after.sequence:
        lacking = _count(file.after.sequence - before.end.sequence)
        ends_with = f"{before.name} ends with entry {before.end.sequence:,}"
        return f"{follows}, but {ends_with}: {lacking} missing between them"
    return f"{follows}, whose file is not here"


def is_witnessed(witness: End, entries: Iterable[Entry]) -> bool:
    """Whether one of *entries* is the one that *witness* (maybe only a part of its hash) names."""
    return any(
        each.sequence == witness.sequence and each.hash.startswith(witness.hash) for each in entries
    )


def _without_end(line: bytes) -> bytes:
    if not line.endswith(b"\n"):
        raise CutOff("is cut off: the line has no end")
    return line[:-1]


def _torn(entry: Entry, cut: bytes, first_cut: Problem | None, number: int) -> Problem | None:
    if first_cut is None:
        if entry.kind is Kind.TORN:
            return Problem(line=number, what="names a cut line before it, which is missing")
        return None
    if entry.kind is Kind.TORN and dict(entry.details) == torn_details(cut[:-1]):
        return None
    return first_cut


def _link(entry: Entry, end: End | None, number: int) -> Problem | None:
    if end is None:
        return None
    expected = end.sequence + 1
    place = f"is entry {entry.sequence:,} where {expected:,} belongs"
    if entry.sequence > expected:
        lacking = _count(entry.sequence - expected)
        return Problem(line=number, what=f"{place}: {lacking} missing before it")
    if entry.sequence < expected:
        return Problem(line=number, what=f"{place}: it is out of its order, or there twice")
    if entry.previous != end.hash:
        return Problem(
            line=number,
            what=f"does not follow the line before it: entry {end.sequence:,} was replaced",
        )
    return None


def _count(entries: int) -> str:
    return "1 entry is" if entries == 1 else f"{entries:,} entries are"


__all__ = [
    "WITNESS_DIGITS", "CheckedFile", "Problem", "check_file", "follow", "is_witnessed",
    "missing_before", "verify",
]  # fmt: skip
