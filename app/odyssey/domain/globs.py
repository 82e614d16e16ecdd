"""
Patterns for paths, read as in `.gitignore`, matched in bounded time.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_GLOB = 200
"""Characters of one pattern."""


def glob_problem(glob: str) -> str:
    """Why *glob* would name something else than it seems to; "" when it does not."""
    segments = glob.strip("/").split("/")
    if len(glob) > MAX_GLOB:
        return f"has over {MAX_GLOB} characters"
    if glob.startswith("!") or "\\" in glob:
        return "begins with `!` or has a backslash in it; neither is supported"
    if {"", ".", ".."} & set(segments[1:]) or segments[0] in (".", ".."):
        return "has an empty, `.` or `..` segment; write it from the top of the repository"
    if any("**" in each and each != "**" for each in segments):
        return "has `**` beside other characters; write `**/*.py` instead of `**.py`"
    return ""


@lru_cache(maxsize=512)
def named_by(globs: tuple[str, ...], paths: tuple[str, ...]) -> tuple[str, ...]:
    """
    Those of *paths* that one of *globs* names, in the order given.

    Remembered, because the same pull request is judged again and again.
    """
    patterns = [glob_pattern(each) for each in globs]
    return tuple(path for path in paths if any(each.match(path) for each in patterns))


@lru_cache(maxsize=4_096)
def glob_pattern(glob: str, *, itself_only: bool = False) -> re.Pattern[str]:
    """
    *glob* for the beginning of a path: what it names, and all below it.

    `*` and `?` stay within a name, `**` stands for any folders. Without a `/`
    before its end it counts at any depth; a trailing `/` or `/**` means below only.
    With *itself_only* nothing below what it names is meant.

    Every group is atomic: the earliest place where a part fits leaves the most
    for the rest, so no other has to be tried and time grows with the product of
    the lengths at worst.
    """
    segments = [each for each in glob.split("/") if each]
    if "/" not in glob.rstrip("/"):
        segments.insert(0, "**")
    below_only = glob.endswith("/") or segments[-1] == "**"
    parts: list[list[str]] = [[]]
    for segment in segments:
        if segment == "**":
            parts.append([])
        else:
            parts[-1].append(_name_pattern(segment))
    anywhere, found = "(?:[^/]++/)*?", []
    for index, part in enumerate(parts):
        if part:
            found.append((anywhere if index else "") + "/".join(part))
    last = "\\Z" if itself_only else "(?=/)" if below_only else "(?![^/])"
    ends = ["(?![^/])"] * (len(found) - 1) + [last]
    return re.compile("/".join(f"(?>{each}{end})" for each, end in zip(found, ends, strict=False)))


def _name_pattern(name: str) -> str:
    first, *rest = ("[^/]".join(map(re.escape, each.split("?"))) for each in re.split(r"\*+", name))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{each})" for each in middle) + f"[^/]*{last}"
