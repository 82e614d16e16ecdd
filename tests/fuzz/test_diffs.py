"""
Diffs, whole and mutilated: what Odyssey reads in one is what git makes of it, and nothing escapes.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fuzz.amount import fuzz
from fuzz.diffs import CONTENTS, MUTATIONS, NAMES, TAME_TREES, TREES, Mutation, Repository, together
from fuzz.markdown import BODIES
from odyssey.adapters.git_change import apply_patch
from odyssey.adapters.git_command import Git
from odyssey.domain.change import Files, Patch, changed_paths, check_change, hidden_in, normalise
from odyssey.domain.change_blocks import read_change
from odyssey.domain.comment_lines import find_calls
from odyssey.domain.errors import (
    ChangeRefused,
    ForbiddenPath,
    PatchDoesNotApply,
    UnreadableChange,
)
from odyssey.domain.policy import Limits
from odyssey.domain.unified_diff import scan_diff

WIDE = Limits(files=100, lines=100_000, file_bytes=1_000_000)


@pytest.fixture(scope="module")
def repository() -> Iterator[Repository]:
    """
    One for all examples: objects do no harm to each other.
    """
    with tempfile.TemporaryDirectory(prefix="odyssey-diffs-") as folder:
        yield Repository(Path(folder, "oracle.git"))


def is_outside(path: str) -> bool:
    """Whether *path* leaves the tree or reaches git's own, decided without Odyssey's rules."""
    parts = re.sub("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]", "", path).lower().split("/")
    return (
        path.startswith(("/", "~", "\\"))
        or any(each in ("", ".", "..") for each in parts)
        or any(each.rstrip(" .") in (".git", "git~1") for each in parts)
        or any(ord(each) < 32 for each in path)
    )


@fuzz("git", usual=25)
@given(before=TREES, after=TREES)
def test_what_git_diff_prints_is_read_as_git_means_it(
    repository: Repository, before: dict[str, str], after: dict[str, str]
) -> None:
    """Every path and every count of lines, with names that git must quote."""
    assume(together(before, after))
    old, new = repository.tree(before), repository.tree(after)
    assume(old != new)
    diffs = scan_diff(repository.diff(old, new, "--no-renames"))

    named = {path for each in diffs for path in each.named}
    counted = {each.after or each.before or "": (len(each.added), each.deletions) for each in diffs}
    assert named == repository.names(old, new)
    assert counted == repository.counts(old, new)


@fuzz("git", usual=25)
@given(before=TREES, name=NAMES, target=NAMES, content=CONTENTS)
def test_a_rename_names_both_its_ends(
    repository: Repository, before: dict[str, str], name: str, target: str, content: str
) -> None:
    """With rename detection on, as many people have it."""
    after = dict(before)
    before = {**before, name: content * 3}
    after[target] = content * 3
    after.pop(name, None) if name != target else None
    assume(together(before, after))
    old, new = repository.tree(before), repository.tree(after)
    assume(old != new)
    text = repository.diff(old, new, "-M", "-C", "--find-copies-harder")

    assert repository.names(old, new) <= set(changed_paths(Patch(text)))


@fuzz("git", usual=60)
@given(before=TAME_TREES, after=TAME_TREES, mutations=MUTATIONS)
def test_git_touches_only_paths_that_were_checked(
    repository: Repository,
    before: dict[str, str],
    after: dict[str, str],
    mutations: list[Mutation],
) -> None:
    """Whatever was done to it: where both take it, Odyssey has seen all that git then changes."""
    assume(together(before, after))
    old, new = repository.tree(before), repository.tree(after)
    lines = repository.diff(old, new).split("\n")
    for mutate in mutations:
        lines = mutate(lines)
    patch = normalise(Patch("\n".join(lines)))
    assert isinstance(patch, Patch)
    try:
        check_change(patch, WIDE)
        paths = changed_paths(patch)
        hidden_in(patch)
    except ChangeRefused:
        return
    assert [each for each in paths if is_outside(each)] == []
    made = repository.applied(old, patch.text)
    if made is not None:
        assert repository.names(old, made) <= set(paths)


ABORTS_GIT = (
    "diff --git a/b/a.py b/b/a.py\nnew\x8d\x99s file mode 100644\nindex 0000000..8843dfd\n"
    "--- /dev/null\n+++ b/b/a.py\n@@ -0,0 +1,2 @@\n+one\n+--- a/x\n\\ No newline at end of file\n"
)


async def test_a_diff_that_makes_git_itself_abort_is_one_that_does_not_apply(
    repository: Repository, tmp_path: Path
) -> None:
    """git 2.39 ends with SIGABRT on it (apply.c, check_preimage)."""
    index = str(tmp_path / "index")
    environment = {"GIT_DIR": str(repository.folder), "GIT_INDEX_FILE": index}
    git = Git(repository.folder, "", {**os.environ, **environment}, timedelta(minutes=1))
    await git("read-tree", repository.tree({"b/a.py": "two\n"}))
    check_change(Patch(ABORTS_GIT), WIDE)

    with pytest.raises(PatchDoesNotApply):
        await apply_patch(git, ABORTS_GIT)


@fuzz("pure", usual=100)
@given(st.text('ab/.\\"-+@ 0123456789,diff git\n\t\r', max_size=300) | st.text(max_size=300))
def test_no_text_makes_the_reading_of_a_diff_fail(text: str) -> None:
    """It is refused with words, or read."""
    for read in (changed_paths, hidden_in):
        try:
            read(Patch(text))
        except ChangeRefused as error:
            assert str(error)


@fuzz("pure", usual=100)
@given(st.dictionaries(st.text(max_size=30), st.none() | st.text(max_size=30), max_size=6))
def test_no_files_make_the_check_of_a_change_fail(contents: dict[str, str | None]) -> None:
    """And what passes is inside the tree."""
    try:
        check_change(Files(contents), WIDE)
    except ChangeRefused:
        return
    assert [each for each in contents if is_outside(each)] == []


@pytest.mark.parametrize("path", ["\ufeff", "\ufeffsrc/app.py", "src/\ufeffapp.py"])
def test_a_path_does_not_begin_with_a_mark_that_nobody_sees(path: str) -> None:
    """It would be another file than the one it looks like; on HFS+ it is the very same one."""
    with pytest.raises(ForbiddenPath, match="cannot be seen"):
        check_change(Files({path: "x"}), WIDE)


@fuzz("pure", usual=50)
@given(BODIES)
def test_no_blocks_make_the_reading_of_a_change_fail(body: str) -> None:
    """A change, none, or why it cannot be read."""
    for call in find_calls("/odyssey propose x\n\n" + body):
        try:
            change = read_change(call.blocks)
        except UnreadableChange as error:
            assert str(error)
            continue
        assert change is None or isinstance(change, Patch | Files)


@pytest.mark.parametrize(
    "line",
    [
        "+", "-", " ", "@@ -1 +1 @@", "diff --git a/x b/x", '+++ "b/' + "\\1" * 50, "\\",
        "rename from a", "diff --git " + "a/x " * 20, "index 0..0", "x" * 200, "--- a/a\n+++ b/a",
        "diff --git a/x b/x\nnew file mode 100644", "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+b",
    ],
)  # fmt: skip
def test_the_largest_diff_is_read_in_time(line: str) -> None:
    """Ten million characters of one pattern: refused or read within seconds."""
    text = (line + "\n") * (2_000_000 // (len(line) + 1))
    began = time.process_time()
    try:
        check_change(Patch(text), WIDE)
    except ChangeRefused as error:
        assert len(str(error)) < 2_000

    assert time.process_time() - began < 4
