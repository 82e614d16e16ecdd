"""
The change that the fenced blocks of a comment hold: one diff, or whole files named by path.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from odyssey.domain.change import Change, Files, Patch, normalise
from odyssey.domain.comment_lines import Block
from odyssey.domain.errors import UnreadableChange
from odyssey.domain.paths import shown_path

_DIFF_LANGUAGES = frozenset({"diff", "patch", "udiff"})
_DELETE_WORDS = frozenset({"delete", "deleted"})
_ATTRIBUTE = re.compile(
    r"""\b(?:title|path|file|filename|name)=(?:"([^"]*)"|'([^']*)'|([^\s"'{},]+))""",
    re.IGNORECASE,
)
_LOOKS_LIKE_DIFF = re.compile(r'\s*(?:diff --git |--- (?:"?a/|/dev/null))')
_LOOKS_LIKE_PATH = re.compile(r"\S*/\S*[^/\s]|[^\s/]*\.[A-Za-z0-9_+-]+|\.[A-Za-z][\w.-]*")
_BARE_NAMES = frozenset(
    {
        "Brewfile", "CHANGELOG", "CODEOWNERS", "Caddyfile", "Containerfile", "Dockerfile",
        "Gemfile", "Jenkinsfile", "Justfile", "LICENSE", "Makefile", "NOTICE", "Procfile",
        "README", "Rakefile", "VERSION", "Vagrantfile",
    }
)  # fmt: skip
_LANGUAGES_LIKE_PATHS = frozenset({"asp.net", "vb.net", "ado.net", "text/plain", "text/html"})


@dataclass(frozen=True, slots=True)
class _Part:
    block: Block
    path: str | None
    is_diff: bool
    is_delete: bool


def read_change(blocks: Sequence[Block]) -> Change | None:
    """
    The change in *blocks*; None when none of them is a diff or names a file.

    Raises:
        UnreadableChange: the blocks can be read in two ways, or one is not closed.
    """
    parts = [_part(each) for each in blocks]
    diffs = [each for each in parts if each.is_diff]
    files = [each for each in parts if each.path is not None and not each.is_diff]
    nameless = [each for each in parts if each.path is None and not each.is_diff]
    if not diffs and not files:
        return None
    for each in parts:
        if not each.block.is_closed:
            raise UnreadableChange(
                f"The block at line {each.block.line} is not closed. End it with as many backticks "
                "as it begins with, and with more than its content has in a row."
            )
    if diffs and files:
        raise UnreadableChange(
            f"There is a diff (line {diffs[0].block.line}) and a whole file (line "
            f"{files[0].block.line}). Send one kind: diffs only, or whole files only."
        )
    if nameless:
        raise UnreadableChange(
            f"The block at line {nameless[0].block.line} names no file. Write its path behind the "
            "backticks: ```` ```python src/app.py ````."
        )
    if diffs:
        return Patch("".join(_patch_text(each.block) for each in diffs))
    return Files(_contents(files))


def _patch_text(block: Block) -> str:
    patch = normalise(Patch(block.content))
    return patch.text if isinstance(patch, Patch) else ""


def _contents(parts: Sequence[_Part]) -> dict[str, str | None]:
    contents: dict[str, str | None] = {}
    for part in parts:
        path = part.path or ""
        if path in contents:
            raise UnreadableChange(
                f"{shown_path(path)} is there twice (again at line {part.block.line}). "
                "Send each file once."
            )
        if part.is_delete and part.block.content.strip():
            raise UnreadableChange(
                f"The block at line {part.block.line} deletes {shown_path(path)} and has content. "
                "Empty it, or take the word `delete` away."
            )
        contents[path] = None if part.is_delete else part.block.content
    return contents


def _part(block: Block) -> _Part:
    info = block.info.strip().strip("{}").strip()
    attribute = _ATTRIBUTE.search(info)
    words = _ATTRIBUTE.sub(" ", info).split()
    language = words[0].lower() if words else ""
    if language in _DIFF_LANGUAGES:
        return _Part(block, None, is_diff=True, is_delete=False)
    is_delete = any(each.lower() in _DELETE_WORDS for each in words)
    words = [each for each in words if each.lower() not in _DELETE_WORDS]
    named = next((each for each in attribute.groups() if each), None) if attribute else None
    named = named or _path_among(words)
    label = block.label if block.label and _is_path(block.label) else None
    if named and label and named != label:
        raise UnreadableChange(
            f"The block at line {block.line} has two names: {shown_path(label)} above it and "
            f"{shown_path(named)} behind the backticks. Keep one."
        )
    path = named or label
    is_diff = path is None and not is_delete and bool(_LOOKS_LIKE_DIFF.match(block.content))
    return _Part(block, path, is_diff=is_diff, is_delete=is_delete and path is not None)


def _path_among(words: Sequence[str]) -> str | None:
    """The first word when it can only be a path (`src/app.py`), else one behind the language."""
    for index, word in enumerate(words[:2]):
        language, colon, behind = word.partition(":")
        if index == 0 and colon and language.isalnum() and _is_path(behind):
            return behind
        if index == 0 and (word in _BARE_NAMES or word.lower() in _LANGUAGES_LIKE_PATHS):
            continue
        if _is_path(word):
            return word
    return None


def _is_path(text: str) -> bool:
    if text in _BARE_NAMES:
        return True
    last = text.rpartition("/")[2]
    return len(text) <= 2_000 and (
        _LOOKS_LIKE_PATH.fullmatch(text) is not None
        or ("/" in text and "://" not in text and "." in last)
    )
