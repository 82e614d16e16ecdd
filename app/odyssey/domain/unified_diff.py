"""
A unified diff, scanned: which files it names and what it does to them.

Read as git reads it, but more strictly, and never applied here. What git made
of it in the end is checked again on the resulting tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from odyssey.domain.errors import ChangeTooLarge, ForbiddenPath, UnreadableChange
from odyssey.domain.paths import check_mode, shown_path

MAX_FILES = 3_000
"""Files of one diff: the most that a policy can allow."""

_HUNK = re.compile(r"@@ -[0-9]{1,9}(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@")
_MODE = re.compile(r"(old mode|new mode|deleted file mode|new file mode) (.*)")
_INDEX = re.compile(r"index [0-9a-fA-F]+\.\.[0-9a-fA-F]+(?: ([0-7]+))?\s*")
_MOVE = re.compile(r"(rename|copy) (from|to|old|new) (.*)")
_ESCAPE = re.compile(r'\\([0-7]{1,3}|[abtnvfr"\\])')
_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_NOWHERE = "/dev/null"


@dataclass(slots=True)
class FileDiff:
    """
    What a diff does to one file.

    `before` is None for a new file, `after` for a deleted one. `added` holds the
    added lines with their line numbers in the new file. `named` are all paths
    that its headers name.
    """

    before: str | None = None
    after: str | None = None
    named: list[str] = field(default_factory=list)
    added: list[tuple[int, str]] = field(default_factory=list)
    deletions: int = 0
    is_new: bool = False
    is_deleted: bool = False
    changes_more: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it leaves the file as it is."""
        return not (self.added or self.deletions or self.changes_more)

    @property
    def added_bytes(self) -> int:
        """Bytes of the added lines, line ends included."""
        return sum(len(text.encode("utf-8", "surrogatepass")) + 1 for _, text in self.added)


def scan_diff(text: str) -> list[FileDiff]:
    """
    The files that the unified diff *text* touches, in its order.

    Raises:
        UnreadableChange: it is no diff, is cut off, is binary or names no file.
        ForbiddenPath: a mode that no proposal may use, or a path git cannot decode.
        ChangeTooLarge: it has more files than any policy allows.
    """
    diffs = list(islice(_Scan(text).files(), MAX_FILES + 1))
    if len(diffs) > MAX_FILES:
        raise ChangeTooLarge(f"The diff touches over {MAX_FILES:,} files. Split it.")
    return diffs


