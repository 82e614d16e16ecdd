"""
Propose: what is sent becomes a branch and a pull request, or is refused without a trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from handlers.conftest import REPOSITORY, Desk
from odyssey.adapters.audit_reader import log_files, read_entries
from odyssey.adapters.git_command import locked
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.audit_story import steps_of
from odyssey.domain.change import Files, Patch
from odyssey.domain.errors import ForbiddenPath, NotProposable, Unavailable
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import REPOSITORY as EVERYBODY
from odyssey.domain.memory.scope import Shelf
from odyssey.handlers.propose import propose
from odyssey.handlers.remember import tenant_of

DIFF = """\
diff --git a/src/app.py b/src/app.py
--- a/src/app.py
+++ b/src/app.py
@@ -1,3 +1,3 @@
 one
-two
+2
 three
"""


@pytest.mark.parametrize("text", [DIFF, DIFF.replace("\n", "\r\n"), "\ufeff" + DIFF, DIFF[:-1]])
async def test_a_diff_applies_as_a_web_form_sends_it(desk: Desk, text: str) -> None:
    """
    With the line ends, the byte order mark and the lost last line end that forms make.
    """
    proposal = await propose(desk.request(Patch(text)), desk.ports)

    assert proposal.pull_number is not None
    (file,) = await desk.read(f"pulls/{proposal.pull_number}/files")
    assert (file["filename"], file["additions"], file["deletions"]) == ("src/app.py", 1, 1)


async def test_hidden_characters_stand_in_the_pull_request(desk: Desk) -> None:
    """
    Whoever reviews it is told what cannot be seen, and where.
    """
    hidden = Files({"src/app.py": "one\ntwo\u200b\nthree\n"})
    proposal = await propose(desk.request(hidden), desk.ports)
    body = (await desk.read(f"pulls/{proposal.pull_number}"))["body"]

    assert "Characters that cannot be seen" in body
    assert "`src/app.py` line 2, column 4: U+200B ZERO WIDTH SPACE" in body


@pytest.mark.parametrize("path", ["readme.md", "Src/new.py", "SRC", "readme.md/x", "src/APP.py"])
async def test_a_path_that_differs_only_in_case_is_refused(desk: Desk, path: str) -> None:
    """
    From a file or a folder that stays: they are one on Windows and macOS. Nothing is left behind.
    """
    with pytest.raises(ForbiddenPath, match="there already"):
        await propose(desk.request(Files({path: "new\n"})), desk.ports)

    assert await desk.branches() == ["main"]


@pytest.mark.parametrize(
    "contents",
    [
        {"README.md": None, "Readme.md": "# Greeter\n"},
        {"src/app.py": None, "Src/app.py": "one\n"},
        {"src/new.py": "new\n"},
    ],
)
async def test_a_new_spelling_in_place_of_the_old_is_fine(
    desk: Desk, contents: dict[str, str | None]
) -> None:
    """
    As is a new file beside others.
    """
    proposal = await propose(desk.request(Files(contents)), desk.ports)

    assert set(proposal.paths) == set(contents)


async def test_a_prefix_that_is_a_branch_is_refused(desk: Desk) -> None:
    """
    git cannot hold both; the answer says so instead of trying again.
    """
    request = desk.request(Files({"src/app.py": "new\n"}), branch_prefix="main")
    with pytest.raises(NotProposable, match="`main` is a branch of acme/greeter"):
        await propose(request, desk.ports)

    assert await desk.branches() == ["main"]


async def test_a_branch_of_the_usual_prefix_s_name_is_refused_too(desk: Desk) -> None:
    """
    Somebody's branch called `proposal` stands in the way of all proposals.
    """
    await desk.person("ben").push(REPOSITORY, "proposal", {"x": "1\n"}, "Mine")
    with pytest.raises(NotProposable, match="another branch prefix"):
        await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)


class FullDisk(SqliteMemory):
    """
    A memory that can be asked, and keeps nothing.
    """

    async def retain(
        self, tenant: Tenant, records: Sequence[Record], *, shelf: Shelf = Shelf.EVENT
    ) -> None:
        """Raises `Unavailable`."""
        raise Unavailable("no space left")


async def test_a_proposal_whose_memory_failed_is_taken_up_and_remembered(
    desk: Desk, tmp_path: Path
) -> None:
    """
    One pull request, and a memory of it: without, the same change would never be recognised.
    """
    request = desk.request(Files({"src/app.py": "new\n"}))
    memory = FullDisk(tmp_path / "full")
    with pytest.raises(Unavailable):
        await propose(request, replace(desk.ports, memory=memory))
    await memory.close()
    proposal = await propose(request, desk.ports)
    remembered = await desk.ports.memory.recall(
        tenant_of(desk.repository), "", scope=EVERYBODY, where={"proposal_id": proposal.id}
    )

    assert [each["number"] for each in await desk.read("pulls")] == [proposal.pull_number]
    assert "opened" in [each.record.attributes["outcome"] for each in remembered]


@pytest.mark.parametrize(
    "changed", [{"base": "next"}, {"state": "closed"}], ids=["retargeted", "closed"]
)
async def test_a_pull_request_that_somebody_changed_before_it_was_known_stays_the_only_one(
    desk: Desk, tmp_path: Path, changed: dict[str, str]
) -> None:
    """
    The process ended once it had opened it; GitHub would open a second one. The audit log
    has its number from the next try, if the first could not write it down.
    """
    await desk.person("ada").push(REPOSITORY, "next", {"x": "1\n"}, "Move on")
    request = desk.request(Files({"src/app.py": "new\n"}))
    memory = FullDisk(tmp_path / "full")
    with pytest.raises(Unavailable):
        await propose(request, replace(desk.ports, memory=memory))
    await memory.close()
    [pull] = await desk.read("pulls")
    path = f"/repos/{REPOSITORY}/pulls/{pull['number']}"
    await desk.person("ada").request("PATCH", path, changed)
    proposal = await propose(request, desk.ports)
    pulls = await desk.read("pulls?state=all")
    steps = steps_of(read_entries(log_files(tmp_path / "odyssey" / "audit")))
    opened = [each.result for each in steps if each.intent.verb == "open_pull_request"]

    assert [each["number"] for each in pulls] == [proposal.pull_number] == [pull["number"]]
    assert proposal.status.is_final == ("state" in changed)
    assert opened == [str(pull["number"])] * 2


async def test_a_pull_request_that_somebody_pushed_to_before_it_was_known_is_taken_up(
    desk: Desk, tmp_path: Path
) -> None:
    """Its branch holds more than the commit that the next try would push."""
    request = desk.request(Files({"src/app.py": "new\n"}))
    memory = FullDisk(tmp_path / "full")
    with pytest.raises(Unavailable):
        await propose(request, replace(desk.ports, memory=memory))
    await memory.close()
    [pull] = await desk.read("pulls")
    pushed = await desk.person("ben").push(
        REPOSITORY, pull["head"]["ref"], {"x.md": "More.\n"}, "Say more"
    )
    proposal = await propose(request, desk.ports)

    assert [each["number"] for each in await desk.read("pulls?state=all")] == [pull["number"]]
    assert proposal.pull_number == pull["number"]
    assert proposal.rejection is None
    assert proposal.head_sha == pushed


async def test_a_copy_that_git_left_locked_is_made_anew(desk: Desk, tmp_path: Path) -> None:
    """
    A git that was killed leaves its lock behind; nobody has to come and delete it.
    """
    await desk.ports.repositories.base(desk.repository, "main")
    copy = tmp_path / "odyssey" / "git" / "acme" / "greeter.git"
    (copy / "shallow.lock").touch()
    await desk.person("ada").push(REPOSITORY, "main", {"x": "1\n"}, "Move on")
    with pytest.raises(Unavailable, match=r"shallow\.lock"):
        await desk.ports.repositories.base(desk.repository, "main")
    base = await desk.ports.repositories.base(desk.repository, "main")

    assert base.workflows == ("odyssey-validate.yml",)


async def test_who_stops_waiting_for_a_copy_leaves_it_free(tmp_path: Path) -> None:
    """
    As a delivery does whose lock was lost; else nobody would ever get it again.
    """
    path = tmp_path / "copy.lock"
    async with locked(path):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), locked(path):
                pass
    async with asyncio.timeout(5), locked(path):
        is_free = True

    assert is_free
