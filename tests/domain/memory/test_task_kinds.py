"""
Kinds of tasks: what is understood, what is refused, and that matching stays cheap.
"""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.task_kinds import MAX_TEXT, MAX_WAYS, UnreadableKind, read_kind


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (".*authentication.*", "Implemented JWT authentication with Redis", True),
        (".*AUTH.*", "OAuth", True),
        ("auth", "OAuth", False),
        ("auth.*", "an auth-flow", True),
        ("api", "rapid", False),
        ("implement_api", "Implement API for orders", True),
        ("implement.*api", "implement the orders api", True),
        ("implement.*api", "api, then implement", False),
        ("^fix|repair$", "fix the pump", True),
        ("^fix|repair$", "we fix the pump", False),
        ("^fix|repair$", "it needs repair", True),
        (".*(auth|login).*page", "the OAuth login page", True),
        (".*(?:auth|login)", "my login", True),
        ("^foo$", "Foo!", True),
        ("^foo$", "foo bar foo", False),
        ("^foo$", "foo foo", False),
        ("^foo bar$", "foo-bar", True),
        ("^(foo|bar)$", "bar", True),
        ("^(foo|bar)$", "foo bar", False),
        ("^foo.*foo$", "foo bar foo", True),
        ("^foo.*foo$", "foo", False),
        ("^$", "", True),
        ("^$", "anything", False),
        ("a.*b$", "a x b", True),
        ("a.*a$", "a", False),
        (".*", "anything at all", True),
        ("größe", "Die GRÖSSE zählt", True),
        ("fix (the|a) bug", "Fix the bug", True),
    ],
)
def test_a_kind_fits_as_its_pattern_reads(pattern: str, text: str, fits: bool) -> None:
    """The forms that people write mean what they look like, on words."""
    assert read_kind(pattern).fits(text) is fits


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "[a-z]",
        "a{3}",
        "((a))",
        r"\d",
        "a?",
        ".+",
        ".",
        "a^b",
        "a$b",
        ".*(",
        ")",
        "",
        "(?=a)",
    ],
)
def test_other_forms_are_refused_with_what_to_write_instead(pattern: str) -> None:
    """What is not understood is never guessed at."""
    with pytest.raises(UnreadableKind) as refused:
        read_kind(pattern)

    assert "characters" in str(refused.value) or ".*authentication.*" in str(refused.value)


def test_alternatives_cannot_be_multiplied_without_end() -> None:
    """Six groups of two are more ways than are tried."""
    with pytest.raises(UnreadableKind, match=str(MAX_WAYS)):
        read_kind("(a|b)" * 6)


def test_the_worst_pattern_on_the_worst_text_takes_milliseconds() -> None:
    """What brings a backtracking matcher to its knees is a few searches here."""
    kind = read_kind("|".join(["a.*" * 5 + "b$"] * 10))
    text = "a " * (MAX_TEXT // 2)

    started = time.perf_counter()
    fits = kind.fits(text)
    took = time.perf_counter() - started

    assert not fits
    assert took < 2


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No pattern ends in another error; a kind fits its own words, in any case and spacing."""
    try:
        kind = read_kind(text)
    except UnreadableKind:
        return

    for way in kind.ways:
        assert kind.fits(" ".join(piece.words for piece in way))
    assert kind.fits("a text") is kind.fits("A -- TEXT!")


_WORD = st.text("abc", min_size=1, max_size=3)


@given(st.lists(_WORD, min_size=1, max_size=4), st.lists(_WORD, max_size=8))
def test_gaps_match_as_a_regular_expression_would(wanted: list[str], words: list[str]) -> None:
    """`.*a.*b.*` finds what re finds, without running what was written."""
    pattern, text = ".*" + ".*".join(wanted) + ".*", " ".join(words)

    assert read_kind(pattern).fits(text) is bool(re.search(pattern, text))
