"""
CODEOWNERS: who owns which path, as GitHub reads the file.

Source: docs.github.com, "About code owners". Like `.gitignore`, but the last line
that names a path decides alone; `folder/*` names no deeper path; `!`, `[ ]` and
`\\#` do not work, and a line that cannot be read is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from odyssey.domain.globs import MAX_GLOB, glob_pattern

MAX_CODEOWNERS = 500_000
"""Characters; GitHub takes 3 MB, and one read of a pull request shows about as many as this."""
MAX_RULES = 3_000
MAX_WILDCARDS = 6_000
"""Of all lines together: they are what makes it take long to find the owners of a path."""


class OwnerKind(StrEnum):
    """What an owner is."""

    USER = "user"
    TEAM = "team"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Owner:
    """One owner: a login, a team as `organisation/slug`, or an e-mail address."""

    kind: OwnerKind
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One line that was read; no owners means that its paths are nobody's."""

    line: int
    pattern: re.Pattern[str]
    owners: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Codeowners:
    """The lines that were read, last first, and the numbers of those that could not be."""

    rules: tuple[Rule, ...] = ()
    skipped: tuple[int, ...] = ()

    def of(self, path: str) -> tuple[Owner, ...]:
        """Who owns *path*; nobody is a possible answer."""
        found = next((each for each in self.rules if each.pattern.match(path)), None)
        return found.owners if found else ()


class CodeownersUnreadable(ValueError):
    """The file as a whole cannot be used; the message says why, to follow its name."""


_OWNER = re.compile(
    r"@(?P<team>[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100})"
    r"|@(?P<user>[A-Za-z0-9_-]{1,100})"
    r"|(?P<email>[^\s@]{1,100}@[^\s@]{1,200})"
)


@lru_cache(maxsize=64)
def read_codeowners(text: str | None) -> Codeowners:
    """
    The owners that *text* gives paths; None (no file) gives nobody any.

    Raises:
        CodeownersUnreadable: it is no text, or larger than is read.
    """
    if text is None:
        return Codeowners()
    if "\0" in text:
        raise CodeownersUnreadable("is no text, or longer than GitHub shows")
    if len(text) > MAX_CODEOWNERS:
        raise CodeownersUnreadable(f"is over {MAX_CODEOWNERS} characters")
    rules: list[Rule] = []
    skipped: list[int] = []
    wildcards = 0
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")), start=1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        if len(rules) == MAX_RULES:
            raise CodeownersUnreadable(f"has over {MAX_RULES} lines with owners")
        rule = _rule(number, content)
        if rule is None:
            skipped.append(number)
            continue
        rules.append(rule)
        wildcards += content.count("*") + content.count("?")
        if wildcards > MAX_WILDCARDS:
            raise CodeownersUnreadable(f"has over {MAX_WILDCARDS} wildcards in it")
    return Codeowners(tuple(reversed(rules)), tuple(skipped))


@lru_cache(maxsize=8_192)
def owners_of(text: str | None, path: str) -> tuple[Owner, ...]:
    """
    Who owns *path* by the file *text*.

    Remembered, because the same pull request is judged again and again.

    Raises:
        CodeownersUnreadable: as `read_codeowners` does.
    """
    return read_codeowners(text).of(path)


def _rule(number: int, content: str) -> Rule | None:
    # A space in a path is written with a backslash; a blank and `#` begin a remark.
    pattern, *names = re.split(r"(?<!\\)\s+", re.split(r"(?<!\\)\s#", content, maxsplit=1)[0])
    glob = re.sub(r"\\(\s)", r"\1", pattern)
    if len(glob) > MAX_GLOB or re.match("!", glob) or re.search(r"[\\\[\]]", glob):
        return None
    owners = []
    for name in filter(None, names):
        owner = _OWNER.fullmatch(name)
        if owner is None:
            return None
        kind = next(each for each in OwnerKind if owner[each.value])
        owners.append(Owner(kind, owner[kind.value]))
    itself_only = glob.endswith("/*")
    return Rule(number, glob_pattern(glob, itself_only=itself_only), tuple(owners))
