"""
Kinds of tasks, as people write them: `.*authentication.*`, `fix|repair`, `^implement_.*`.

They look like regular expressions and are not run as such: what a stranger writes must
not decide how long matching takes. The few forms that are understood become words to be
found one after the other, which takes time in proportion to the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_PATTERN = 200
MAX_WAYS = 32
MAX_TEXT = 8_000

_NOT_WORD = re.compile(r"[\W_]+")
_LITERAL = re.compile(r"[^\W]|[ _/-]")
_REMEDY = "write words with .* between them, (one|other), ^ and $, such as .*authentication.*"


class UnreadableKind(ValueError):
    """A pattern of tasks that is not understood; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Words to find, with a space at an edge where a word must end there."""

    words: str
    starts: bool
    ends: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A kind of tasks. `text` is as it was written; a task is of the kind when one way fits.
    """

    text: str
    ways: tuple[tuple[_Piece, ...], ...]

    @property
    def words(self) -> str:
        """What is looked for, as words: for people, and to leave it out of what is learnt."""
        return " ".join(
            dict.fromkeys(piece.words.strip() for way in self.ways for piece in way if piece.words)
        )

    def fits(self, *texts: str) -> bool:
        """Whether one of *texts* is of this kind; letter case and punctuation do not matter."""
        return any(_fits(way, plain) for plain in map(_plain, texts) for way in self.ways)


@lru_cache(maxsize=1_024)
def read_kind(text: str) -> Kind:
    """
    The kind that *text* describes.

    `.*` is any text. Where there is none at the edge of a word, the word ends there: `api`
    is not in `rapid`, `.*api.*` is. `^` and `$` are the edges of the text: with both, and no `.*`,
    it is the whole. `_`, `-`, `/` and spaces are alike.

    Raises:
        UnreadableKind: it is too long, or has a form that is not understood.
    """
    if not 0 < len(text) <= MAX_PATTERN:
        raise UnreadableKind(f"the pattern has {len(text)} characters, 1 to {MAX_PATTERN} are read")
    return Kind(text, tuple(_pieces(way, text) for way in _ways(text)))


_GAP, _START, _END = "\x00gap", "\x00start", "\x00end"


def _ways(text: str) -> Iterator[list[str]]:
    """Each way to read *text* without alternatives, as tokens."""
    count = 0
    for branch in _branches(text):
        ways: list[list[str]] = [[]]
        for token in branch:
            options = token if isinstance(token, list) else [[token]]
            ways = [[*way, *option] for way in ways for option in options]
            if count + len(ways) > MAX_WAYS:
                raise UnreadableKind(
                    f"pattern {text!r} can be read in more than {MAX_WAYS} ways; send several"
                )
        count += len(ways)
        yield from ways


def _branches(text: str) -> Iterator[list[str | list[list[str]]]]:
    branch: list[str | list[list[str]]] = []
    group: list[list[str]] | None = None
    place = 0
    while place < len(text):
        char, width = text[place], 1
        if char == "(" and group is None:
            width = 3 if text.startswith("(?:", place) else 1
            group = [[]]
        elif char == ")" and group is not None:
            branch.append(group)
            group = None
        elif char == "|" and group is not None:
            group.append([])
        elif char == "|":
            yield branch
            branch = []
        else:
            token, width = _token(text, place)
            (branch if group is None else group[-1]).append(token)
        place += width
    if group is not None:
        raise UnreadableKind(f"pattern {text!r}: its ( has no ); {_REMEDY}")
    yield branch


def _token(text: str, place: int) -> tuple[str, int]:
    char = text[place]
    if text.startswith(".*", place):
        return _GAP, 2
    if char == "^":
        return _START, 1
    if char == "$":
        return _END, 1
    if _LITERAL.fullmatch(char):
        return char, 1
    raise UnreadableKind(f"pattern {text!r}: {text[place : place + 4]!r} is not read; {_REMEDY}")


def _pieces(way: list[str], text: str) -> tuple[_Piece, ...]:
    chunks: list[list[str]] = [[]]
    for token in way:
        if token == _GAP:
            chunks.append([])
        else:
            chunks[-1].append(token)
    pieces = []
    for index, chunk in enumerate(chunks):
        starts = chunk[:1] == [_START]
        ends = chunk[-1:] == [_END]
        inner = chunk[starts : len(chunk) - ends]
        if _START in inner or _END in inner:
            raise UnreadableKind(f"pattern {text!r}: ^ begins and $ ends it; {_REMEDY}")
        if (starts and index > 0) or (ends and index < len(chunks) - 1):
            raise UnreadableKind(f"pattern {text!r}: ^ begins and $ ends it; {_REMEDY}")
        literal = "".join(inner)
        words = _plain(literal).strip()
        if not words and not (starts and ends):
            continue
        is_edge_left = index == 0 or bool(_NOT_WORD.match(literal))
        is_edge_right = index == len(chunks) - 1 or bool(_NOT_WORD.match(literal[-1]))
        pieces.append(
            _Piece(
                words=" " * is_edge_left + words + " " * is_edge_right,
                starts=starts,
                ends=ends,
            )
        )
    return tuple(pieces)


def _fits(way: tuple[_Piece, ...], plain: str) -> bool:
    place = 0
    for piece in way:
        if piece.starts and piece.ends:
            return plain == piece.words
        if piece.starts and not plain.startswith(piece.words):
            return False
        if piece.ends:
            found = len(plain) - len(piece.words)
            return found >= place and plain.endswith(piece.words)
        # The first place is the best one: it leaves the most for what follows.
        found = plain.find(piece.words, place)
        if found < 0:
            return False
        # The space that ends one word may begin the next.
        place = found + len(piece.words) - piece.words.endswith(" ")
    return True


@lru_cache(maxsize=2_048)
def _plain(text: str) -> str:
    """Lower case, words with one space around each."""
    folded = unicodedata.normalize("NFKC", text[:MAX_TEXT]).casefold()
    return f" {_NOT_WORD.sub(' ', folded).strip()} "
