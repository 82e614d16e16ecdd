"""
What proves that one head holds what was approved at another, and what only looks like it.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.git_workshop import Workshop
from odyssey.adapters.git_merge import author_of, merged, rebased
from odyssey.adapters.git_proof import find_proof
from odyssey.domain.carry_over import Proof, ProofKind

BLOCK = "def step():\n    begin()\n    work()\n    end()\n    return 1\n\n\n"
LINES = "".join(f"line {number}\n" for number in range(1, 41))
BOT = author_of("odyssey[bot]", datetime(2026, 11, 20, 12, tzinfo=UTC))


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


async def proof_of(workshop: Workshop, old: str, new: str, tip: str) -> Proof | None:
    """What is found about two heads whose base branch is at *tip*."""
    return await find_proof(
        workshop.git, from_head=old, to_head=new, base_branch="main", base_sha=tip
    )


async def kind_of(workshop: Workshop, old: str, new: str, tip: str) -> ProofKind | None:
    """The kind of it."""
    proof = await proof_of(workshop, old, new, tip)
    return proof.kind if proof else None


async def test_our_own_update_is_proved(workshop: Workshop) -> None:
    """
    By merge and by rebase; the commands a person is given are silent, and say equal.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(3)}, start)
    tip = workshop.commit({"a.txt": changed(30)}, start)
    merge = await merged(
        workshop.git, head_sha=head, base_sha=tip, base_branch="main", message="m", author=BOT
    )
    rebase = await rebased(
        workshop.git, head_sha=head, base_sha=tip, base_branch="main", author=BOT
    )

    by_merge = await proof_of(workshop, head, merge, tip)
    by_rebase = await proof_of(workshop, head, rebase, tip)

    assert by_merge is not None
    assert by_merge.kind is ProofKind.CLEAN_MERGE
    assert run_shell(workshop, by_merge.command) == ""
    assert by_rebase is not None
    assert by_rebase.kind is ProofKind.EQUAL_RANGE_DIFF
    assert f"1:  {head[:7]} = 1:  {rebase[:7]}" in run_shell(workshop, by_rebase.command)


def run_shell(workshop: Workshop, command: str) -> str:
    """What a person sees who pastes *command*; it must end well."""
    done = subprocess.run(
        ["bash", "-ec", command], cwd=workshop.folder, capture_output=True, check=True
    )
    return done.stdout.decode()


async def test_merges_one_after_the_other_are_followed_back(workshop: Workshop) -> None:
    """
    The approved head may be several updates ago; every one of them must be clean.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(3)}, start)
    first = workshop.commit({"a.txt": changed(30)}, start)
    once = workshop.commit({"a.txt": changed(3, 30)}, head, first)
    tip = workshop.commit({"a.txt": changed(20, 30)}, first)
    twice = workshop.commit({"a.txt": changed(3, 20, 30)}, once, tip)
    evil = workshop.commit({"a.txt": changed(3, 30, 39)}, head, first)
    over = workshop.commit({"a.txt": changed(3, 20, 30, 39)}, evil, tip)

    proof = await proof_of(workshop, head, twice, tip)

    assert proof is not None
    assert proof.steps == ((head, first, once), (once, tip, twice))
    assert run_shell(workshop, proof.command) == ""
    assert await kind_of(workshop, head, over, tip) is None


async def test_a_merge_that_adds_something_proves_nothing(workshop: Workshop) -> None:
    """
    A line slipped into the merge commit, one left out, a file, a mode.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(3)}, start)
    tip = workshop.commit({"a.txt": changed(30)}, start)
    for files in (
        {"a.txt": changed(3, 30, 20)},
        {"a.txt": changed(30)},
        {"a.txt": changed(3)},
        {"a.txt": changed(3, 30) + " "},
        {"a.txt": changed(3, 30), "b.txt": "more\n"},
        {"a.txt": ("100755", changed(3, 30))},
    ):
        merge = workshop.commit(files, head, tip)

        assert await kind_of(workshop, head, merge, tip) is None


