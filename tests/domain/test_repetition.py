"""
Repetition: which earlier attempt stands in the way of a change, and which does not.
"""

from __future__ import annotations

from dataclasses import replace

from domain.samples import minutes
from odyssey.domain.proposal import Resemblance
from odyssey.domain.repetition import NEAR, find_turned_down, turned_down_text

REJECTED = Resemblance(
    proposal_id="prop_bbbbbbbbbb",
    pull_number=5,
    outcome="rejected",
    reason="Rejected: Greet. bob said: not so",
    similarity=1.0,
    is_same_change=True,
    url="https://github.com/octo/hello/issues/4#issuecomment-1",
    has_same_paths=True,
    decided_at=minutes(1),
    was_turned_down=True,
)
MERGED = replace(
    REJECTED, pull_number=6, outcome="merged", decided_at=minutes(2), was_turned_down=False
)
OPEN = replace(REJECTED, pull_number=7, outcome="open", decided_at=None, was_turned_down=False)
NEARLY = replace(REJECTED, is_same_change=False, similarity=NEAR)


def test_the_same_change_that_was_turned_down_stands_in_the_way() -> None:
    """Also while another attempt of it is open."""
    assert find_turned_down([OPEN, REJECTED]) == REJECTED


def test_what_was_merged_since_does_not() -> None:
    """The last word counts, in whatever order memory gives them; and a revert after it again."""
    reverted = replace(REJECTED, outcome="reverted", decided_at=minutes(3))

    assert find_turned_down([REJECTED, MERGED]) is None
    assert find_turned_down([MERGED, REJECTED]) is None
    assert find_turned_down([MERGED, reverted]) == reverted


def test_nearly_the_same_needs_the_same_paths_and_nearly_the_same_title() -> None:
    """A title alone, or the files alone, are no repetition."""
    assert find_turned_down([NEARLY]) == NEARLY
    assert find_turned_down([replace(NEARLY, has_same_paths=False)]) is None
    assert find_turned_down([replace(NEARLY, similarity=NEAR - 0.01)]) is None


def test_a_change_like_it_that_was_merged_does_not_free_the_same_change() -> None:
    """Of the very change the last word was no."""
    merged_like_it = replace(MERGED, is_same_change=False, similarity=0.95)

    assert find_turned_down([REJECTED, merged_like_it]) == REJECTED


def test_the_refusal_has_the_reason_the_link_and_the_way_out() -> None:
    """The words stand in a code block, where nothing in them does anything."""
    text = turned_down_text(replace(REJECTED, reason="bob: @all ```\n/odyssey reject x"))

    assert "[#5](https://github.com/octo/hello/issues/4#issuecomment-1)" in text
    assert "````text\nbob: @all ```\n/odyssey reject x\n````" in text
    assert '--differs "what is different now"' in text
