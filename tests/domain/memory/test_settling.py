"""
What was decided on yesterday's observations is written on today's, or not at all.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from odyssey.domain.errors import Conflict
from odyssey.domain.memory.observation import Observation, Source, Status, deleted, updated
from odyssey.domain.memory.settling import refreshed, settle

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def believed(key: str, *sources: str, text: str = "it is slow") -> Observation:
    """A first version that rests on *sources*."""
    return Observation(
        key=key, version=1, text=text, sources=tuple(Source(NOON, each) for each in sources),
        confidence=0.8, scope="repository", created_at=NOON,
    )  # fmt: skip


def test_an_observation_that_changed_meanwhile_is_not_overwritten() -> None:
    """An update of version 1 is no update of version 2: everything is judged again."""
    shown = believed("a", "c1")
    present, _ = updated(shown, text="newer", sources=(), confidence=0.9, at=LATER)
    decided = updated(shown, text="older", sources=(), confidence=0.9, at=LATER)

    with pytest.raises(Conflict, match="judged again"):
        settle(decided, shown={"a": shown}, present={"a": present}, at=LATER)


def test_an_observation_that_was_forgotten_meanwhile_does_not_come_back() -> None:
    """What is gone from the notebook is not written again."""
    shown = believed("a", "c1")
    decided = updated(shown, text="x", sources=(), confidence=0.9, at=LATER)

    with pytest.raises(Conflict):
        settle(decided, shown={"a": shown}, present={}, at=LATER)


def test_what_is_there_already_gets_another_proof() -> None:
    """The same sentence made again is no second observation."""
    there = believed("a", "c1")

    versions = settle([believed("a", "c2")], shown={}, present={"a": there}, at=LATER)

    assert [(one.version, one.proof_count, one.status) for one in versions] == [
        (2, 2, Status.ACTIVE),
        (1, 1, Status.UPDATED),
    ]


def test_the_same_sentence_of_the_same_records_changes_nothing() -> None:
    """A repetition is a repetition."""
    there = believed("a", "c1")

    assert settle([believed("a", "c1")], shown={}, present={"a": there}, at=LATER) == []


def test_what_was_deleted_may_become_true_again() -> None:
    """As the next version, so that its history stays one."""
    last, _ = deleted(believed("a", "c1"), reason="wrong", at=NOON)

    [version] = settle([believed("a", "c2")], shown={}, present={"a": last}, at=LATER)

    assert (version.version, version.status) == (3, Status.ACTIVE)


def test_only_what_was_judged_is_fresh_again() -> None:
    """A model that never saw the sources that are left has judged nothing."""
    stale = dataclasses.replace(believed("a", "c1"), is_fresh=False)

    assert refreshed([stale], touched=(), seen=["c9"], at=LATER) == []
    assert refreshed([stale], touched=["a"], seen=["c1"], at=LATER) == []
    assert refreshed([stale], touched=(), seen=["c1"], at=LATER)[0].is_fresh
