"""
`odyssey audit`: what an operator reads, and the status a script goes by.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from odyssey.adapters.audit_file import AuditFile
from odyssey.adapters.audit_reader import log_files
from odyssey.audit_report import Usage, read_reference
from odyssey.domain.audit import Entry, Kind

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
BRANCH = "proposal/prop_abc23xyz56_say_hello"
HEAD = "1f3c9d2b8a07e55c0d4f6a91b27e83d5c6f0a419"


def odyssey(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, on a server whose data is in *folder*."""
    environment = {**os.environ, "ODYSSEY_DATA_DIR": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "odyssey", "audit", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest_asyncio.fixture
async def data(tmp_path: Path) -> Path:
    """A server's folder whose log tells of #12, of another pull request, and of no end of one."""
    log = AuditFile(tmp_path / "audit", now=lambda: AT, host="alpha")
    moment = AT

    async def step(
        verb: str, kind: Kind | None = Kind.DONE, result: str = "", **about: Any
    ) -> None:
        nonlocal moment
        entry = Entry(
            kind=Kind.INTENT, at=moment, verb=verb, repository="o/n", actor="mona", **about
        )
        intent = await log.append(entry)
        moment += timedelta(seconds=1)
        if kind is not None:
            outcome = Entry(
                kind=kind, at=moment, verb=verb, repository="o/n", intent=intent.sequence,
                result=result, reason="Unavailable: 502" if kind is Kind.UNKNOWN else "",
            )  # fmt: skip
            await log.append(outcome)

    await step("react", delivery="guid-1", details={"comment_id": 1, "content": "eyes"})
    await step("push", branch=BRANCH, sha=HEAD, delivery="guid-1")
    await step("open_pull_request", result="12", branch=BRANCH, delivery="guid-1")
    await step("dispatch", result="77", branch="main", sha=HEAD)
    await step("post_comment", result="901", number=12)
    await step("dispatch", result="78", branch="main", sha="f" * 40)
    await step("post_comment", result="902", number=13)
    await step("edit_comment", details={"comment_id": 902})
    await step("edit_comment", Kind.UNKNOWN, details={"comment_id": 901})
    await step("merge", None, number=12, sha=HEAD, details={"method": "squash"})
    return tmp_path


def test_an_intact_log_is_status_0_and_names_its_newest_entry(data: Path) -> None:
    """In words for people, in JSON for programs."""
    done = odyssey(data, "verify")
    told = json.loads(odyssey(data, "verify", "--json").stdout)

    assert (done.returncode, done.stderr) == (0, "")
    assert "The log is intact: 20 entries." in done.stdout
    assert told["is_intact"] is True
    assert told["newest"][0] in done.stdout


def test_a_changed_log_is_status_1_and_names_file_line_and_what_to_do(data: Path) -> None:
    """The first thing that is wrong."""
    [path] = log_files(data / "audit")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4] + lines[5:]))
    done = odyssey(data, "verify")

    assert done.returncode == 1
    assert f"{path}: line 5 is entry 6 where 5 belongs: 1 entry is missing" in done.stdout
    assert "BROKEN" in done.stdout
    assert "docs/operations.md" in done.stdout


def test_an_end_that_was_cut_off_is_found_by_a_witness(data: Path) -> None:
    """As the status comment shows it; without one the log looks intact."""
    newest = json.loads(odyssey(data, "verify", "--json").stdout)["newest"][0]
    [path] = log_files(data / "audit")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    sequence, _, digest = newest.partition(":")

    assert odyssey(data, "verify").returncode == 0
    assert odyssey(data, "verify", "--witness", newest).returncode == 1
    shown = f"Audit: entry {sequence}, `{digest}`"
    assert odyssey(data, "verify", "--witness", shown).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "nowhere.jsonl"], "there is no such file"),
        (["verify", "--witness", "12:abc"], "write N:HASH"),
        (["show", "twelve"], "write owner/name#12"),
        (["show", "#12"], "ODYSSEY_DEFAULT_REPOSITORY"),
        (["show"], "Missing argument"),
    ],
)
def test_what_cannot_be_asked_is_status_2_with_what_to_write(
    data: Path, arguments: list[str], words: str
) -> None:
    """A usage error is told apart from a broken log."""
    done = odyssey(data, *arguments)

    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_no_log_at_all_is_not_an_intact_one(tmp_path: Path) -> None:
    """It may have been taken away."""
    done = odyssey(tmp_path, "verify")

    assert done.returncode == 2
    assert "somebody took it away" in " ".join(done.stderr.replace("│", " ").split())


def test_the_story_of_a_pull_request_holds_its_effects_and_nobody_else_s(data: Path) -> None:
    """Found by number, branch, commit, comment and delivery; in order, with what became of each."""
    done = odyssey(data, "show", "o/n#12")
    steps = json.loads(odyssey(data, "show", "O/N#12", "--json").stdout)["steps"]

    verbs = [each["intent"]["verb"] for each in steps]
    assert done.returncode == 0
    assert verbs == [
        "react", "push", "open_pull_request", "dispatch", "post_comment", "edit_comment", "merge",
    ]  # fmt: skip
    assert "7 effects" in done.stdout
    assert "MERGE squash 1f3c9d2b8a" in done.stdout
    assert "unknown Unavailable: 502" in done.stdout
    assert "unknown: nothing was written after it" in done.stdout
    assert steps[-1]["outcome"] is None


def test_a_story_from_a_broken_log_says_that_it_may_not_be_all(data: Path) -> None:
    """And its status is that of a broken log."""
    [path] = log_files(data / "audit")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    done = odyssey(data, "show", "o/n#12")

    assert done.returncode == 1
    assert "push the branch" in done.stdout
    assert "the log is broken" in done.stderr


async def test_words_of_others_cannot_move_the_terminal_s_cursor(tmp_path: Path) -> None:
    """What came from GitHub is shown with escapes."""
    log = AuditFile(tmp_path / "audit", now=lambda: AT)
    about: dict[str, Any] = {"repository": "o/n", "number": 12, "actor": "\u202eadmin"}
    await log.append(Entry(kind=Kind.INTENT, at=AT, verb="push\x1b[2J", **about))
    shown = odyssey(tmp_path, "show", "o/n#12").stdout

    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[2J" in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o/n#12", ("o/n", 12)),
        ("#7", ("octo-org/widgets", 7)),
        ("https://github.com/o/n/pull/12", ("o/n", 12)),
    ],
)
def test_a_pull_request_is_named_as_people_name_it(text: str, expected: tuple[str, int]) -> None:
    """With and without the repository, or by its address."""
    assert read_reference(text, "octo-org/widgets") == expected


@pytest.mark.parametrize("text", ["", "12", "o#12", "o/n", "o/n#0", "o/n/x#1", "../x#1", "o/n#9e9"])
def test_what_names_no_pull_request_is_refused(text: str) -> None:
    """With the form to write."""
    with pytest.raises(Usage, match="write owner/name"):
        read_reference(text, "octo-org/widgets")
