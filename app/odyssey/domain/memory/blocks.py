"""
Core memory blocks: short texts that are always loaded whole, in versions that are only added.

Every change makes a new version. Whoever writes may say which version they read; if
another was written meanwhile, nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from odyssey.domain.errors import ChangeRefused, CommandRefused, Conflict
from odyssey.domain.memory.scope import REPOSITORY, Scope

DEFAULT_LIMIT = 2_000
MAX_LIMIT = 20_000
MAX_BLOCKS = 50
"""Of one tier: all of them are loaded whole, always."""

_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,49}")


class BlockChanged(Conflict):
    """The block is no longer at the version that was read; `present` is the one it is at."""

    def __init__(self, block: Block, expected: int) -> None:
        super().__init__(
            f"block {block.label} is at version {block.version}, and {expected} was expected: "
            "read it and decide again"
        )
        self.present = block.version


class BlockReadOnly(CommandRefused):
    """The block's text may not be changed."""


class BlockRefused(ChangeRefused):
    """The change does not fit the block; the message says what does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """
    One version of one block. `limit` is in characters; `version` counts from 1.

    `operation` says what made this version of the one before.
    """

    label: str
    value: str
    updated_at: datetime
    limit: int = DEFAULT_LIMIT
    read_only: bool = False
    description: str = ""
    version: int = 1
    updated_by: str = ""
    operation: str = "create"
    scope: Scope = REPOSITORY

    def __post_init__(self) -> None:
        if not _LABEL.fullmatch(self.label):
            raise BlockRefused(
                f"label {self.label[:60]!r}: use 1 to 50 lower-case letters, digits, _ and -"
            )
        if not 1 <= self.limit <= MAX_LIMIT:
            raise BlockRefused(
                f"block {self.label}: a limit of {self.limit} characters; use 1 to {MAX_LIMIT}"
            )
        if len(self.value) > self.limit:
            raise BlockRefused(
                f"block {self.label}: {len(self.value)} characters, and its limit is "
                f"{self.limit}: shorten it, or move what is seldom needed to the archive"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """Puts *text* on a line of its own at the end."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Puts *new* in the place of *old*, which is there once; of each, with *everywhere*."""

    old: str
    new: str
    everywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Applies the hunks of a unified diff; line numbers are not looked at, their text is."""

    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rethink:
    """Writes the whole text anew."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Makes the text what it was in an older version."""

    old: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """Sets what is not None; a read-only block takes it as long as its text stays."""

    value: str | None = None
    limit: int | None = None
    read_only: bool | None = None
    description: str | None = None


Change = Append | Replace | Patch | Rethink | Restore | Configure


def default_blocks(scope: Scope, *, at: datetime) -> tuple[Block, ...]:
    """The blocks that every repository has from its first use; a person or a thread has none."""
    if scope != REPOSITORY:
        return ()
    return tuple(
        Block(label=label, value="", description=description, updated_at=at)
        for label, description in (
            ("persona", "How Odyssey works here: its manner, what it minds, what it leaves alone."),
            ("repository", "What the repository is, how it is built and tested, its conventions."),
            ("people", "Who does what here, and what they care about in a review."),
        )
    )


def check_deletable(block: Block, *, expected: int | None) -> None:
    """
    Passes a block that may be deleted.

    Raises:
        BlockChanged: *expected* is not the present version.
        BlockReadOnly: it is read-only.
    """
    if expected is not None and expected != block.version:
        raise BlockChanged(block, expected)
    if block.read_only:
        raise BlockReadOnly(
            f"block {block.label} is read-only: set its read_only to false first, if you may"
        )