class _Scan:
    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        if self._lines and not self._lines[-1]:
            self._lines.pop()
        self._at = 0

    def files(self) -> Iterator[FileDiff]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            following = self._lines[self._at + 1] if self._at + 1 < len(self._lines) else ""
            if line.startswith("diff --git "):
                yield self._git_file(line)
            elif line.startswith("--- ") and following.startswith("+++ "):
                yield self._body(FileDiff())
            elif line.startswith(("diff --cc ", "diff --combined ", "@@@ ")):
                raise self._unreadable("is from a merge; send a diff between two commits")
            elif _HUNK.match(line):
                raise self._unreadable("begins a hunk, but no `---` and `+++` lines name its file")
            else:
                self._refuse_binary(line)
                self._at += 1

    def _git_file(self, line: str) -> FileDiff:
        diff = FileDiff()
        name = _common_name(line.removeprefix("diff --git "))
        self._at += 1
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.startswith(("diff --", "--- ", "@@ ")) or not self._extended(line, diff, name):
                break
            self._at += 1
        diff = self._body(diff)
        if not diff.named:
            if name is None:
                raise self._unreadable("ends a file whose name cannot be read", before=True)
            diff.before = None if diff.is_new else name
            diff.after = None if diff.is_deleted else name
        if name is not None and name not in diff.named:
            diff.named.append(name)
        return diff

    def _extended(self, line: str, diff: FileDiff, name: str | None) -> bool:
        self._refuse_binary(line)
        if mode := _MODE.match(line):
            self._check_mode(mode[2], name)
            diff.changes_more = True
            diff.is_new |= mode[1] == "new file mode"
            diff.is_deleted |= mode[1] == "deleted file mode"
            return True
        if index := _INDEX.fullmatch(line):
            if index[1]:
                self._check_mode(index[1], name)
            return True
        if move := _MOVE.match(line):
            path = _unquoted(move[3])
            diff.changes_more = True
            diff.named.append(path)
            if move[2] in ("to", "new"):
                diff.after = path
            elif move[1] == "rename":
                diff.before = path
            return True
        return line.startswith(("similarity index ", "dissimilarity index "))

    def _check_mode(self, text: str, name: str | None) -> None:
        digits = text.strip()
        if not re.fullmatch("[0-7]{1,9}", digits):
            raise self._unreadable("has a file mode that is none")
        check_mode(name or "(unnamed)", int(digits, 8))

    def _body(self, diff: FileDiff) -> FileDiff:
        """Reads the `---` and `+++` lines, if any, and the hunks."""
        if self._here().startswith("--- "):
            before = self._name(self._here()[4:], "a/")
            self._at += 1
            if not self._here().startswith("+++ "):
                raise self._unreadable("should be the `+++` line that belongs to the one above")
            after = self._name(self._here()[4:], "b/")
            self._at += 1
            if before is None and after is None:
                raise self._unreadable("names no file: both sides are /dev/null", before=True)
            diff.before, diff.after = before, after
            diff.is_new |= before is None
            diff.is_deleted |= after is None
            diff.named += [each for each in (before, after) if each and each not in diff.named]
            if not _HUNK.match(self._here()):
                raise self._unreadable("should begin a hunk: `@@ -1,3 +1,4 @@`")
        while hunk := _HUNK.match(self._here()):
            if not diff.named:
                raise self._unreadable("begins a hunk, but no `---` and `+++` lines name its file")
            self._at += 1
            self._hunk(hunk, diff)
        self._refuse_binary(self._here())
        return diff

    def _hunk(self, header: re.Match[str], diff: FileDiff) -> None:
        old, line, new = int(header[1] or 1), int(header[2]), int(header[3] or 1)
        if header[1] == "0":
            old = 0
        if header[3] == "0":
            new = 0
        while old or new:
            if self._at >= len(self._lines):
                raise UnreadableChange(
                    f"The diff is cut off: {old} old and {new} new lines are missing from the last "
                    "hunk. Send it whole."
                )
            text = self._lines[self._at]
            match text[:1]:
                case " " | "" if old and new:
                    old, new, line = old - 1, new - 1, line + 1
                case "+" if new:
                    diff.added.append((line, text[1:]))
                    new, line = new - 1, line + 1
                case "-" if old:
                    diff.deletions += 1
                    old -= 1
                case "\\":
                    pass
                case _:
                    raise self._unreadable(
                        "does not fit its hunk's counts; make the diff with `git diff`, not by hand"
                    )
            self._at += 1
        if self._here().startswith("\\ "):
            self._at += 1

    def _here(self) -> str:
        return self._lines[self._at] if self._at < len(self._lines) else ""

    def _name(self, text: str, prefix: str) -> str | None:
        name = _unquoted(text)
        if name == _NOWHERE:
            return None
        # `git diff` writes a/ and b/; with diff.mnemonicPrefix one of these letters.
        if not re.match(r"[abciow12]/", name):
            raise self._unreadable(
                f"lacks the `{prefix}` in front of {shown_path(name)}; "
                "make the diff with `git diff`"
            )
        return name[2:]

    def _refuse_binary(self, line: str) -> None:
        if line.startswith("GIT binary patch") or (
            line.startswith(("Binary files ", "Files ")) and line.rstrip().endswith(" differ")
        ):
            raise self._unreadable("is a binary change; a proposal holds text only")

    def _unreadable(self, problem: str, *, before: bool = False) -> UnreadableChange:
        return UnreadableChange(f"Line {self._at + (0 if before else 1)} of the diff {problem}.")


def _common_name(text: str) -> str | None:
    """The name in `a/NAME b/NAME`; None when the two differ or cannot be told apart."""
    if text.startswith('"'):
        end = re.match(r'"(?:[^"\\]|\\.)*"', text)
        if not end:
            return None
        first, second = end[0], text[end.end() :].strip()
        pairs = [(_unquoted(first), _unquoted(second))]
    elif text.endswith('"') and ' "' in text:
        first, _, second = text.partition(' "')
        pairs = [(first, _unquoted('"' + second))]
    else:
        half = len(text) // 2
        pairs = [(text[:half], text[half + 1 :])] if text[half : half + 1] == " " else []
    for left, right in pairs:
        left_name, right_name = left.partition("/")[2], right.partition("/")[2]
        if left_name and left_name == right_name:
            return left_name
    return None


def _unquoted(text: str) -> str:
    """
    The path in a header: C-style quotes decoded, a timestamp behind a tab left out.

    Raises:
        ForbiddenPath: the bytes are not UTF-8.
    """
    if not text.startswith('"'):
        return text.partition("\t")[0].rstrip("\r")
    quoted = re.match(r'"((?:[^"\\]|\\.)*)"', text)
    if not quoted:
        raise ForbiddenPath(f"The path {shown_path(text)} has a quote that does not end.")
    data, position = bytearray(), 0
    for escape in _ESCAPE.finditer(quoted[1]):
        data += quoted[1][position : escape.start()].encode("utf-8", "surrogatepass")
        code = escape[1]
        data.append(_ESCAPES[code] if code in _ESCAPES else int(code, 8) & 0xFF)
        position = escape.end()
    data += quoted[1][position:].encode("utf-8", "surrogatepass")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ForbiddenPath(f"The path {shown_path(text)} is not UTF-8.") from error
