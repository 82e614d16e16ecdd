"""
Answers of git that never change: what it says of objects named by their full SHAs.

A request asks for the same commits many times over; each answer is a process less.
"""

from __future__ import annotations

import re
import subprocess
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

MOST_ANSWERS = 4096
LARGEST_ANSWER = 65_536  # bytes

_SHA = "[0-9a-f]{40}"
_OBJECTS = re.compile(rf"{_SHA}(\^\{{[a-z]*\}}|(\.\.\.?){_SHA}|:.*)?", re.DOTALL)
_READS = {
    "cat-file", "diff", "log", "ls-tree", "merge-base", "merge-tree", "rev-list", "rev-parse",
}  # fmt: skip
_NO_IS_AN_ANSWER = {"merge-base", "merge-tree"}  # of objects that are there: 1 says no
_WORDS = {"blob", "tree", "commit", "tag"}

Answer = subprocess.CompletedProcess[bytes]


class Answers:
    """The latest answers, by repository and command; the oldest make room."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Path, tuple[str, ...]], Answer] = OrderedDict()

    def find(self, git_dir: Path, arguments: tuple[str, ...]) -> Answer | None:
        """What git answered to *arguments* in *git_dir*."""
        return self._known.get((git_dir, arguments))

    def keep(self, git_dir: Path, arguments: tuple[str, ...], answer: Answer) -> None:
        """Remember *answer*, if it is one that stays."""
        is_final = answer.returncode == 0 or (
            answer.returncode == 1 and arguments[0] in _NO_IS_AN_ANSWER
        )
        if is_final and len(answer.stdout) <= LARGEST_ANSWER:
            self._known[git_dir, arguments] = answer
            if len(self._known) > MOST_ANSWERS:
                self._known.popitem(last=False)


def is_unchanging(arguments: Sequence[str]) -> bool:
    """Whether `git arguments` only reads, and only what full SHAs name."""
    if arguments[0] not in _READS:
        return False
    named = False
    for argument in arguments[1:]:
        if argument == "--":
            return named  # what follows are paths
        if argument.startswith("-") or argument in _WORDS:
            continue
        if not _OBJECTS.fullmatch(argument):
            return False
        named = True
    return named