def changed(block: Block, change: Change, *, by: str, at: datetime, expected: int | None) -> Block:
    """
    The next version of *block*; the same object when the change leaves it as it is.

    Raises:
        BlockChanged: *expected* is not the present version.
        BlockReadOnly: the text would change, and may not.
        BlockRefused: what is to be replaced is not there once, or the limit is too small.
    """
    if expected is not None and expected != block.version:
        raise BlockChanged(block, expected)
    following = _applied(block, change)
    if _content(following) == _content(block):
        return block
    if block.read_only and following.value != block.value:
        raise BlockReadOnly(
            f"block {block.label} is read-only: set its read_only to false first, if you may"
        )
    return replace(
        following,
        version=block.version + 1,
        updated_by=by,
        updated_at=at,
        operation=type(change).__name__.lower(),
    )


def without_person(block: Block, login: str) -> Block:
    """
    The block without the lines that name *login*; the same object if none does.
    """
    named = re.compile(rf"(?<![\w-])@?{re.escape(login)}(?![\w-])", re.IGNORECASE)
    lines = block.value.split("\n")
    left = [line for line in lines if not named.search(line)]
    if len(left) == len(lines):
        return block
    return replace(block, value="\n".join(left), operation="forget", updated_by="")


def _content(block: Block) -> tuple[str, int, bool, str]:
    return block.value, block.limit, block.read_only, block.description


def _applied(block: Block, change: Change) -> Block:
    match change:
        case Append(text=text):
            joint = "\n" if block.value and not block.value.endswith("\n") else ""
            return replace(block, value=f"{block.value}{joint}{text}")
        case Replace():
            return replace(block, value=_replaced(block, change))
        case Patch(diff=diff):
            return replace(block, value=_patched(block, diff))
        case Rethink(value=value):
            return replace(block, value=value)
        case Restore(old=old):
            # The limit may have shrunk since; the old text needs the room it had.
            return replace(block, value=old.value, limit=max(block.limit, len(old.value)))
        case Configure(value=value, limit=limit, read_only=read_only, description=description):
            return replace(
                block,
                value=block.value if value is None else value,
                limit=block.limit if limit is None else limit,
                read_only=block.read_only if read_only is None else read_only,
                description=block.description if description is None else description,
            )


def _replaced(block: Block, change: Replace) -> str:
    count = block.value.count(change.old) if change.old else 0
    if count == 0 or (count > 1 and not change.everywhere):
        raise BlockRefused(
            f"block {block.label}: the text to replace is there {count} times; "
            + ("read the block again" if count == 0 else "send more of it, or everywhere: true")
        )
    return block.value.replace(change.old, change.new)


def _patched(block: Block, diff: str) -> str:
    lines = block.value.split("\n") if block.value else []
    start = 0
    for number, (old, new) in enumerate(_hunks(block, diff), start=1):
        places = [
            place
            for place in range(start, len(lines) - len(old) + 1)
            if lines[place : place + len(old)] == old
        ]
        if old and len(places) != 1:
            raise BlockRefused(
                f"block {block.label}: the lines of hunk {number} are there {len(places)} times; "
                "read the block again, or give more lines around the change"
            )
        # Without old lines it can only be meant for the end.
        place = places[0] if old else len(lines)
        lines[place : place + len(old)] = new
        start = place + len(new)
    return "\n".join(lines)


def _hunks(block: Block, diff: str) -> Sequence[tuple[list[str], list[str]]]:
    hunks: list[tuple[list[str], list[str]]] = []
    for line in diff.removesuffix("\n").split("\n"):
        if line.startswith("@@"):
            hunks.append(([], []))
        elif not hunks:
            if not line.startswith(("--- ", "+++ ")):
                raise BlockRefused(f"block {block.label}: the diff has no line @@ before its lines")
        elif line[:1] in ("+", "-", " ", ""):
            old, new = hunks[-1]
            if line[:1] != "+":
                old.append(line[1:])
            if line[:1] != "-":
                new.append(line[1:])
        elif not line.startswith("\\"):
            raise BlockRefused(
                f"block {block.label}: a line of a diff begins with +, - or a space: {line[:40]!r}"
            )
    if not hunks:
        raise BlockRefused(f"block {block.label}: the diff has no hunk")
    return hunks
