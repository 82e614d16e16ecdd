"""
Merging, rebasing and reverting with real git, on histories made to mislead.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.git_workshop import Workshop
from odyssey.adapters.git_merge import (
    author_of,
    merge_tree,
    merged,
    rebased,
    reversed_tree,
)
from odyssey.domain.errors import MergeConflict, NotProposable

LINES = "".join(f"line {number}\n" for number in range(1, 41))
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOT = author_of("odyssey[bot]", AT)


def changed(*numbers: int, by: str = "changed") -> str:
    """The forty lines with some of them changed."""
    lines = LINES.splitlines(keepends=True)
    for number in numbers:
        lines[number - 1] = f"{by} {number}\n"
    return "".join(lines)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """
    An empty repository.
    """
    return Workshop.open(tmp_path / "repository.git")


async def test_changes_in_different_places_are_put_together(workshop: Workshop) -> None:
    """
    A clean merge has both.
    """
    start = workshop.commit({"a.txt": LINES})
    ours = workshop.commit({"a.txt": changed(3)}, start)
    theirs = workshop.commit({"a.txt": changed(30), "b.txt": "new\n"}, start)

    merging = await merge_tree(workshop.git, ours, theirs)

    assert merging.conflicts == ()
    assert merging.tree is not None
    assert workshop.read(merging.tree, "a.txt") == changed(3, 30).strip()
    assert workshop.read(merging.tree, "b.txt") == "new"


async def test_changes_in_one_place_conflict_and_the_files_are_named(workshop: Workshop) -> None:
    """
    By their whole paths, without quoting, each once, and no tree with markers comes back.
    """
    start = workshop.commit({"a.txt": LINES, "src/ü b.txt": LINES, "c.txt": LINES})
    ours = workshop.commit({"a.txt": changed(3), "src/ü b.txt": changed(3)}, start)
    theirs = workshop.commit(
        {"a.txt": changed(3, by="other"), "src/ü b.txt": None, "c.txt": changed(1)}, start
    )

    merging = await merge_tree(workshop.git, ours, theirs)

    assert merging.tree is None
    assert sorted(merging.conflicts) == ["a.txt", "src/ü b.txt"]


async def test_a_path_that_is_no_text_is_named_as_well_as_it_can_be(workshop: Workshop) -> None:
    """
    Bytes that are no UTF-8 become replacement characters: names are stored and shown.
    """
    name = b"caf\xe9.txt".decode(errors="surrogateescape")
    trees = []
    for text in (LINES, changed(3), changed(3, by="other")):
        blob = workshop.run("hash-object", "-w", "--stdin", stdin=text.encode())
        row = f"100644 blob {blob}\t{name}\0".encode(errors="surrogateescape")
        trees.append(workshop.run("mktree", "-z", stdin=row))
    start = workshop.run("commit-tree", trees[0], "-m", "start")
    ours, theirs = (
        workshop.run("commit-tree", each, "-p", start, "-m", "change") for each in trees[1:]
    )

    merging = await merge_tree(workshop.git, ours, theirs)

    assert merging.conflicts == ("caf\ufffd.txt",)


async def test_attributes_of_the_repository_change_no_merge(
    workshop: Workshop, tmp_path: Path
) -> None:
    """
    Neither `merge=union`, which would join what conflicts, nor a driver that runs a program.
    """
    marker = tmp_path / "ran"
    workshop.run("config", "merge.evil.driver", f"touch {marker}; true")
    attributes = "u.txt merge=union\ne.txt merge=evil\nb.txt -merge\n* filter=evil diff=evil\n"
    start = workshop.commit(
        {".gitattributes": attributes, "u.txt": LINES, "e.txt": LINES, "b.txt": LINES}
    )
    one, two = (changed(3, by=each) for each in ("one", "two"))
    ours = workshop.commit({"u.txt": one, "e.txt": one, "b.txt": changed(3)}, start)
    theirs = workshop.commit({"u.txt": two, "e.txt": two, "b.txt": changed(30)}, start)
    workshop.run("update-ref", "HEAD", ours)

    merging = await merge_tree(workshop.git, ours, theirs)

    assert sorted(merging.conflicts) == ["e.txt", "u.txt"]
    assert not marker.exists()


async def test_symlinks_and_submodules_are_only_names_and_contents(workshop: Workshop) -> None:
    """
    A link is never followed, a submodule never opened; one that moved on both sides conflicts.
    """
    one, two, three = ("1" * 40, "2" * 40, "3" * 40)
    start = workshop.commit(
        {"a.txt": LINES, "link": ("120000", "/etc/passwd"), "module": ("160000", one)}
    )
    ours = workshop.commit({"a.txt": changed(3), "module": ("160000", two)}, start)
    theirs = workshop.commit({"link": ("120000", "/etc/shadow")}, start)
    other = workshop.commit({"module": ("160000", three)}, start)

    clean = await merge_tree(workshop.git, ours, theirs)
    conflict = await merge_tree(workshop.git, ours, other)

    assert clean.tree is not None
    assert workshop.read(clean.tree, "link") == "/etc/shadow"
    assert conflict.conflicts == ("module",)


async def test_a_link_that_takes_a_folders_place_conflicts(workshop: Workshop) -> None:
    """
    Otherwise a file below the folder would be written through the link.
    """
    start = workshop.commit({"folder/a.txt": LINES})
    ours = workshop.commit({"folder/a.txt": changed(3)}, start)
    theirs = workshop.commit({"folder/a.txt": None, "folder": ("120000", "/tmp")}, start)

    merging = await merge_tree(workshop.git, ours, theirs)

    assert merging.tree is None
    assert merging.conflicts != ()


async def test_a_thousand_conflicts_are_said_in_one_line(workshop: Workshop) -> None:
    """
    The first ten are named and the rest counted.
    """
    names = [f"f{number:04}.txt" for number in range(1000)]
    start = workshop.commit(dict.fromkeys(names, "start\n"))
    ours = workshop.commit(dict.fromkeys(names, "ours\n"), start)
    theirs = workshop.commit(dict.fromkeys(names, "theirs\n"), start)

    with pytest.raises(MergeConflict) as caught:
        await merged(
            workshop.git, head_sha=ours, base_sha=theirs, base_branch="main", message="m",
            author=BOT,
        )  # fmt: skip

    assert "`f0009.txt` and 990 more" in str(caught.value)
    assert "f0010" not in str(caught.value)
    assert len(caught.value.paths) == 100


async def test_a_change_follows_a_file_that_was_renamed(workshop: Workshop) -> None:
    """
    As `git merge` does it; a file renamed to two names conflicts.
    """
    start = workshop.commit({"old.txt": LINES})
    ours = workshop.commit({"old.txt": changed(3)}, start)
    theirs = workshop.commit({"old.txt": None, "new.txt": LINES}, start)
    elsewhere = workshop.commit({"old.txt": None, "third.txt": LINES}, start)

    followed = await merge_tree(workshop.git, ours, theirs)
    torn = await merge_tree(workshop.git, theirs, elsewhere)

    assert followed.tree is not None
    assert workshop.read(followed.tree, "new.txt") == changed(3).strip()
    assert torn.tree is None


async def test_criss_cross_histories_merge_from_both_bases(workshop: Workshop) -> None:
    """
    Two merge bases are merged with one another first, so neither side's past comes back.
    """
    start = workshop.commit({"a.txt": LINES})
    left = workshop.commit({"a.txt": changed(3)}, start)
    right = workshop.commit({"a.txt": changed(30)}, start)
    both = {"a.txt": changed(3, 30)}
    ours = workshop.commit({"a.txt": changed(3, 20, 30)}, workshop.commit(both, left, right))
    theirs = workshop.commit({"a.txt": changed(3, 10, 30)}, workshop.commit(both, right, left))

    merging = await merge_tree(workshop.git, ours, theirs)

    assert merging.tree is not None
    assert workshop.read(merging.tree, "a.txt") == changed(3, 10, 20, 30).strip()


async def test_histories_with_nothing_in_common_are_not_merged(workshop: Workshop) -> None:
    """
    That is a conflict without files, and says so.
    """
    ours, theirs = workshop.commit({"a.txt": "1\n"}), workshop.commit({"b.txt": "2\n"})

    with pytest.raises(MergeConflict, match="no common history") as caught:
        await merged(
            workshop.git, head_sha=ours, base_sha=theirs, base_branch="main", message="m",
            author=BOT,
        )  # fmt: skip

    assert caught.value.paths == ()


async def test_a_merge_has_both_parents_and_one_sha(workshop: Workshop) -> None:
    """
    The head first, the base second, by the App, and the same however often it is made.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(3)}, start)
    base = workshop.commit({"a.txt": changed(30)}, start)
    made = [
        await merged(
            workshop.git, head_sha=head, base_sha=base, base_branch="main",
            message="Merge `main`", author=BOT,
        )
        for _ in range(2)
    ]  # fmt: skip

    assert made[0] == made[1]
    shown = workshop.run("show", "--no-patch", "--format=%P|%an|%s|%at", made[0])
    assert shown == f"{head} {base}|odyssey[bot]|Merge `main`|{int(AT.timestamp())}"


