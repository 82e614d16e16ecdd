"""
Observations and what a model may do to them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.consolidation import Consolidated, Limits, consolidate
from odyssey.domain.memory.observation import (
    Observation,
    Source,
    Status,
    Trend,
    as_of,
    invalidated,
    latest,
    updated,
)
from odyssey.domain.memory.record import Record, Trust

NOW = datetime(2026, 3, 14, tzinfo=UTC)

_NAMES = ("actions", "action", "text", "sources", "confidence", "observation")
_ANSWERS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4)
    ),
)


def source(name: str, days_ago: float = 1) -> Source:
    """A record of some days ago."""
    return Source(NOW - timedelta(days=days_ago), name)


def observation(*sources: Source, key: str = "obs_1", text: str = "CI runs on push") -> Observation:
    """A first version."""
    return Observation(
        key=key,
        version=1,
        text=text,
        sources=sources or (source("a"),),
        confidence=0.8,
        scope="repository",
        created_at=NOW - timedelta(days=10),
    )


def record(name: str, trust: Trust = Trust.PERSON) -> Record:
    """A record that was shown to the model."""
    return Record(
        id=name, kind="comment", text="x", occurred_at=NOW, trust=trust, source="https://x.test"
    )


def answered(*actions: Any, limits: Limits | None = None) -> Consolidated:
    """What is done of the actions when `obs_1`, records a, b and an injected one were shown."""
    return consolidate(
        {"actions": list(actions)},
        current={"obs_1": observation()},
        records={"a": record("a"), "b": record("b"), "inj": record("inj", Trust.INJECTED)},
        scope="repository",
        limits=limits or Limits(),
        now=NOW,
    )


def action(name: str = "create", **changes: Any) -> dict[str, Any]:
    """An action that is fine but for *changes*."""
    right = {"action": name, "text": "Tests run on tags", "sources": ["b"], "confidence": 0.9}
    return {**right, **changes}


@pytest.mark.parametrize(
    ("days_ago", "trend"),
    [
        ([1, 2, 3], Trend.NEW),
        ([40, 50], Trend.STALE),
        ([1, 2, 3, 4, 60], Trend.STRENGTHENING),
        ([5, 40, 45, 50, 55, 60, 70, 80, 85], Trend.WEAKENING),
        ([5, 15, 40, 60, 75, 80], Trend.STABLE),
        ([-5, -1], Trend.NEW),
    ],
)
def test_the_trend_is_read_off_the_sources(days_ago: list[float], trend: Trend) -> None:
    """Nothing but their times decides."""
    one = observation(*(source(str(n), days) for n, days in enumerate(days_ago)))

    assert one.trend(now=NOW) is trend


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(-10, 400)), min_size=1))
def test_proof_is_the_number_of_different_sources(found: list[tuple[str, float]]) -> None:
    """However often a source is named; and every such observation has a trend."""
    one = observation(*(source(name, days) for name, days in found))

    assert one.proof_count == len({name for name, _ in found})
    assert one.trend(now=NOW) in Trend


def test_an_update_adds_a_version_and_keeps_the_one_before() -> None:
    """The same source again proves nothing more."""
    first = observation(source("a"))

    second, retired = updated(
        first, text="used to X, now Y", sources=[source("a"), source("b")], confidence=0.9, at=NOW
    )

    assert (second.version, second.proof_count, second.status) == (2, 2, Status.ACTIVE)
    assert (retired.version, retired.text, retired.status) == (1, first.text, Status.UPDATED)


def test_a_crash_between_the_two_writes_of_an_update_leaves_one_belief() -> None:
    """The new version is written first; then two are active and the higher one counts."""
    first = observation()
    second, retired = updated(first, text="now Y", sources=[], confidence=0.9, at=NOW)

    assert latest([first, second]) == latest([retired, second]) == [second]


def test_a_retired_version_cannot_be_updated() -> None:
    """A consolidation that was slow does not overwrite a newer one."""
    _, retired = updated(observation(), text="now Y", sources=[], confidence=0.9, at=NOW)

    with pytest.raises(ValueError, match="read the latest version"):
        updated(retired, text="now Z", sources=[], confidence=0.9, at=NOW)


def test_what_rests_on_other_sources_too_stays_but_must_be_judged_again() -> None:
    """Only what rests on nothing more is deleted."""
    both = invalidated(observation(source("a"), source("b")), {"a"}, at=NOW)
    alone = invalidated(observation(source("a")), {"a"}, at=NOW)
    untouched = invalidated(observation(source("a")), {"z"}, at=NOW)

    assert both is not None and alone is not None and untouched is None
    assert (both[0].status, both[0].is_fresh, both[0].proof_count) == (Status.ACTIVE, False, 1)
    assert (alone[0].status, alone[0].sources) == (Status.DELETED, ())
    assert latest([*both]) == [both[0]]
    assert latest([*alone]) == []


def test_the_past_can_be_asked_for() -> None:
    """What was believed before an update is still known."""
    first = observation()
    second, retired = updated(first, text="now Y", sources=[], confidence=0.9, at=NOW)

    before = as_of([retired, second], NOW - timedelta(days=1))

    assert [one.text for one in before] == [first.text]
    assert as_of([retired, second], NOW) == [second]
    assert as_of([retired, second], NOW - timedelta(days=99)) == []


def test_a_good_answer_is_done() -> None:
    """Create, update and delete, each as versions to store; skip is counted."""
    made = answered(action())
    changed = answered(action("update", observation="obs_1"))
    gone = answered(action("delete", observation="obs_1", reason="a mistake"))
    left = answered({"action": "skip"})

    assert [(one.version, one.text) for one in made.versions] == [(1, "Tests run on tags")]
    assert [one.version for one in changed.versions] == [2, 1]
    assert [one.status for one in gone.versions] == [Status.DELETED, Status.UPDATED]
    assert (left.versions, left.refused, left.skipped) == ((), (), 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (action("update", observation="obs_invented"), "no observation 'obs_invented'"),
        (action("delete", observation="obs_1"), "needs its reason"),
        (action(sources=["invented"]), "no record 'invented'"),
        (action(sources=["inj"]), "no record 'inj'"),
        (action(sources=[]), "names no source"),
        (action(confidence=0.2), "below 0.5"),
        (action(confidence="high"), "no number"),
        (action(confidence=True), "no number"),
        (action(text=" "), "1 to 500"),
        (action(text="x" * 501), "1 to 500"),
        (action("merge"), "'merge' is no action"),
        ("create", "no object"),
    ],
)
def test_a_bad_action_is_refused_with_its_reason(wrong: Any, said: str) -> None:
    """And the good one beside it is done."""
    done = answered(wrong, action())

    assert len(done.versions) == 1
    assert len(done.refused) == 1 and said in done.refused[0]


def test_two_actions_on_one_observation_are_one_too_many() -> None:
    """A model cannot delete what it has just updated."""
    done = answered(
        action("update", observation="obs_1"), action("delete", observation="obs_1", reason="no")
    )

    assert [one.version for one in done.versions] == [2, 1]
    assert "has an action already" in done.refused[0]


def test_actions_beyond_the_limit_are_refused() -> None:
    """A flood changes little."""
    flood = [action(text=f"fact {number}") for number in range(30)]

    done = answered(*flood, limits=Limits(max_actions=3))

    assert (len(done.versions), len(done.refused)) == (3, 27)


def test_the_same_answer_twice_makes_one_observation() -> None:
    """Its key follows from what it says."""
    [first] = answered(action()).versions
    [second] = answered(action(text="tests  run on TAGS")).versions

    assert first.key == second.key


@given(_ANSWERS)
def test_no_answer_of_a_model_raises(answer: Any) -> None:
    """It is refused."""
    done = consolidate(answer, current={}, records={}, scope="repository", limits=Limits(), now=NOW)

    assert done.versions == ()