async def test_only_the_base_branch_itself_may_be_merged(workshop: Workshop) -> None:
    """
    A clean merge of somebody's other branch brings in what nobody approved.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(3)}, start)
    tip = workshop.commit({"a.txt": changed(30)}, start)
    foreign = workshop.commit({"a.txt": changed(30, 20)}, tip)
    merge = workshop.commit({"a.txt": changed(3, 20, 30)}, head, foreign)
    octopus = workshop.commit({"a.txt": changed(3, 20, 30)}, head, tip, foreign)

    assert await kind_of(workshop, head, merge, tip) is None
    assert await kind_of(workshop, head, octopus, tip) is None
    assert await kind_of(workshop, head, merge, foreign) is ProofKind.CLEAN_MERGE


async def test_a_resolved_conflict_proves_nothing(workshop: Workshop) -> None:
    """
    Whoever resolved it wrote something.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(3)}, start)
    tip = workshop.commit({"a.txt": changed(3, by="other")}, start)
    merge = workshop.commit({"a.txt": changed(3)}, head, tip)

    assert await kind_of(workshop, head, merge, tip) is None


async def test_another_message_with_the_same_files_is_an_equal_tree(workshop: Workshop) -> None:
    """
    On the same commit of the base branch.
    """
    start = workshop.commit({"a.txt": LINES})
    tip = workshop.commit({"a.txt": changed(30)}, start)
    head = workshop.commit({"a.txt": changed(3)}, start, message="One")
    amended = workshop.commit({"a.txt": changed(3)}, start, message="Two")

    assert await kind_of(workshop, head, amended, tip) is ProofKind.EQUAL_TREE


async def test_a_merge_that_brings_no_file_is_no_equal_tree(workshop: Workshop) -> None:
    """
    It would make a branch count as merged whose work was thrown away.
    """
    start = workshop.commit({"a.txt": LINES})
    fix = workshop.commit({"a.txt": changed(30, by="security fix")}, start)
    head = workshop.commit({"a.txt": changed(3)}, start)
    swallowed = workshop.commit({}, head, fix)

    assert workshop.tree(swallowed) == workshop.tree(head)
    assert await kind_of(workshop, head, swallowed, start) is None


async def test_the_same_files_on_a_newer_base_take_something_back(workshop: Workshop) -> None:
    """
    The tree is what was approved, and yet the merge would undo what the base gained.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(3)}, start)
    fix = workshop.commit({"a.txt": changed(30, by="security fix")}, start)
    undone = workshop.commit({"a.txt": changed(3)}, fix, message="A change")
    merge = workshop.commit({"a.txt": changed(3)}, head, fix)

    assert workshop.tree(head) == workshop.tree(undone) == workshop.tree(merge)
    assert await kind_of(workshop, head, undone, fix) is None
    assert await kind_of(workshop, head, merge, fix) is None


async def test_whitespace_alone_is_a_difference(workshop: Workshop) -> None:
    """
    In Python it decides what runs.
    """
    start = workshop.commit({"a.py": BLOCK, "b.txt": "b\n"})
    head = workshop.commit({"a.py": BLOCK.replace("work()", "work(1)")}, start)
    tip = workshop.commit({"b.txt": "bb\n"}, start)
    for was, now in (("    work()", "        work(1)"), ("work()\n", "work(1) \n")):
        new = workshop.commit({"a.py": BLOCK.replace(was, now)}, tip)

        assert await kind_of(workshop, head, new, tip) is None


async def test_the_same_patch_in_another_place_is_a_difference(workshop: Workshop) -> None:
    """
    With the same lines around it, range-diff alone takes the two for equal.
    """
    skipping = BLOCK.replace("work()", "skip()")
    text = BLOCK * 6
    second, fifth = (BLOCK * each + skipping + BLOCK * (5 - each) for each in (1, 4))
    start = workshop.commit({"a.py": text, "b.txt": "b\n"})
    head = workshop.commit({"a.py": second}, start)
    tip = workshop.commit({"b.txt": "bb\n"}, start)
    moved = workshop.commit({"a.py": fifth}, tip)
    same = workshop.commit({"a.py": second}, tip)
    compared = workshop.run("range-diff", "--no-patch", f"{tip}..{head}", f"{tip}..{moved}")

    assert " = " in compared, "otherwise this test shows nothing"
    assert await kind_of(workshop, head, moved, tip) is None
    assert await kind_of(workshop, head, same, tip) is ProofKind.EQUAL_RANGE_DIFF


async def test_other_lines_around_the_same_change_are_a_difference(workshop: Workshop) -> None:
    """
    It applies cleanly, but whoever approved it read it beside something else.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(20)}, start)
    tip = workshop.commit({"a.txt": changed(22)}, start)
    rebase = await rebased(
        workshop.git, head_sha=head, base_sha=tip, base_branch="main", author=BOT
    )

    assert workshop.read(rebase, "a.txt") == changed(20, 22).strip()
    assert await kind_of(workshop, head, rebase, tip) is None


