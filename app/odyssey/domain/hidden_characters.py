"""
Characters that people do not see but machines read: tags, zero-width, bidi, fillers.

They hide instructions from a reviewer, or show code in another order than it runs.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_REPORTED = 100

# Sources: Unicode 15, Default_Ignorable_Code_Point and Bidi_Control; CVE-2021-42574 for bidi.
_SUSPECT = re.compile(
    "[\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]|\r(?!\n)"
)
_TAG_END = "\U000e007f"
_BLACK_FLAG = "\U0001f3f4"
# Only these three flags are in general use; any other run of tags may say anything.
_FLAGS = tuple(
    _BLACK_FLAG + "".join(chr(0xE0000 + ord(letter)) for letter in region) + _TAG_END
    for region in ("gbeng", "gbsct", "gbwls")
)
_FLAG = re.compile("|".join(_FLAGS))
_JOINING_SCRIPTS = frozenset(
    {
        "ARABIC", "SYRIAC", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL",
        "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "MONGOLIAN",
    }
)  # fmt: skip
_CONTROL_NAMES = {0: "NULL", 8: "BACKSPACE", 13: "CARRIAGE RETURN", 27: "ESCAPE"}


@dataclass(frozen=True, slots=True)
class HiddenCharacter:
    """One hidden character; line and column start at 1, columns count code points."""

    line: int
    column: int
    codepoint: int
    name: str

    @property
    def notation(self) -> str:
        """`U+200B`, as Unicode writes it."""
        return f"U+{self.codepoint:04X}"


def hidden_characters(text: str, *, limit: int = MAX_REPORTED) -> list[HiddenCharacter]:
    """
    The hidden characters of *text* in reading order, at most *limit*.

    Not reported: a byte order mark at the very start, the three real tag flags,
    joiners and variation selectors inside an emoji, and joiners between letters
    of scripts that are written with them.
    """
    found: list[HiddenCharacter] = []
    flags = [match.span() for match in _FLAG.finditer(text)] if _BLACK_FLAG in text else []
    line, line_start, counted = 1, 0, 0
    for match in _SUSPECT.finditer(text):
        at = match.start()
        if _is_innocent(text, at, flags):
            continue
        breaks = text.count("\n", counted, at)
        if breaks:
            line, line_start = line + breaks, text.rfind("\n", 0, at) + 1
        counted = at
        codepoint = ord(text[at])
        found.append(HiddenCharacter(line, at - line_start + 1, codepoint, _name(codepoint)))
        if len(found) >= limit:
            break
    return found


def without_hidden(text: str) -> str:
    """*text* without its hidden characters; innocent ones stay."""
    if not _SUSPECT.search(text):
        return text
    flags = [match.span() for match in _FLAG.finditer(text)]
    return _SUSPECT.sub(
        lambda match: match[0] if _is_innocent(text, match.start(), flags) else "", text
    )


def _is_innocent(text: str, at: int, flags: list[tuple[int, int]]) -> bool:
    character = text[at]
    before = text[at - 1] if at else ""
    after = text[at + 1] if at + 1 < len(text) else ""
    match character:
        case "\ufeff":
            return at == 0
        case "\u200d":
            return (_is_emoji(before) and _is_emoji(after)) or _joins(before, after)
        case "\u200c":
            return _joins(before, after)
        case "\ufe0e" | "\ufe0f":
            return _is_emoji(before) or before in set("0123456789#*") - {""}
        case _ if "\U000e0020" <= character <= _TAG_END:
            return any(start < at < end for start, end in flags)
    return False


def _is_emoji(character: str) -> bool:
    """Roughly: pictographs, arrows and dingbats, skin tones, and what follows one."""
    if not character:
        return False
    codepoint = ord(character)
    return (
        0x1F000 <= codepoint <= 0x1FAFF
        or 0x2190 <= codepoint <= 0x27BF
        or 0x2934 <= codepoint <= 0x2B55
        or codepoint in (0xA9, 0xAE, 0x203C, 0x2049, 0x20E3, 0x2122, 0x2139, 0x3030, 0x303D)
        or codepoint in (0x3297, 0x3299, 0xFE0F)
    )


def _joins(before: str, after: str) -> bool:
    return all(
        each and unicodedata.name(each, "").partition(" ")[0] in _JOINING_SCRIPTS
        for each in (before, after)
    )


def _name(codepoint: int) -> str:
    known = unicodedata.name(chr(codepoint), "") or _CONTROL_NAMES.get(codepoint, "")
    if known:
        return known
    if 0xE0000 <= codepoint <= 0xE0FFF:
        return "UNASSIGNED TAG"
    return "CONTROL CHARACTER" if codepoint < 0xA0 else "UNASSIGNED"
