"""
Markdown for GitHub, made of text that others wrote.

Untrusted text never pings anybody, closes an issue, loads an image, forges a
hidden marker or breaks out of its table, line or code block.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from odyssey.domain.hidden_characters import without_hidden

MAX_BODY = 65_536
"""GitHub's limit for a comment or a pull request's body."""
MAX_CHECK_TEXT = 65_535
"""GitHub's limit for a check run's summary, and for its text."""

_SPECIAL = re.compile(r"([\\`*_\[\]|~$>])")
_AT_START = re.compile(r"(?:[#+-]|[0-9]{1,9}[.)])(?=\s|$)|=+$|-+$")
# GitHub looks for these in the rendered text, where a backslash is already gone; an entity for a
# zero-width space is what splits them there.
_REFERENCE = r"@(?=[A-Za-z0-9_-])|#(?=[0-9])|(?<=GH)-(?=[0-9])"
_REFERENCES = re.compile(_REFERENCE, re.IGNORECASE)
_REFERENCES_AND_LINKS = re.compile(_REFERENCE + r"|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
_SPLIT = "&#8203;"
_FENCE_LINE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_CODE = re.compile(
    r"^ {0,3}(`{3,})[^\n`]*\n.*?^ {0,3}\1`*[ \t]*$"
    r"|(?<![`\\])(`{1,20})(?!`)[^\n]+?(?<!`)\2(?!`)",
    re.DOTALL | re.MULTILINE,
)
_LONG_RUN = re.compile("`{50,}")


def plain(text: str, *, limit: int = 500) -> str:
    """Untrusted *text* as one line that reads as it was written."""
    line = " ".join(without_hidden(_encodable(text)).split())
    if len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    escaped = line.replace("&", "&amp;").replace("<", "&lt;")
    escaped = _SPECIAL.sub(r"\\\1", escaped)
    if _AT_START.match(escaped):
        # A heading, a list or a rule; the backslash goes before the punctuation.
        escaped = re.sub(r"^([0-9]*)(.)", r"\1\\\2", escaped)
    return _REFERENCES_AND_LINKS.sub(_apart, escaped)


def code(text: str, *, limit: int = 200) -> str:
    """Untrusted *text* as a code span on one line."""
    line = " ".join(without_hidden(_encodable(text)).split()) or "(empty)"
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{_unmarked(line)}{pad}{ticks}"


def fence(text: str, *, limit: int = 4_000, keep_end: bool = False) -> str:
    """
    Untrusted *text* as a code block that it cannot leave.

    Over *limit* characters the end is cut off, or with *keep_end* the beginning.
    """
    body = without_hidden(_encodable(text)).replace("\r\n", "\n").strip("\n")
    body = _LONG_RUN.sub("`" * 49, body)
    if len(body) > limit:
        body = f"…{body[len(body) - limit :]}" if keep_end else f"{body[:limit]}…"
    ticks = "`" * max(3, _longest_run(body) + 1)
    return f"{ticks}text\n{_unmarked(body)}\n{ticks}"


def quoted(text: str, *, limit: int = 4_000) -> str:
    """Untrusted *text* as a block quote, line by line."""
    lines = _encodable(text[:limit]).strip().splitlines()
    shown = [plain(each, limit=limit) for each in lines]
    if len(text) > limit:
        shown.append("…")
    return "\n".join(f"> {each}".rstrip() for each in shown)


def link(label: str, url: str) -> str:
    """A link to *url* if that is a web address, else just *label*, which is Markdown."""
    parts = urlsplit(url) if _encodable(url) == url and "[" not in url else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return label
    return f"[{label}]({quote(url, safe=':/?#@!$&*+,;=%~-._')})"


def neutral(markdown: str) -> str:
    """
    Our own Markdown with foreign words in it, without the power of those.

    Mentions, issue numbers, images and HTML outside code lose their effect.
    """
    out, position = "", 0
    text = without_hidden(_encodable(markdown[:MAX_BODY]))
    for match in _CODE.finditer(text):
        out += _powerless(text[position : match.start()]) + _unmarked(match[0])
        position = match.end()
    return out + _powerless(text[position:])


def cell(markdown: str) -> str:
    """*markdown* as one cell of a table."""
    return " ".join(neutral(markdown).split()).replace("\\|", "|").replace("|", "\\|")


def clip(markdown: str, *, limit: int = MAX_BODY) -> str:
    """
    *markdown* with at most *limit* UTF-8 bytes, so at most as many characters.

    What is too much is cut at a line, an open code block closed, and a note added.
    """
    if len(markdown.encode()) <= limit:
        return markdown
    note = "\n\n*Cut here: GitHub shows no more than this in one place.*"
    room = limit - len(note.encode()) - 200
    kept = markdown.encode()[:room].decode(errors="ignore")
    kept = kept[: kept.rindex("\n")] if "\n" in kept else kept
    open_fence, details = "", 0
    for line in kept.split("\n"):
        match = _FENCE_LINE.fullmatch(line)
        if match and not open_fence:
            open_fence = match[1]
        elif match and match[1].startswith(open_fence) and not match[2].strip():
            open_fence = ""
        elif not open_fence:
            details += line.count("<details>") - line.count("</details>")
    closing = f"\n{open_fence}" if open_fence else ""
    return kept + closing + "\n\n</details>" * min(max(details, 0), 3) + note


def details(summary: str, markdown: str) -> str:
    """A folded section; *summary* is plain text."""
    return f"<details><summary>{plain(summary)}</summary>\n\n{markdown}\n\n</details>"


def _powerless(text: str) -> str:
    # Links stay whole here: the sentence around foreign words may hold one of our own.
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    text = text.replace("![", "!\\[").replace("~~~", "\\~~~")
    return _REFERENCES.sub(_apart, text)


def _apart(match: re.Match[str]) -> str:
    return match[0] + _SPLIT


def _unmarked(code_text: str) -> str:
    """Code cannot hold a marker either: somebody might search the raw body for one."""
    return code_text.replace("<!--", "<! --")


def _longest_run(text: str) -> int:
    return max((len(each) for each in re.findall("`+", text)), default=0)


def _encodable(text: str) -> str:
    """Lone surrogates, which JSON can carry and UTF-8 cannot, become question marks."""
    return text.encode("utf-8", "replace").decode()
