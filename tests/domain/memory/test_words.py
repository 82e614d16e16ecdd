"""
How text becomes terms, keys and pieces.
"""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.chunks import MAX_CHUNKS, MAX_WORDS, chunks
from odyssey.domain.memory.keys import date_terms, own_terms, said, window_terms
from odyssey.domain.memory.record import Record, Trust
from odyssey.domain.memory.stemming import stem
from odyssey.domain.memory.terms import identifiers, terms

# SQLite tries no suffix that is the whole word, and so takes the -ed off "eed"; Porter's paper
# takes the longest suffix that fits, finds nothing before it, and leaves the word.
_WORD = st.text("abcdefghilmnorstuvyz", min_size=1, max_size=14).filter(lambda word: word != "eed")


@given(st.lists(_WORD, min_size=1, max_size=30, unique=True))
def test_stems_are_those_of_sqlite(words: list[str]) -> None:
    """Two programs that follow Porter's paper agree on every word."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (w, tokenize='porter ascii')")
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, 'instance')")
    connection.executemany(
        "INSERT INTO t (rowid, w) VALUES (?, ?)", list(enumerate(words, start=1))
    )
    theirs = dict(connection.execute("SELECT doc, term FROM v").fetchall())
    connection.close()

    assert {n: stem(word) for n, word in enumerate(words, start=1)} == theirs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The validations were VALIDATED", ["valid", "valid"]),
        ("She didn't; it's Melanie’s café", ["melani", "cafe"]),
        ("in May 2023", ["mai", "2023"]),
        ("日本語", ["日本", "本語"]),
        ("", []),
        ("?!… \U0001f600", []),
    ],
)
def test_terms_are_stems_without_the_words_that_say_nothing(text: str, expected: list[str]) -> None:
    """Accents and contractions make no difference; writing without spaces becomes pairs."""
    assert terms(text) == expected


def test_names_that_prose_breaks_apart_are_kept_whole() -> None:
    """Paths, symbols and numbers of issues, each once."""
    text = "See app/odyssey/gate.py and head_sha in #41; gate.evaluate, again head_sha. E.g. e-mail"

    assert identifiers(text)[:4] == ["app/odyssey/gate.py", "head_sha", "#41", "gate.evaluate"]


@given(st.text(max_size=300))
def test_any_text_has_terms_without_spaces(text: str) -> None:
    """Terms are stored joined by spaces."""
    found = [*terms(text), *identifiers(text)]

    assert " ".join(found).split() == found


@given(st.lists(st.text("ab é", max_size=2_000), max_size=30))
def test_pieces_are_short_enough_and_few_enough(parts: list[str]) -> None:
    """For the model and for the machine."""
    pieces = chunks(" ".join(parts))

    assert 1 <= len(pieces) <= MAX_CHUNKS
    assert all(len(piece.split()) <= MAX_WORDS and len(piece) <= 1_501 for piece in pieces)


def test_pieces_overlap_and_leave_nothing_out() -> None:
    """A sentence cut in two is whole in one of them."""
    words = [f"w{n}" for n in range(700)]

    pieces = chunks(" ".join(words))

    assert {word for piece in pieces for word in piece.split()} == set(words)
    assert set(pieces[0].split()) & set(pieces[1].split())


def test_a_key_has_its_own_words_most_and_near_ones_more_than_far_ones() -> None:
    """Three, two, one; and the day."""
    moment = datetime(2023, 5, 8, tzinfo=UTC)

    key = window_terms(
        ["own"], before=[["near"], ["far"], ["beyond"]], after=[["next"]], moment=moment
    )

    counts = {term: key.count(term) for term in ("own", "near", "far", "beyond", "next")}
    assert counts == {"own": 3, "near": 2, "far": 1, "beyond": 0, "next": 2}
    assert set(date_terms(moment)) <= set(key)


def test_a_record_is_found_by_actor_caption_title_and_files() -> None:
    """Not by its text alone."""
    kept = Record(
        id="1",
        kind="comment",
        text="look at this",
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        trust=Trust.PERSON,
        source="https://x.test",
        actor="melanie",
        attributes={"caption": "a sunset painting", "title": "Art", "files": "src/art.py"},
    )

    assert said(kept) == "melanie: look at this [a sunset painting]"
    assert {"melani", "sunset", "paint", "art", "src/art.py"} <= set(own_terms(kept))


@pytest.mark.parametrize("piece", ["a", "a.", "_", "#", "a-", "é", "日", "don't", "/"])
def test_a_megabyte_of_anything_is_read_in_a_moment(piece: str) -> None:
    """No pattern goes back over what it has read."""
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    terms(text)
    identifiers(text)
    chunks(text)

    assert time.process_time() - start < 20
