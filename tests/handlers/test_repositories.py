"""
The port `Repositories` over git's own protocol: updates, conflicts, proofs and reverses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.carry_over import ProofKind
from odyssey.domain.errors import HeadShaChanged, MergeConflict, NotFound, NotProposable
from odyssey.domain.identifiers import HeadSha
from odyssey.domain.policy import Policy
from odyssey.ports import Updated, UpdateMethod

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(slots=True)
class Branch:
    """A branch `topic` with one commit, behind `main` by another."""

    desk: Desk
    head: HeadSha

    async def update(self, method: UpdateMethod = UpdateMethod.MERGE, **more: Any) -> Updated:
        """What the port does with it."""
        wanted: dict[str, Any] = {
            "branch": "topic",
            "head_sha": self.head,
            "base_branch": "main",
            "method": method,
            "message": "Merge main",
            "at": AT,
        }
        return await self.desk.ports.repositories.update(self.desk.repository, **{**wanted, **more})

    async def sha(self) -> HeadSha | None:
        """Where it is on GitHub."""
        return await self.desk.ports.repositories.find_branch(self.desk.repository, "topic")


async def a_branch(desk: Desk, *, base: dict[str, str | None] | None = None) -> Branch:
    """Such a branch; *base* is what main gained."""
    ada = desk.person("ada")
    head = await ada.push(REPOSITORY, "topic", {"src/app.py": "ONE\ntwo\nthree\n"}, "Change")
    await ada.push(REPOSITORY, "main", base or {"README.md": "# The greeter\n"}, "Go on")
    return Branch(desk, HeadSha(head))


@pytest.mark.parametrize("method", list(UpdateMethod))
async def test_an_update_is_pushed_once_and_proved(desk: Desk, method: UpdateMethod) -> None:
    """
    A second try finds its own work; a shallow copy is completed first and stays whole.
    """
    repositories, repository = desk.ports.repositories, desk.repository
    await repositories.base(repository, "main")
    branch = await a_branch(desk)
    first = await branch.update(method)
    second = await branch.update(method)
    third = await branch.update(method, head_sha=first.head_sha)
    await repositories.base(repository, "main")
    proof = await repositories.carry_over(
        repository, from_head=branch.head, to_head=first.head_sha, base_branch="main"
    )

    assert first == second == third
    assert await branch.sha() == first.head_sha != branch.head
    assert first.base_sha == (await repositories.base(repository, "main")).sha
    assert proof is not None
    assert proof.kind is (
        ProofKind.CLEAN_MERGE if method is UpdateMethod.MERGE else ProofKind.EQUAL_RANGE_DIFF
    )
    assert proof.base_sha == first.base_sha


@pytest.mark.parametrize("method", list(UpdateMethod))
async def test_a_push_by_somebody_else_is_never_overwritten(
    desk: Desk, method: UpdateMethod
) -> None:
    """
    Neither a newer commit nor an older one that somebody went back to.
    """
    branch = await a_branch(desk)
    ada = desk.person("ada")
    newer = await ada.push(REPOSITORY, "topic", {"src/b.py": "b\n"}, "More")
    with pytest.raises(HeadShaChanged):
        await branch.update(method)
    assert await branch.sha() == newer

    replaced = await ada.push(REPOSITORY, "topic", {"src/c.py": "c\n"}, "Other", force=True)
    with pytest.raises(HeadShaChanged):
        await branch.update(method, head_sha=HeadSha(newer))
    assert await branch.sha() == replaced


async def test_a_conflict_names_the_files_and_pushes_nothing(desk: Desk) -> None:
    """
    The same files that the question for conflicts gives.
    """
    branch = await a_branch(desk, base={"src/app.py": "one!\ntwo\nthree\n"})
    for method in UpdateMethod:
        with pytest.raises(MergeConflict) as caught:
            await branch.update(method)
        assert caught.value.paths == ("src/app.py",)
    found = await desk.ports.repositories.conflicts(
        desk.repository, base_branch="main", head_sha=branch.head
    )

    assert found == ("src/app.py",)
    assert await branch.sha() == branch.head


async def test_what_is_gone_is_not_found(desk: Desk) -> None:
    """
    A branch, a base branch, a commit; of a commit that is gone nothing is proved.
    """
    branch = await a_branch(desk)
    repositories, gone = desk.ports.repositories, HeadSha("9" * 40)
    with pytest.raises(NotFound):
        await branch.update(base_branch="nowhere")
    with pytest.raises(NotFound):
        await branch.update(head_sha=gone)
    with pytest.raises(NotFound):
        await branch.update(head_sha=HeadSha("--upload-pack=touch x"))
    await desk.person("ada").delete_branch(REPOSITORY, "topic")
    with pytest.raises(NotFound):
        await branch.update()

    assert (
        await repositories.carry_over(
            desk.repository, from_head=gone, to_head=branch.head, base_branch="main"
        )
        is None
    )


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_a_merge_is_taken_back_whole_however_it_was_made(desk: Desk, method: str) -> None:
    """
    Of a rebase all commits, and only those; what came before and after stays.
    """
    repositories, repository, ada = desk.ports.repositories, desk.repository, desk.person("ada")
    await ada.push(REPOSITORY, "topic", {"src/app.py": "ONE\ntwo\nthree\n"}, "One")
    head = await ada.push(REPOSITORY, "topic", {"src/new.py": "new\n"}, "Two")
    await ada.push(REPOSITORY, "main", {"README.md": "# The greeter\n"}, "Before")
    pull = await ada.open_pull(REPOSITORY, "topic", "Two commits")
    merged = (await ada.merge(REPOSITORY, pull["number"], method=method))["sha"]
    await ada.push(REPOSITORY, "main", {"docs/after.md": "after\n"}, "After")
    base = await repositories.base(repository, "main")
    commit = await repositories.reverse(
        repository, merge_sha=merged, head_sha=HeadSha(head), base=base, policy=Policy(),
        message="Revert", at=AT,
    )  # fmt: skip

    assert commit.paths == ("src/app.py", "src/new.py")


async def test_what_cannot_be_taken_back_is_refused(desk: Desk) -> None:
    """
    A commit of another branch, and places that were changed again.
    """
    repositories, repository, ada = desk.ports.repositories, desk.repository, desk.person("ada")
    head = HeadSha(await ada.push(REPOSITORY, "topic", {"src/app.py": "ONE\ntwo\nthree\n"}, "One"))
    base = await repositories.base(repository, "main")
    rest: dict[str, Any] = {"policy": Policy(), "message": "Revert", "at": AT}
    with pytest.raises(NotProposable, match="not on `main`"):
        await repositories.reverse(repository, merge_sha=head, head_sha=head, base=base, **rest)

    pull = await ada.open_pull(REPOSITORY, "topic", "One commit")
    merged = (await ada.merge(REPOSITORY, pull["number"], method="squash"))["sha"]
    await ada.push(REPOSITORY, "main", {"src/app.py": "Eins\ntwo\nthree\n"}, "Again")
    base = await repositories.base(repository, "main")
    with pytest.raises(MergeConflict) as caught:
        await repositories.reverse(repository, merge_sha=merged, head_sha=head, base=base, **rest)

    assert caught.value.paths == ("src/app.py",)
