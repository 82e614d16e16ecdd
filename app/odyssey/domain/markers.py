"""
Hidden markers: what Odyssey writes into its own comments to find them, and their facts, again.

`<!-- odyssey:proposal id=prop_... requester=octocat -->`, alone on a line. Values are
percent-encoded, so none can end the comment.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from markdown_it import MarkdownIt

_KIND = re.compile(r"[a-z-]{1,40}")
_MARKER = re.compile(r"<!-- odyssey:([a-z-]{1,40})((?: [^\s<>]{1,2000}){0,20}) -->\s*")
_BLOCKS = MarkdownIt("commonmark").disable(["inline", "text_join"])


def marker(kind: str, *words: str, **facts: str) -> str:
    """
    The marker of *kind* with bare *words* and named *facts*.

    Raises:
        ValueError: *kind* is not lower-case letters and dashes.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError(f"{kind!r} is no kind of marker: use lower-case letters and dashes")
    parts = [_encoded(each) for each in words]
    parts += [f"{key}={_encoded(value)}" for key, value in facts.items()]
    return " ".join(["<!-- odyssey:" + kind, *parts, "-->"])


def find_marker(body: str, kind: str) -> dict[str, str] | None:
    """
    The facts of the first marker of *kind* in *body*; None when there is none.

    A bare word is given as `id`. Only a marker that stands alone at top level
    counts: one inside code or a quote is somebody's text.
    """
    if f"odyssey:{kind}" not in body:
        return None
    for token in _BLOCKS.parse(body[:200_000]):
        if token.type != "html_block" or token.level != 0:
            continue
        for line in token.content.split("\n"):
            match = _MARKER.fullmatch(line.strip())
            if match and match[1] == kind:
                return _facts(match[2].split())
            if not line.strip().startswith("<!-- odyssey:"):
                # Anything else in the block may be a comment that only quotes a marker.
                break
    return None


def _facts(parts: list[str]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if equals:
            facts.setdefault(key, unquote(value))
        else:
            facts.setdefault("id", unquote(key))
    return facts


def _encoded(value: str) -> str:
    return quote(value, safe="", errors="replace").replace("-", "%2D").replace("~", "%7E")
