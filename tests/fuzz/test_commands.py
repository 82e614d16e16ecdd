"""
Whatever stands in a comment is read without an error, in time, and never as more than it is.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fuzz.amount import fuzz
from fuzz.markdown import BODIES, CALLS, as_code, listed, quoted
from odyssey.domain import comments
from odyssey.domain.commands import (
    MAX_COMMANDS,
    MAX_COMMENT,
    Malformed,
    Propose,
    parse_commands,
)
from odyssey.domain.hidden_characters import hidden_characters
from odyssey.domain.markup import MAX_BODY

PIECES = st.text("`~>#*_-+=|<>[]()!\\&;:./odyssey \t\r\n\"'", min_size=1, max_size=9) | CALLS

Wrap = Callable[[str], str]


@fuzz("pure", usual=60)
@given(BODIES | st.text(max_size=2_000))
def test_no_comment_makes_the_parser_fail(body: str) -> None:
    """Each command that is found can be answered, and its answer fits a comment of GitHub."""
    commands = parse_commands(body)

    assert len(commands) <= MAX_COMMANDS + 1
    for command in commands:
        if isinstance(command, Malformed):
            assert len(comments.malformed("mona", command)) <= MAX_BODY
        if isinstance(command, Propose):
            assert command.message.strip()
            assert not hidden_characters(command.message, limit=1)
        assert len(comments.hidden_note(command.hidden)) <= MAX_BODY


@fuzz("pure", usual=60)
@given(BODIES)
def test_what_is_quoted_is_never_a_command(body: str) -> None:
    """However it is nested, of one's own or others' words; above it a command still is one."""
    assert parse_commands(quoted(body)) == []
    above = parse_commands("/odyssey status\n\n" + quoted(body))
    assert [type(each).__name__ for each in above] == ["StatusAsked"]


@fuzz("pure", usual=60)
@given(BODIES)
def test_what_stands_in_a_code_block_is_never_a_command(body: str) -> None:
    """Whatever fences it holds itself, as long as its own is longer."""
    assume("\x00" not in body)

    assert parse_commands(as_code(body)) == []


@fuzz("pure", usual=60)
@given(
    CALLS, st.sampled_from([listed, quoted, as_code]), st.sampled_from([listed, quoted, as_code])
)
def test_a_call_within_anything_is_no_command(call: str, inner: Wrap, outer: Wrap) -> None:
    """List, quote and code, one in the other."""
    assert parse_commands(outer(inner(call))) == []


def seconds_for(body: str) -> float:
    """The processor time that reading *body* takes, without that of other tests' garbage."""
    gc.collect()
    gc.disable()
    began = time.process_time()
    try:
        parse_commands(body)
        return time.process_time() - began
    finally:
        gc.enable()


@fuzz("pure", usual=30)
@example(["\r-", "\t["], [":", "/odyssey"])
@given(st.lists(PIECES, min_size=1, max_size=4), st.lists(PIECES, max_size=2))
@example([" " * 9 + "\n"], ["/odyssey propose x"])
@example(["[a](", "<b "], ["/odyssey"])
def test_the_largest_comment_is_read_within_seconds(pieces: list[str], first: list[str]) -> None:
    """Any pattern repeated to GitHub's limit, in processor time of this machine."""
    unit = "".join(pieces)
    body = ("\n".join(first) + "\n" + unit * (MAX_COMMENT // len(unit) + 1))[:MAX_COMMENT]

    assert seconds_for(body) < 4


@pytest.mark.parametrize(
    "unit",
    [
        "/odyssey help\n", "/odyssey x `", "*a **b ", "[", "![](", "<a ", "<!--", "> ", "> > ",
        "- ", "  - x\n", "`" * 3 + "\n", "~~~\n", "\\", "&amp;", "|a", "| - ", "\u200b/odyssey\n",
        "[x]: y\n", "***a*** ", "_a_b", "\t", "1) ", "```a\n``` b\n", "<details>\n", "a\r",
        "On x wrote:\n", "/odyssey propose " + "a" * 50 + "\n", "--branch-prefix ",
    ],
)  # fmt: skip
def test_time_grows_no_faster_than_the_comment(unit: str) -> None:
    """Four times the text takes no more than about four times as long."""

    def taken(size: int) -> float:
        return seconds_for("/odyssey propose x\n\n" + (unit * (size // len(unit) + 1))[: size - 30])

    small = large = float("inf")
    for _ in range(3):  # once more only where something else was in the way
        small = min(small, taken(MAX_COMMENT // 4))
        large = min(large, taken(MAX_COMMENT))
        if large < 0.05 or large < 9 * small:
            break
    assert large < 0.05 or large < 9 * small
