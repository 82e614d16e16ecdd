"""
What git made of a change, judged once more: a diff may have claimed something else.
"""

from __future__ import annotations

import pytest

from odyssey.adapters.git_tree import ABSENT, Entry, judge
from odyssey.domain.errors import ChangeRefused, ForbiddenPath
from odyssey.domain.policy import Limits

PLAIN = "100644"


def added(path: str) -> Entry:
    """A new text file of one line."""
    return Entry(path, ABSENT, PLAIN, 2, 1)


def deleted(path: str) -> Entry:
    """A file that is gone."""
    return Entry(path, PLAIN, ABSENT, 0, 1)


@pytest.mark.parametrize(
    "path", [".git/config", "a/../b", "src/con", "a\\b", "x\udcff", "a\u200bb", "/a", "GIT~1/x"]
)
def test_the_resulting_paths_are_judged(path: str) -> None:
    """
    By the same rules as the sent ones, for whatever reached the tree in another way.
    """
    with pytest.raises(ForbiddenPath):
        judge([added(path)], Limits(), base_paths=[])


def test_new_paths_must_fit_together() -> None:
    """
    Two that are one on systems that ignore case do not.
    """
    with pytest.raises(ForbiddenPath, match="ignore case"):
        judge([added("A.py"), added("a.py")], Limits(), base_paths=[])


@pytest.mark.parametrize(
    ("entries", "base_paths", "is_fine"),
    [
        ([added("src/B.py")], ["src/b.py"], False),
        ([added("SRC/c.py")], ["src/b.py"], False),
        ([added("src")], ["SRC/b.py"], False),
        ([added("caf\u0065\u0301.py")], ["caf\u00e9.py"], False),
        ([deleted("src/b.py"), added("src/B.py")], ["src/b.py"], True),
        ([deleted("src/b.py"), added("SRC/b.py")], ["src/b.py"], True),
        ([deleted("src/b.py"), added("SRC/b.py")], ["src/b.py", "src/c.py"], False),
        ([added("src/c.py")], ["src/b.py", "SRC/b.py"], True),
        ([deleted("src/b.py")], ["src/b.py", "src/B.py"], True),
        ([Entry("src/b.py", PLAIN, PLAIN, 2, 1)], ["src/b.py", "src/B.py"], True),
    ],
)
def test_new_paths_must_fit_beside_those_that_stay(
    entries: list[Entry], base_paths: list[str], is_fine: bool
) -> None:
    """
    What the base branch itself holds twice is not the change's fault.
    """
    if is_fine:
        assert judge(entries, Limits(), base_paths=base_paths) == len(entries)
    else:
        with pytest.raises(ChangeRefused, match="there already"):
            judge(entries, Limits(), base_paths=base_paths)
