"""
How several rankings become one.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.fusion import Candidate, Weights, fuse

_SCORE = st.floats(0, 50, allow_nan=False)
_SHARE = st.floats(-1, 2, allow_nan=False)
_CANDIDATES = st.lists(
    st.builds(
        Candidate,
        key=st.integers(0, 10**6),
        words=_SCORE,
        nearby=_SCORE,
        meaning=st.floats(-1, 1, allow_nan=False),
        time=_SHARE,
        actor=_SHARE,
        recency=_SHARE,
    ),
    max_size=30,
)


@given(_CANDIDATES)
def test_fusing_orders_and_loses_nobody(candidates: list[Candidate]) -> None:
    """As many come out as went in, best first, none below zero."""
    fused = fuse(candidates, Weights())

    scores = [one.score for one in fused]
    assert sorted(scores, reverse=True) == scores
    assert sorted(one.candidate.key for one in fused) == sorted(c.key for c in candidates)
    assert all(score >= 0 for score in scores)


@given(_CANDIDATES)
def test_boosts_are_capped(candidates: list[Candidate]) -> None:
    """No boost, however claimed, adds more than its weight."""
    weights = Weights()
    plain = {
        index: one.score
        for index, one in enumerate(_in_order(candidates, Weights(time=0, actor=0, recency=0)))
    }
    boosted = {index: one.score for index, one in enumerate(_in_order(candidates, weights))}

    cap = 1 + weights.time + weights.actor + weights.recency
    assert all(boosted[n] <= plain[n] * cap + 1e-9 for n in plain)
    assert all(boosted[n] >= plain[n] - 1e-9 for n in plain)


def _in_order(candidates: list[Candidate], weights: Weights) -> list:  # type: ignore[type-arg]
    fused = fuse(candidates, weights)
    places = {id(one.candidate): one for one in fused}
    return [places[id(candidate)] for candidate in candidates]


@given(_CANDIDATES, st.floats(0.1, 100))
def test_the_scale_of_an_arm_makes_no_difference(candidates: list[Candidate], by: float) -> None:
    """BM25 of a large store is not weighed more than that of a small one."""
    scaled = [
        Candidate(key=c.key, words=c.words * by, nearby=c.nearby, meaning=c.meaning)
        for c in candidates
    ]
    plain = [
        Candidate(key=c.key, words=c.words, nearby=c.nearby, meaning=c.meaning) for c in candidates
    ]

    left = [one.score for one in fuse(scaled, Weights())]
    right = [one.score for one in fuse(plain, Weights())]

    assert all(abs(a - b) < 1e-6 for a, b in zip(left, right, strict=True))


def test_a_better_match_in_every_arm_comes_first() -> None:
    """And says what found it, the strongest first."""
    good = Candidate(key=1, words=2, nearby=9, meaning=0.8)
    poor = Candidate(key=2, words=1, nearby=3, meaning=0.1)

    first, second = fuse([poor, good], Weights())

    assert (first.candidate.key, second.candidate.key) == (1, 2)
    assert first.matched == ("words nearby", "meaning", "words")