async def test_a_rebase_keeps_each_commits_author_and_message(workshop: Workshop) -> None:
    """
    Only the parent and the committer are new; a commit that the base has already is left out.
    """
    start = workshop.commit({"a.txt": LINES, "b.txt": "b\n"})
    first = workshop.commit(
        {"a.txt": changed(3)}, start, message="One\n\nWhy: ü", GIT_AUTHOR_NAME="Ben Ü"
    )
    same = workshop.commit({"b.txt": "bb\n"}, first, message="Already there")
    head = workshop.commit({"a.txt": changed(3, 20)}, same, message="Two")
    base = workshop.commit({"a.txt": changed(30), "b.txt": "bb\n"}, start)

    tip = await rebased(workshop.git, head_sha=head, base_sha=base, base_branch="main", author=BOT)

    rows = workshop.run("log", "--reverse", "--format=%an|%cn|%aI|%B|", f"{base}..{tip}")
    assert rows.split("|") == [
        "Ben Ü", "odyssey[bot]", "2023-11-14T23:13:20+01:00", "One\n\nWhy: ü\n",
        "\nAda", "odyssey[bot]", "2023-11-14T23:13:20+01:00", "Two\n", "",
    ]  # fmt: skip
    assert workshop.read(tip, "a.txt") == changed(3, 20, 30).strip()