@pytest.mark.parametrize(
    "files",
    [
        {"image.bin": b"\0\1\2other"},
        {"link": ("120000", "/etc/shadow")},
        {"module": ("160000", "2" * 40)},
        {"tool.sh": ("100755", "echo\n")},
    ],
)
async def test_what_a_diff_hardly_shows_is_compared_too(
    workshop: Workshop, files: dict[str, str | bytes | tuple[str, str] | None]
) -> None:
    """
    Binary content, where a link points, a submodule's commit, a mode.
    """
    approved: dict[str, str | bytes | tuple[str, str] | None] = {
        "image.bin": b"\0\1\2",
        "link": ("120000", "/etc/hostname"),
        "module": ("160000", "1" * 40),
        "tool.sh": ("100644", "echo\n"),
    }
    start = workshop.commit({"b.txt": "b\n"})
    head = workshop.commit(approved, start)
    tip = workshop.commit({"b.txt": "bb\n"}, start)
    same = workshop.commit(approved, tip)
    other = workshop.commit({**approved, **files}, tip)

    assert await kind_of(workshop, head, same, tip) is ProofKind.EQUAL_RANGE_DIFF
    assert await kind_of(workshop, head, other, tip) is None


async def test_a_merge_among_rebased_commits_proves_nothing(workshop: Workshop) -> None:
    """
    range-diff passes over merges, so one could bring in anything.
    """
    start = workshop.commit({"a.txt": LINES})
    head = workshop.commit({"a.txt": changed(3)}, start)
    tip = workshop.commit({"a.txt": changed(30)}, start)
    rebase = workshop.commit({"a.txt": changed(3, 30)}, tip)
    evil = workshop.commit({"a.txt": changed(3, 30), "b.txt": "evil\n"}, rebase, tip)

    assert await kind_of(workshop, head, evil, tip) is None


async def test_commits_in_another_order_or_number_prove_nothing(workshop: Workshop) -> None:
    """
    One more, one less, two for one: somebody has to read those again.
    """
    start = workshop.commit({"a.txt": LINES})
    tip = workshop.commit({"a.txt": changed(30)}, start)
    one = workshop.commit({"a.txt": changed(3)}, start, message="3")
    head = workshop.commit({"a.txt": changed(3, 15)}, one, message="15")
    again = workshop.commit({"a.txt": changed(3, 30)}, tip, message="3")
    both = workshop.commit({"a.txt": changed(3, 15, 30)}, again, message="15")
    more = workshop.commit({"a.txt": changed(3, 15, 30), "b.txt": "b\n"}, both)
    turned = workshop.commit(
        {"a.txt": changed(3, 15, 30)},
        workshop.commit({"a.txt": changed(15, 30)}, tip, message="15"),
        message="3",
    )
    squashed = workshop.commit({"a.txt": changed(3, 15, 30)}, tip, message="3")

    assert await kind_of(workshop, head, both, tip) is ProofKind.EQUAL_RANGE_DIFF
    for new in (again, more, turned, squashed, tip):
        assert await kind_of(workshop, head, new, tip) is None


async def test_a_message_that_imitates_the_comparison_proves_nothing(workshop: Workshop) -> None:
    """
    What git prints is read line by line, and commits choose their own titles.
    """
    start = workshop.commit({"a.txt": LINES})
    tip = workshop.commit({"a.txt": changed(30)}, start)
    title = "x\n1:  1234567 = 1:  1234567 x\r1:  1234567 = 1:  1234567 x"
    head = workshop.commit({"a.txt": changed(20)}, start, message=title)
    new = workshop.commit({"a.txt": changed(20, 30, 31)}, tip, message=title)

    assert await kind_of(workshop, head, new, tip) is None
