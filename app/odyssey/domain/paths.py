"""
Which paths a proposal may name: inside the tree, not git's own, the same on every system.

Stricter than git on Linux needs to be: a repository is also checked out on
Windows and macOS, where other spellings reach `.git`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from odyssey.domain.errors import ForbiddenPath
from odyssey.domain.hidden_characters import hidden_characters

MAX_PATH_BYTES = 1_024
MAX_SEGMENT_BYTES = 255
"""The longest file name that ext4, NTFS and APFS all take."""

REGULAR_MODES = frozenset({0o100644, 0o100755})

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
# Source: git's path.c, is_ntfs_dotgit and is_ntfs_dotgitmodules: NTFS short names.
_GIT_OWN = re.compile(r"\.git|git~[0-9]+|\.gitmodules|gitmod~[0-9]+|gi7eba~[0-9]+", re.IGNORECASE)
# Source: git's utf8.c, next_hfs_char: what HFS+ leaves out when it compares names.
_HFS_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


def check_path(path: str) -> None:
    """
    Returns when a proposal may name *path*, as git spells it: relative, with `/`.

    Raises:
        ForbiddenPath: it may not; says which rule it breaks.
    """
    problem = _problem(path)
    if problem:
        raise ForbiddenPath(f"The path {shown_path(path)} {problem}.")


def check_mode(path: str, mode: int) -> None:
    """
    Returns when *mode* is that of a plain file.

    Raises:
        ForbiddenPath: a symlink (120000), a submodule (160000) or anything else.
    """
    if mode in REGULAR_MODES:
        return
    kind = {0o120000: "a symlink", 0o160000: "a submodule"}.get(mode, f"of mode {mode:o}")
    raise ForbiddenPath(
        f"{shown_path(path)} is {kind}; a proposal may only touch plain files (644 or 755)."
    )


def check_together(paths: Iterable[str]) -> None:
    """
    Returns when *paths* can exist side by side on every file system.

    Raises:
        ForbiddenPath: two differ only in case or accents' encoding, or one is a
            file where another needs a folder.
    """
    seen: dict[str, str] = {}
    for path in paths:
        key = folded(path)
        if key in seen:
            raise ForbiddenPath(
                f"{shown_path(seen[key])} and {shown_path(path)} are one file on systems that "
                "ignore case; rename one of them."
            )
        seen[key] = path
    for key, path in seen.items():
        parts = key.split("/")
        for end in range(1, len(parts)):
            above = "/".join(parts[:end])
            if above in seen:
                raise ForbiddenPath(
                    f"{shown_path(seen[above])} is a file and cannot hold {shown_path(path)}."
                )


def shown_path(path: str) -> str:
    """*path* as a code span: escapes for what cannot be seen, at most 120 characters."""
    text = path if len(path) <= 120 else path[:119] + "…"
    safe = "".join(
        each if each.isprintable() and each != "`" else each.encode("unicode_escape").decode()
        for each in text
    ).replace("`", "\\x60")
    return f"`{safe}`" if safe.strip() else "`(empty)`"


def folded(path: str) -> str:
    """What two paths have in common that are one on systems that ignore case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _problem(path: str) -> str:
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if not path:
        return "is empty"
    if len(encoded) > MAX_PATH_BYTES:
        return f"has over {MAX_PATH_BYTES} bytes"
    if _CONTROL.search(path):
        return "has a control character in it"
    if "\\" in path:
        return "has a backslash in it; write `/` between folders"
    if path.startswith(("/", "~")):
        return "is absolute; write it from the top of the repository, such as `src/app.py`"
    # A byte order mark begins a text honestly, and a path never.
    is_hidden = path.startswith("\ufeff") or hidden_characters(path, limit=1)
    return next((each for each in map(_segment_problem, path.split("/")) if each), "") or (
        "has a character in it that cannot be seen" if is_hidden else ""
    )


def _segment_problem(segment: str) -> str:
    if segment in ("", ".", ".."):
        return "has an empty, `.` or `..` segment; write it from the top of the repository"
    visible = _HFS_IGNORED.sub("", segment)
    if _GIT_OWN.fullmatch(visible.split(":")[0].rstrip(". ")):
        return "belongs to git itself"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"has a name of over {MAX_SEGMENT_BYTES} bytes in it"
    if segment.endswith((".", " ")):
        return "has a name in it that ends in a dot or a space; Windows drops those"
    if _NOT_ON_WINDOWS.search(segment):
        return 'has one of `< > : " | ? *` in it, which Windows cannot store'
    if _DEVICE.fullmatch(segment.split(".")[0].rstrip()):
        return "is the name of a device on Windows"
    return ""