async def test_what_cannot_be_rebased_is_refused_with_another_way(workshop: Workshop) -> None:
    """
    A branch with a merge in it, and one of which nothing would be left.
    """
    start = workshop.commit({"a.txt": LINES})
    base = workshop.commit({"a.txt": changed(30)}, start)
    head = workshop.commit({"a.txt": changed(3)}, start)
    merge = workshop.commit({"a.txt": changed(3, 30)}, head, base)
    newer = workshop.commit({"a.txt": changed(30, 31)}, base)
    twin = workshop.commit({"a.txt": changed(30)}, start, message="The same")

    with pytest.raises(NotProposable, match="holds a merge"):
        await rebased(workshop.git, head_sha=merge, base_sha=newer, base_branch="main", author=BOT)
    with pytest.raises(NotProposable, match="holds everything"):
        await rebased(workshop.git, head_sha=twin, base_sha=base, base_branch="main", author=BOT)


async def test_a_rebase_that_conflicts_names_the_file(workshop: Workshop) -> None:
    """
    Nothing half-done comes out.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(3)}, start)
    base = workshop.commit({"a.txt": changed(3, by="other")}, start)

    with pytest.raises(MergeConflict, match=r"`a\.txt`"):
        await rebased(workshop.git, head_sha=head, base_sha=base, base_branch="main", author=BOT)


async def test_a_reverse_takes_back_one_change_and_no_later_one(workshop: Workshop) -> None:
    """
    What came after stays; where it touches the same place the files are named.
    """
    start = workshop.commit({"a.txt": LINES})
    change = workshop.commit({"a.txt": changed(3), "b.txt": "b\n"}, start)
    later = workshop.commit({"a.txt": changed(3, 30)}, change)
    over = workshop.commit({"a.txt": changed(3, by="again")}, change)

    tree = await reversed_tree(workshop.git, before=start, after=change, tip=later)

    assert workshop.read(tree, "a.txt") == changed(30).strip()
    assert workshop.run("ls-tree", "--name-only", tree) == "a.txt"
    with pytest.raises(MergeConflict) as caught:
        await reversed_tree(workshop.git, before=start, after=change, tip=over)
    assert caught.value.paths == ("a.txt",)
