"""
A change as somebody sent it, before git has seen it, and the check run that shows its fate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from odyssey.domain.errors import ChangeTooLarge, EmptyChange, UnreadableChange
from odyssey.domain.hidden_characters import HiddenCharacter, hidden_characters
from odyssey.domain.identifiers import HeadSha
from odyssey.domain.paths import check_path, check_together, shown_path
from odyssey.domain.policy import Limits
from odyssey.domain.report import TestFailure
from odyssey.domain.unified_diff import FileDiff, scan_diff

MAX_CHANGE_BYTES = 10_000_000
"""Of a whole change, before anything in it is read; far above what the policy's limits allow."""

_HEADER = re.compile(r"^(?:diff --git |--- |\+\+\+ |@@ -).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Patch:
    """A unified diff, as `git diff` prints it."""

    text: str


@dataclass(frozen=True, slots=True)
class Files:
    """Whole files: new content by path, None to delete."""

    contents: Mapping[str, str | None]


Change = Patch | Files


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """
    What Odyssey publishes about one head SHA.

    `conclusion` None means it is not completed; `started_at` None that it is queued.
    `summary` and `text` hold at most 65,535 characters each.
    """

    head_sha: HeadSha
    external_id: str
    title: str
    summary: str
    text: str = ""
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    details_url: str | None = None
    failures: tuple[TestFailure, ...] = ()


def normalise(change: Change) -> Change:
    """
    *change* as git can read it: what a web form did to a diff is undone.

    Line ends become LF where the diff's own headers end in CRLF, a byte order
    mark goes, and the last line gets its line end. Hunk headers are not
    recounted, and whole files stay as they are: git decides about both.
    """
    match change:
        case Files():
            return change
        case Patch(text=text):
            text = text.removeprefix("\ufeff")
            headers = _HEADER.findall(text)
            if headers and all(each.endswith("\r") for each in headers):
                text = text.replace("\r\n", "\n")
            return Patch(text if text.endswith("\n") or not text else text + "\n")


def changed_paths(change: Change) -> tuple[str, ...]:
    """
    Every path that *change* names, sorted, both ends of a rename included.

    Raises:
        ChangeRefused: the diff cannot be read.
    """
    match normalise(change):
        case Files(contents=contents):
            return tuple(sorted(contents))
        case Patch(text=text):
            return tuple(sorted({path for each in _scan(text) for path in each.named}))


def check_change(change: Change, limits: Limits) -> None:
    """
    Returns when *change* may be handed to git.

    Looks at what was sent only; the base branch may still refuse it. How many
    lines whole files change is not known before git compares them, so
    `limits.lines` is judged here for a diff only.

    Raises:
        UnreadableChange: no diff can be read, or it is binary or cut off.
        ForbiddenPath: a path or file mode that no proposal may touch.
        ChangeTooLarge: over a limit.
        EmptyChange: it changes nothing.
    """
    match normalise(change):
        case Files(contents=contents):
            _check_files(contents, limits)
        case Patch(text=text):
            _check_patch(text, limits)


def hidden_in(change: Change, *, limit: int = 100) -> list[tuple[str, HiddenCharacter]]:
    """
    The hidden characters that *change* adds, with their paths and lines in the new files.

    Raises:
        ChangeRefused: the diff cannot be read.
    """
    match normalise(change):
        case Files(contents=contents):
            texts = [(path, [(1, text)]) for path, text in contents.items() if text]
        case Patch(text=text):
            texts = [(each.after or each.before or "", each.added) for each in _scan(text)]
    found: list[tuple[str, HiddenCharacter]] = []
    for path, pieces in texts:
        for first_line, piece in pieces:
            for each in hidden_characters(piece, limit=limit - len(found)):
                line = first_line + each.line - 1
                found.append((path, HiddenCharacter(line, each.column, each.codepoint, each.name)))
            if len(found) >= limit:
                return found
    return found


def _check_files(contents: Mapping[str, str | None], limits: Limits) -> None:
    if not contents:
        raise EmptyChange("The change names no file. Send at least one.")
    _check_count(len(contents), limits)
    for path, content in contents.items():
        check_path(path)
        if content is None:
            continue
        if "\0" in content:
            raise UnreadableChange(f"{shown_path(path)} is binary; a proposal holds text only.")
        try:
            size = len(content.encode())
        except UnicodeEncodeError as error:
            raise UnreadableChange(f"{shown_path(path)} is not valid Unicode.") from error
        _check_size(path, size, limits)
    check_together(path for path, content in contents.items() if content is not None)


def _check_patch(text: str, limits: Limits) -> None:
    diffs = _scan(text)
    paths = {path for each in diffs for path in each.named}
    _check_count(len(paths), limits)
    for path in paths:
        check_path(path)
    if all(each.is_empty for each in diffs):
        raise EmptyChange("The diff has no added and no removed lines. Send one that has.")
    for each in diffs:
        _check_size(each.after or "", each.added_bytes, limits)
    lines = sum(len(each.added) + each.deletions for each in diffs)
    if lines > limits.lines:
        raise ChangeTooLarge(
            f"The diff changes {lines:,} lines; the policy allows {limits.lines:,}. "
            "Split it, or have `limits.lines` raised on the base branch."
        )
    check_together(dict.fromkeys(each.after for each in diffs if each.after))


def _scan(text: str) -> list[FileDiff]:
    if len(text) > MAX_CHANGE_BYTES:
        raise ChangeTooLarge(f"The diff is over {MAX_CHANGE_BYTES:,} characters. Split it.")
    if "\0" in text:
        raise UnreadableChange("The diff holds NUL bytes: it is binary; a proposal is text only.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnreadableChange("The diff is not valid Unicode.") from error
    diffs = scan_diff(text)
    if not diffs:
        raise UnreadableChange(
            "No diff could be read. Send what `git diff` prints, with its `---`, `+++` and `@@` "
            "lines."
        )
    return diffs


def _check_count(count: int, limits: Limits) -> None:
    if count > limits.files:
        raise ChangeTooLarge(
            f"The change touches {count:,} files; the policy allows {limits.files:,}. "
            "Split it, or have `limits.files` raised on the base branch."
        )


def _check_size(path: str, size: int, limits: Limits) -> None:
    if size > limits.file_bytes:
        raise ChangeTooLarge(
            f"{shown_path(path)} has {size:,} bytes; the policy allows {limits.file_bytes:,}. "
            "Make it smaller, or have `limits.file_bytes` raised on the base branch."
        )
