"""
Core memory blocks: every change, its refusals, and compare-and-swap.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.blocks import (
    MAX_LIMIT,
    Append,
    Block,
    BlockChanged,
    BlockReadOnly,
    BlockRefused,
    Change,
    Configure,
    Patch,
    Replace,
    Restore,
    Rethink,
    changed,
    default_blocks,
    without_person,
)
from odyssey.domain.memory.scope import REPOSITORY, Scope

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BLOCK = Block(label="repository", value="Build with make.\nTest with tox.", updated_at=NOW)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=200)
CHANGES = st.one_of(
    st.builds(Append, text=TEXTS),
    st.builds(Rethink, value=TEXTS),
    st.builds(Replace, old=TEXTS, new=TEXTS, everywhere=st.booleans()),
    st.builds(Patch, diff=TEXTS),
    st.builds(
        Configure,
        value=st.none() | TEXTS,
        limit=st.none() | st.integers(-1, MAX_LIMIT + 1),
        read_only=st.none() | st.booleans(),
    ),
)


def after(change: Change, block: Block = BLOCK, *, expected: int | None = None) -> Block:
    """The block after *change*."""
    return changed(block, change, by="mona", at=NOW, expected=expected)


def test_append_puts_a_line_at_the_end() -> None:
    """On a line of its own; on the first where there is none."""
    assert after(Append(text="Lint with ruff.")).value.endswith("tox.\nLint with ruff.")
    assert after(Append(text="x"), replace(BLOCK, value="")).value == "x"


def test_replace_takes_what_is_there_once() -> None:
    """What is there twice is not guessed at."""
    block = after(Replace(old="tox", new="nox"))

    assert block.value == "Build with make.\nTest with nox."
    assert (block.version, block.updated_by, block.operation) == (2, "mona", "replace")
    assert after(Replace(old="with", new="by", everywhere=True)).value.count("by") == 2
    with pytest.raises(BlockRefused, match="2 times"):
        after(Replace(old="with", new="by"))
    with pytest.raises(BlockRefused, match="0 times"):
        after(Replace(old="cmake", new="make"))
    with pytest.raises(BlockRefused, match="0 times"):
        after(Replace(old="", new="make"))


def test_a_patch_is_applied_by_its_text() -> None:
    """Line numbers may be wrong; lines may not."""
    diff = "--- a\n+++ b\n@@ -70,2 +70,3 @@\n Build with make.\n-Test with tox.\n+Test with nox.\n"

    assert after(Patch(diff=diff)).value == "Build with make.\nTest with nox."
    assert after(Patch(diff="@@\n+Lint.")).value == f"{BLOCK.value}\nLint."


@pytest.mark.parametrize(
    "diff",
    ["", "no hunk", "@@\n-Test with nose.\n+x", "@@\n*odd", "-Build with make.", "@@\n-Test\n+x"],
)
def test_a_patch_that_does_not_apply_changes_nothing(diff: str) -> None:
    """Unknown lines, odd lines, no hunk."""
    with pytest.raises(BlockRefused):
        after(Patch(diff=diff))


@given(
    st.lists(st.sampled_from("abcdef"), max_size=12),
    st.lists(st.sampled_from("abcdef"), max_size=12),
)
def test_the_whole_diff_of_two_texts_leads_from_one_to_the_other(
    old: list[str], new: list[str]
) -> None:
    """With all lines as context a diff is unambiguous."""
    lines = difflib.unified_diff(old, new, n=99, lineterm="")
    diff = "\n".join(lines)
    block = replace(BLOCK, value="\n".join(old))
    if old == new or not old:
        return

    assert after(Patch(diff=diff), block).value == "\n".join(new)


def test_a_text_over_its_limit_is_refused_with_the_remedy() -> None:
    """The message has both numbers."""
    with pytest.raises(BlockRefused, match=r"2001 characters, and its limit is 2000.*archive"):
        after(Rethink(value="x" * 2001))
    with pytest.raises(BlockRefused, match="limit is 5"):
        after(Configure(limit=5))


def test_a_read_only_block_takes_settings_and_no_text() -> None:
    """It can be made writable again."""
    block = after(Configure(read_only=True))

    with pytest.raises(BlockReadOnly, match="read_only to false"):
        after(Append(text="x"), block)
    with pytest.raises(BlockReadOnly):
        after(Configure(value="x", read_only=False), block)
    assert after(Append(text="x"), after(Configure(read_only=False), block)).version == 4


def test_restore_brings_back_a_text_that_was_longer_than_the_limit_is_now() -> None:
    """It is a new version, not the old one again."""
    small = after(Configure(value="x", limit=5))

    block = after(Restore(old=BLOCK), small)

    assert (block.value, block.version) == (BLOCK.value, 3)


@given(CHANGES, st.integers(1, 5))
def test_nothing_is_changed_unless_the_version_is_the_expected_one(
    change: Change, expected: int
) -> None:
    """Whatever the change is."""
    if expected == BLOCK.version:
        return

    with pytest.raises(BlockChanged) as refused:
        after(change, expected=expected)

    assert refused.value.present == 1


@given(st.lists(CHANGES, max_size=8))
def test_versions_only_count_up_and_texts_stay_in_their_limit(changes: list[Change]) -> None:
    """Each change gives the next version, no version when it changes nothing, or is refused."""
    block = BLOCK
    for change in changes:
        try:
            following = after(change, block, expected=block.version)
        except (BlockRefused, BlockReadOnly):
            continue

        assert following is block or following.version == block.version + 1
        assert len(following.value) <= following.limit <= MAX_LIMIT
        block = following


@pytest.mark.parametrize("label", ["", "Persona", "a b", "../x", "x" * 51, "1st"])
def test_a_label_is_a_short_plain_word(label: str) -> None:
    """It stands in paths and prompts."""
    with pytest.raises(BlockRefused, match="label"):
        Block(label=label, value="", updated_at=NOW)


def test_only_a_repository_has_blocks_from_the_beginning() -> None:
    """Persona, repository, people."""
    labels = [block.label for block in default_blocks(REPOSITORY, at=NOW)]

    assert labels == ["persona", "repository", "people"]
    assert default_blocks(Scope.of_person("ada"), at=NOW) == ()


def test_lines_that_name_a_person_are_taken_out() -> None:
    """In any letter case, and not those of somebody whose login begins the same."""
    block = replace(BLOCK, value="@Ada likes tests\nada-b reviews\nask ADA.\nbob")

    assert without_person(block, "ada").value == "ada-b reviews\nbob"
    assert without_person(BLOCK, "ada") is BLOCK
