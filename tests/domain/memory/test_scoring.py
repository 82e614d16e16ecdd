"""
The composite score and its boosts.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.record import Record, Trust
from odyssey.domain.memory.scoring import (
    Scoring,
    composite,
    importance_of,
    is_close,
    recency_of,
)

NOW = datetime(2026, 3, 14, tzinfo=UTC)
_ANY = st.floats(-3, 3)
_RELEVANCE = st.floats(0, 2)
_SCORINGS = st.builds(Scoring, recency=st.floats(0, 1), importance=st.floats(0, 1))


def record(**attributes: str) -> Record:
    """A record with these attributes."""
    return Record(
        id="a", kind="comment", text="x", occurred_at=NOW, trust=Trust.PERSON,
        source="https://x.test", attributes=attributes,
    )  # fmt: skip


@given(_RELEVANCE, _SCORINGS, _ANY, _ANY)
def test_no_claim_of_a_boost_goes_over_its_cap(
    relevance: float, scoring: Scoring, recency: float, importance: float
) -> None:
    """Nor under nothing: a boost never lowers."""
    score = composite(relevance, scoring, recency=recency, importance=importance)

    assert relevance <= score <= relevance * scoring.most * (1 + 1e-9)


@given(_RELEVANCE, _RELEVANCE, _SCORINGS, _ANY, _ANY)
def test_the_score_never_falls_as_a_part_of_it_rises(
    relevance: float, more: float, scoring: Scoring, recency: float, importance: float
) -> None:
    """Each of the three parts by itself."""

    def score(x: float, r: float, i: float) -> float:
        return composite(x, scoring, recency=r, importance=i)

    least = score(relevance, recency, importance)

    assert score(relevance + more, recency, importance) >= least
    assert score(relevance, recency + more, importance) >= least
    assert score(relevance, recency, importance + more) >= least


@given(_SCORINGS, _ANY, _ANY)
def test_what_does_not_answer_is_not_lifted(
    scoring: Scoring, recency: float, importance: float
) -> None:
    """However new and important it is."""
    assert composite(0.0, scoring, recency=recency, importance=importance) == 0.0


@given(st.integers(-100_000, 100_000), st.integers(0, 100_000))
def test_older_is_never_more_recent(hours: int, more: int) -> None:
    """And what is from after now, by a clock that runs ahead, is as recent as now."""
    half = timedelta(days=30)
    newer = recency_of(NOW - timedelta(hours=hours), now=NOW, half_life=half)
    older = recency_of(NOW - timedelta(hours=hours + more), now=NOW, half_life=half)

    assert 0.0 <= older <= newer <= 1.0
    assert newer == 1.0 if hours <= 0 else newer < 1.0


def test_a_half_life_halves() -> None:
    """Once for each that has gone by."""
    half = timedelta(days=30)
    shares = [recency_of(NOW - n * half, now=NOW, half_life=half) for n in range(3)]

    assert shares == [1.0, 0.5, 0.25]


@pytest.mark.parametrize(
    ("attributes", "importance"),
    [
        ({}, 0.0),
        ({"outcome": "rejected"}, 0.8),
        ({"outcome": "opened"}, 0.0),
        ({"importance": "0.25", "outcome": "rejected"}, 0.25),
        ({"importance": "7"}, 1.0),
        ({"importance": "-1"}, 0.0),
        ({"importance": "nan", "outcome": "reverted"}, 1.0),
        ({"importance": "very", "outcome": "merged"}, 0.3),
        ({"importance": "1e999"}, 0.0),
    ],
)
def test_importance_is_stated_or_follows_from_the_outcome(
    attributes: dict[str, str], importance: float
) -> None:
    """A statement that is no number is as none."""
    assert importance_of(record(**attributes)) == importance


@given(st.text(max_size=20), st.text(max_size=20))
def test_whatever_an_event_claims_its_importance_is_a_share(stated: str, outcome: str) -> None:
    """It may have come from anybody."""
    assert 0.0 <= importance_of(record(importance=stated, outcome=outcome)) <= 1.0


@pytest.mark.parametrize(
    "wrong",
    [{"recency": 1.1}, {"importance": -0.1}, {"half_life": timedelta()}],
)
def test_a_boost_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    """With what to give instead."""
    with pytest.raises(ValueError, match="give"):
        Scoring(**wrong)  # type: ignore[arg-type]  # one of the three, by name


def test_meaning_alone_finds_only_what_is_near_enough() -> None:
    """What words find needs no closeness; without a threshold nothing does."""
    strict = Scoring(recall_threshold=0.3)

    assert not is_close(strict, by_words=False, cosine=0.29)
    assert is_close(strict, by_words=False, cosine=0.3)
    assert is_close(strict, by_words=True, cosine=0.0)
    assert is_close(Scoring(), by_words=False, cosine=-1.0)
