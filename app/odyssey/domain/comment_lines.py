"""
Where a comment speaks to Odyssey, read from the syntax tree of its Markdown.

Only a line of a top-level paragraph counts that begins with `/odyssey`: not in a
block quote, a list, a heading, code, a link, emphasis, HTML, or below the words
with which a mail program introduces the mail it quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from odyssey.domain.hidden_characters import HiddenCharacter, hidden_characters, without_hidden

MAX_COMMENT = 65_536
"""Characters of a comment: GitHub's own limit. Of a longer body nothing is carried out."""
MAX_PARAGRAPH = 10_000
"""Characters of a paragraph whose every line may be a call; of a longer one only the first may."""

_CALL = re.compile(r"( {0,3})/odyssey(?=[ \t]|$)[ \t]*(.*)", re.IGNORECASE)
_LABEL = re.compile(r"(?:#{1,6} +)?(?:\*\*`?([^`*]+?)`?\*\*|`([^`]+)`):?[ \t]*")
_HTML_TAG = re.compile(
    r"<(/?)(?:blockquote|pre|code|details|del|s|li|ul|ol|table|template|h[1-6])\b[^>]*>",
    re.IGNORECASE,
)
_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_MAIL_QUOTE = re.compile(
    r"(?:On\b.{4,200}\bwrote:|Am\b.{4,200}\bschrieb\b.{0,120}:|Le\b.{4,200}\ba écrit\s?:"
    r"|-{2,} ?(?:Original|Forwarded) [Mm]essage ?-{2,})[ \t]*",
)
_PROSE = frozenset(
    {"paragraph_open", "heading_open", "bullet_list_open", "ordered_list_open", "table_open"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """
    A fenced code block at top level.

    `label` is the path on the line directly above it, if that line is nothing
    else; `line` counts from 1.
    """

    info: str
    label: str | None
    content: str
    line: int
    is_closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    One `/odyssey ...` line with what follows it until the next one.

    `argument` is the rest of the line, `text` the prose up to the first block.
    `hidden` are the characters that were taken out of the line.
    """

    argument: str
    text: str
    blocks: tuple[Block, ...]
    line: int
    hidden: tuple[HiddenCharacter, ...] = ()


def find_calls(body: str) -> list[Call]:
    """
    The calls in *body*, in order.

    *body* is at most some 100,000 characters; line ends may be CRLF.
    """
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    marked, candidates, mark = _marked(lines)
    if not candidates:
        return []
    environment: dict[str, object] = {}
    tokens = _BLOCKS.parse("\n".join(marked), environment)
    accepted = sorted(set(_accepted(tokens, mark, environment)) & set(candidates))
    end = _quoted_from(tokens, lines)
    starts = [each for each in accepted if each < end]
    return [
        _call(lines, tokens, candidates[start], start, stop)
        for start, stop in pairwise([*starts, end])
    ]


def may_hold_a_call(body: str) -> bool:
    """
    False where `find_calls` finds none whatever the Markdown says: in nearly every comment.

    It takes microseconds, where the syntax tree takes milliseconds.
    """
    if "odyssey" not in body.lower() and body.isascii():
        return False
    if len(body) > MAX_COMMENT:
        return True
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return any(map(_candidate, lines))


def _candidate(line: str) -> re.Match[str] | None:
    if "odyssey" not in line[:2_000].lower() and line.isascii():
        return None
    return _CALL.fullmatch(without_hidden(line))


_BLOCKS = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])
_INLINE = MarkdownIt("commonmark")


def _marked(lines: Sequence[str]) -> tuple[list[str], dict[int, re.Match[str]], str]:
    """
    The lines with each `/odyssey` at a line's start replaced by a mark of letters and digits.

    The mark changes nothing about how Markdown is read, and is found again in the tree.
    """
    joined = "\n".join(lines)
    salt = next(each for each in range(len(joined) + 1) if f"odysseycall{each}x" not in joined)
    mark = f"odysseycall{salt}x"
    marked, candidates = list(lines), {}
    for number, line in enumerate(lines):
        if match := _candidate(line):
            candidates[number] = match
            marked[number] = f"{match[1]}{mark}{number}x {match[2]}"
    return marked, candidates, mark


def _accepted(tokens: Sequence[Token], mark: str, environment: dict[str, object]) -> Iterator[int]:
    html_depth = 0
    before: Token | None = None
    for token in tokens:
        opening, before = before, token
        if token.type == "html_block" and token.level == 0:
            html_depth = max(0, html_depth + _depth_change(token.content))
        if token.type != "inline" or mark not in token.content or opening is None:
            continue
        if opening.type != "paragraph_open" or opening.level != 0:
            continue
        content = token.content
        if len(content) > MAX_PARAGRAPH:
            # Emphasis and links take quadratic time; how a paragraph begins does not need them.
            content = content.partition("\n")[0][:MAX_PARAGRAPH].partition(" ")[0]
        yield from _line_starts(content, mark, environment, html_depth)


def _line_starts(
    content: str, mark: str, environment: dict[str, object], html_depth: int
) -> Iterator[int]:
    """The line numbers of the marks that begin a line as plain text of the paragraph itself."""
    [inline] = _INLINE.parseInline(content, environment)
    depth, at_start = html_depth, True
    for child in inline.children or ():
        if child.type == "text" and at_start and depth == 0:
            found = re.match(re.escape(mark) + r"([0-9]+)x", child.content.lstrip())
            if found:
                yield int(found[1])
        if child.type == "html_inline":
            depth = max(0, depth + _depth_change(child.content))
        depth += child.nesting
        at_start = child.type in ("softbreak", "hardbreak") or (
            at_start and child.type == "text" and not child.content.strip()
        )


def _depth_change(html: str) -> int:
    return sum(-1 if each[1] else 1 for each in _HTML_TAG.finditer(_HTML_COMMENT.sub("", html)))


def _quoted_from(tokens: Sequence[Token], lines: Sequence[str]) -> int:
    """The line where a quoted mail begins, or the number of lines."""
    for token in tokens:
        if token.type == "paragraph_open" and token.level == 0 and token.map:
            for number in range(*token.map):
                if _MAIL_QUOTE.fullmatch(lines[number].strip()[:500]):
                    return number
    return len(lines)


def _call(
    lines: Sequence[str], tokens: Sequence[Token], match: re.Match[str], start: int, stop: int
) -> Call:
    blocks: list[Block] = []
    prose: list[int] = []
    label: tuple[int, str] | None = None
    for token in tokens:
        if token.level != 0 or not token.map or token.nesting < 0:
            continue
        first, last = max(token.map[0], start + 1), min(token.map[1], stop)
        if first >= last:
            continue
        if token.type == "fence":
            blocks.append(_block(lines, token, label[1] if label else None))
            if label and label[0] in prose:
                prose.remove(label[0])
        elif token.type in _PROSE and not blocks:
            prose += range(first, last)
        label = _label(lines, token, last)
    return Call(
        argument=match[2].strip(),
        text=_text(lines, prose),
        blocks=tuple(blocks),
        line=start + 1,
        hidden=tuple(
            HiddenCharacter(start + 1, each.column, each.codepoint, each.name)
            for each in hidden_characters(lines[start], limit=20)
        ),
    )


def _label(lines: Sequence[str], token: Token, last: int) -> tuple[int, str] | None:
    if token.type not in ("paragraph_open", "heading_open"):
        return None
    match = _LABEL.fullmatch(lines[last - 1].strip()[:2_000])
    return (last - 1, (match[1] or match[2]).strip()) if match else None


def _text(lines: Sequence[str], numbers: Sequence[int]) -> str:
    pieces: list[str] = []
    previous = None
    for number in numbers:
        if previous is not None and number != previous + 1:
            pieces.append("")
        pieces.append(lines[number].rstrip())
        previous = number
    return without_hidden(_HTML_COMMENT.sub("", "\n".join(pieces))).strip()


def _block(lines: Sequence[str], token: Token, label: str | None) -> Block:
    first, last = token.map or (0, 0)
    opening = lines[first]
    indent = len(opening) - len(opening.lstrip(" "))
    fence = re.escape(token.markup[0])
    closing = re.compile(rf" {{0,3}}{fence}{{{len(token.markup)},}}[ \t]*")
    is_closed = last - 1 > first and closing.fullmatch(lines[last - 1]) is not None
    content = lines[first + 1 : last - 1 if is_closed else last]
    dedented = [re.sub(rf"^ {{0,{indent}}}", "", each) for each in content]
    return Block(
        info=token.info.strip(),
        label=label,
        content="".join(f"{each}\n" for each in dedented),
        line=first + 1,
        is_closed=is_closed,
    )
