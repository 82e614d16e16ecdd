"""
What a question says about time and people.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.asking import MAX_TERMS, ask
from odyssey.domain.memory.time_window import (
    TimeWindow,
    find_window,
    read_window,
    window_text,
)

NOW = datetime(2026, 3, 14, 12, 30, tzinfo=UTC)


def day(text: str) -> datetime:
    """Midnight at the beginning of an ISO date."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What was merged on 2026-02-03?", "2026-02-03", "2026-02-04"),
        ("and in 2025-12", "2025-12-01", "2026-01-01"),
        ("What did Ada do on 8 May, 2023?", "2023-05-08", "2023-05-09"),
        ("the 3rd of March 2024", "2024-03-03", "2024-03-04"),
        ("on December 24th", "2025-12-24", "2025-12-25"),
        ("Which proposals failed in January?", "2026-01-01", "2026-02-01"),
        ("What happened in May 2024", "2024-05-01", "2024-06-01"),
        ("August, 2023 plans", "2023-08-01", "2023-09-01"),
        ("what broke in 2024", "2024-01-01", "2024-12-31"),
        ("what failed yesterday?", "2026-03-13", "2026-03-14"),
        ("and today", "2026-03-14", "2026-03-15"),
        ("last week", "2026-02-28", "2026-03-14"),
        ("two weeks ago", "2026-02-24", "2026-03-05"),
    ],
)
def test_a_time_that_is_named_is_understood(question: str, start: str, end: str) -> None:
    """As people write it."""
    window = find_window(question, now=NOW)

    assert window is not None
    assert day(start) <= window.start + timedelta(hours=12) <= day(start) + timedelta(days=1)
    assert abs(window.end - day(end)) <= timedelta(days=1)


@pytest.mark.parametrize(
    "question",
    [
        "May I merge this?",
        "Who may approve?",
        "run 2024 of the tests",
        "on 2026-13-01",
        "31 February 2024",
        "the March release notes of marching bands",
        "",
    ],
)
def test_what_names_no_time_gives_no_window(question: str) -> None:
    """A verb is no month; a date that is none is ignored."""
    assert find_window(question, now=NOW) is None


@given(st.text(max_size=200))
def test_any_question_can_be_asked(text: str) -> None:
    """And costs a bounded number of terms."""
    question = ask(text, now=NOW)

    assert len(question.terms) <= MAX_TERMS
    assert len(set(question.terms)) == len(question.terms)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("The freeze ends on 3 May", "2026-05-03"),
        ("since November", "2025-11-01"),
        ("in March", "2026-03-01"),
        ("released on 24 December 2023", "2023-12-24"),
    ],
)
def test_what_is_spoken_of_may_be_yet_to_come(text: str, start: str) -> None:
    """A month without a year is the nearest."""
    window = find_window(text, now=NOW, nearest=True)

    assert window is not None
    assert window.start == day(start)


@pytest.mark.parametrize(
    ("now", "question"),
    [
        ("2026-04-10", "When in May does the freeze end?"),
        ("2026-04-10", "What is on 3 May?"),
        ("2026-05-20", "What ended in May?"),
        ("2026-08-01", "What ended in May 2026?"),
    ],
)
def test_a_question_is_about_what_was_said_to_come(now: str, question: str) -> None:
    """Whether it is asked before that time or after it, and not a year off."""
    said = find_window("The freeze ends on 3 May", now=NOW, nearest=True)
    assert said is not None
    asked = ask(question, now=day(now))
    earlier = TimeWindow(day("2024-05-03"), day("2024-05-04"))

    assert asked.is_about_mention(said) == 1
    assert asked.is_about_mention(earlier) == 0


def test_a_window_is_read_as_it_was_written() -> None:
    """Of anything else nothing is read: it may have come with an import."""
    window = TimeWindow(day("2026-05-03"), day("2026-05-04"))

    assert read_window(window_text(window)) == window
    for text in ("", "2026-05-03/2026-05-04", "yesterday", "a/b/c"):
        assert read_window(text) is None


@given(st.integers(-4_000, 4_000), st.integers(1, 400))
def test_two_windows_are_as_near_as_their_nearest_moments(days: int, length: int) -> None:
    """1 where they overlap, less where they do not."""
    window = TimeWindow(day("2026-01-01"), day("2026-02-01"))
    start = window.start + timedelta(days=days)
    other = TimeWindow(start, start + timedelta(days=length))
    share = window.share_of(other)

    assert (share == 1) == (other.start < window.end and other.end > window.start)
    assert 0 <= share <= 1


@given(st.integers(-4_000, 4_000))
def test_a_window_raises_and_never_excludes(days: int) -> None:
    """Its share is 1 inside, less outside, never below 0."""
    window = TimeWindow(day("2026-01-01"), day("2026-02-01"))
    moment = day("2026-01-15") + timedelta(days=days)

    share = window.share(moment)

    assert 0.0 <= share <= 1.0
    assert (share == 1.0) == (window.start <= moment < window.end)


def test_a_question_names_an_actor_by_any_part_of_the_name() -> None:
    """Login or first name."""
    question = ask("What does Melanie think of caching?", now=NOW)

    assert question.names("Melanie") == 1.0
    assert question.names("melanie-k") == 1.0
    assert question.names("Ada") == 0.0
    assert question.names(None) == 0.0
