"""
How several rankings become one.
"""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.fusion import Candidate, Fused, Weights, fuse

_SCORE = st.one_of(st.just(0.0), st.floats(0.01, 50))
_SHARE = st.floats(-1, 2, allow_nan=False)
_CANDIDATES = st.lists(
    st.builds(
        Candidate,
        key=st.integers(0, 10**6),
        words=_SCORE,
        nearby=_SCORE,
        meaning=st.one_of(st.floats(-1, -0.01), st.just(0.0), st.floats(0.01, 1)),
        time=_SHARE,
        actor=_SHARE,
    ),
    max_size=30,
)


@given(_CANDIDATES)
def test_fusing_orders_and_loses_nobody_who_matches(candidates: list[Candidate]) -> None:
    """Whoever matches comes out, best first, nobody twice."""
    fused = _all(candidates, Weights())

    scores = [one.score for one in fused]
    matching = [c for c in candidates if max(c.words, c.nearby, c.meaning, c.meaning_nearby) > 0]
    assert sorted(scores, reverse=True) == scores
    assert sorted(one.candidate.key for one in fused) == sorted(c.key for c in matching)
    assert all(score > 0 and one.matched for score, one in zip(scores, fused, strict=True))


@given(_CANDIDATES, st.integers(0, 5))
def test_a_limit_cuts_the_end_off(candidates: list[Candidate], limit: int) -> None:
    """What remains is what would have come first anyway."""
    assert fuse(candidates, Weights(), limit=limit) == _all(candidates, Weights())[:limit]


@given(_CANDIDATES)
def test_boosts_are_capped(candidates: list[Candidate]) -> None:
    """No boost, however claimed, adds more than its weight."""
    weights = Weights()
    plain = _by_candidate(candidates, Weights(time=0, actor=0))
    boosted = _by_candidate(candidates, weights)

    cap = 1 + weights.time + weights.actor
    assert all(plain[n] - 1e-9 <= boosted[n] <= plain[n] * cap + 1e-9 for n in plain)


@given(_CANDIDATES, st.floats(0.1, 100))
def test_the_scale_of_an_arm_makes_no_difference(candidates: list[Candidate], by: float) -> None:
    """BM25 of a large store is not weighed more than that of a small one."""
    scaled = [dataclasses.replace(one, words=one.words * by) for one in candidates]

    left = [one.score for one in _all(scaled, Weights())]
    right = [one.score for one in _all(candidates, Weights())]

    assert all(abs(a - b) < 1e-6 for a, b in zip(left, right, strict=True))


@given(_CANDIDATES)
def test_relevance_is_a_share_before_the_boosts(candidates: list[Candidate]) -> None:
    """1 is the best in every arm, also where an arm found nothing: thresholds can be set on it."""
    fused = _all(candidates, Weights(time=0, actor=0))

    assert all(0 < one.score <= 1 + 1e-9 for one in fused)
    assert _all([Candidate(key=1, words=3)], Weights())[0].score == 1.0


@given(_CANDIDATES, st.integers(0, 29), st.floats(0.01, 20))
def test_more_in_an_arm_never_lowers_a_place(
    candidates: list[Candidate], index: int, more: float
) -> None:
    """What matches better than before comes no later than before."""
    if not candidates:
        candidates = [Candidate(key=0, words=1)]
    index %= len(candidates)
    named = [dataclasses.replace(one, key=n) for n, one in enumerate(candidates)]
    better = dataclasses.replace(named[index], nearby=named[index].nearby + more)
    raised = [better if n == index else one for n, one in enumerate(named)]

    before = {one.candidate.key: one.score for one in _all(named, Weights())}
    after = {one.candidate.key: one.score for one in _all(raised, Weights())}

    passed = {key for key, score in before.items() if score <= before.get(index, 0.0)}
    assert all(after[key] <= after[index] + 1e-9 for key in passed)


def test_a_better_match_in_every_arm_comes_first() -> None:
    """And says what found it, the strongest first."""
    good = Candidate(key=1, words=2, nearby=9, meaning=0.8)
    poor = Candidate(key=2, words=1, nearby=3, meaning=0.1)

    first, second = _all([poor, good], Weights())

    assert (first.candidate.key, second.candidate.key) == (1, 2)
    assert first.matched == ("words nearby", "meaning", "words")


def _all(candidates: list[Candidate], weights: Weights) -> list[Fused]:
    return fuse(candidates, weights, limit=len(candidates))


def _by_candidate(candidates: list[Candidate], weights: Weights) -> dict[int, float]:
    return {id(one.candidate): one.score for one in _all(candidates, weights)}
