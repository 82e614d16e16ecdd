"""
The audit log on a real file system: several processes, crashes, full disks, and whoever tampers.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from odyssey.adapters.audit_file import AuditFile
from odyssey.adapters.audit_reader import LOCK, log_files, read_entries, verify_files
from odyssey.domain.audit import Entry, Kind, read_witness
from odyssey.domain.errors import Unavailable

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from odyssey.adapters.audit_file import AuditFile
from odyssey.domain.audit import Entry, Kind

async def main():
    log = AuditFile(Path(sys.argv[1]), now=lambda: datetime.now(UTC))
    for number in range(int(sys.argv[2])):
        entry = Entry(kind=Kind.INTENT, at=datetime.now(UTC), verb="react", number=number + 1)
        await log.append(entry, durable=number % 10 == 0)
        print(number, flush=True)

asyncio.run(main())
"""


def an_entry(number: int = 1, *, at: datetime = AT) -> Entry:
    """One that says nothing of interest."""
    return Entry(kind=Kind.INTENT, at=at, verb="react", repository="o/n", number=number)


def open_log(folder: Path, **options: object) -> AuditFile:
    """The log of a machine whose clock stands still."""
    return AuditFile(folder, now=lambda: AT, host="alpha", **options)  # type: ignore[arg-type]  # any


def writer(folder: Path, count: int) -> subprocess.Popen[bytes]:
    """Another process that writes *count* entries, and says the number of each."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(count)], stdout=subprocess.PIPE
    )


async def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    """Three at once, and one of this process: nothing is lost, doubled or torn."""
    processes = [writer(tmp_path, 60) for _ in range(3)]
    log = open_log(tmp_path)
    for number in range(60):
        await log.append(an_entry(number + 1))
    statuses = [await asyncio.to_thread(each.wait) for each in processes]

    verdict = verify_files(log_files(tmp_path))
    entries = [each for each in read_entries(log_files(tmp_path)) if each.kind is Kind.INTENT]
    assert statuses == [0, 0, 0]
    assert verdict.is_intact
    assert sorted(each.number or 0 for each in entries) == sorted([*range(1, 61)] * 4)


async def test_what_append_returned_for_outlives_a_killed_writer(tmp_path: Path) -> None:
    """SIGKILL somewhere in the middle; the next process goes on behind it."""
    process = writer(tmp_path, 100_000)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().splitlines(keepends=True)
    process.wait()
    last = [each for each in [*said, *rest] if each.endswith(b"\n")][-1]
    await open_log(tmp_path).append(an_entry(1_000_000))

    numbers = [each.number for each in read_entries(log_files(tmp_path)) if each.number]
    assert verify_files(log_files(tmp_path)).is_intact
    assert numbers[: int(last) + 1] == list(range(1, int(last) + 2))
    assert numbers[-1] == 1_000_000


@pytest.mark.parametrize("keep", [1, 40, -1])
async def test_a_half_written_line_stays_and_the_next_entry_names_it(
    tmp_path: Path, keep: int
) -> None:
    """Wherever the crash cut it, also just before its line end."""
    log = open_log(tmp_path)
    await log.append(an_entry(1))
    await log.append(an_entry(2))
    [path] = log_files(tmp_path)
    data = path.read_bytes()
    last = data.rindex(b"\n", 0, -1) + 1
    fragment = data[last:-1][:keep]
    path.write_bytes(data[:last] + fragment)
    written = await open_log(tmp_path).append(an_entry(3))

    lines = path.read_bytes().split(b"\n")
    kinds = [each.kind for each in read_entries([path])]
    assert lines[-4] == fragment
    assert kinds == [Kind.OPENED, Kind.INTENT, Kind.TORN, Kind.INTENT]
    assert verify_files([path]).is_intact
    assert written.sequence == 4


async def test_a_file_that_holds_only_a_half_line_is_gone_on_from(tmp_path: Path) -> None:
    """The very first write was cut off, and so was the first of a later file."""
    (tmp_path / "2026-11-0001.jsonl").write_bytes(b'{"at":"20')
    log = open_log(tmp_path, max_file_bytes=400)
    await log.append(an_entry(1))
    await log.append(an_entry(2))
    last = log_files(tmp_path)[-1]
    last.write_bytes(b"\0" * 100)
    await open_log(tmp_path).append(an_entry(3))

    assert verify_files(log_files(tmp_path)).is_intact


async def test_a_new_month_and_a_full_file_begin_a_new_file_that_names_the_last_hash(
    tmp_path: Path,
) -> None:
    """The chain goes on through all of them."""
    log = open_log(tmp_path, max_file_bytes=2_000)
    for number in range(12):
        await log.append(an_entry(number + 1))
    later = AT + timedelta(days=40)
    await log.append(an_entry(13, at=later))
    await log.append(an_entry(14))  # a clock that was set back

    names = [each.name for each in log_files(tmp_path)]
    opened = [each for each in read_entries(log_files(tmp_path)) if each.kind is Kind.OPENED]
    assert names[0] == "2026-11-0001.jsonl"
    assert names[-1] == "2026-12-0001.jsonl"
    assert len(names) >= 3
    assert [each.details["after"] for each in opened] == ["", *names[:-1]]
    assert [each.details["host"] for each in opened] == ["alpha"] * len(names)
    assert verify_files(log_files(tmp_path)).is_intact


async def test_a_file_taken_out_of_the_middle_is_missed(tmp_path: Path) -> None:
    """At the first line of the one behind it; the oldest ones may be kept elsewhere."""
    log = open_log(tmp_path, max_file_bytes=600)
    for number in range(8):
        await log.append(an_entry(number + 1))
    files = log_files(tmp_path)
    kept = files[:1] + files[2:]

    [(name, problem)] = verify_files(kept).problems
    assert (name, problem.line) == (str(files[2]), 1)
    assert not verify_files(files[1:]).is_intact
    assert verify_files(files[1:], are_all=False).is_intact


async def test_logs_of_several_machines_are_verified_together(tmp_path: Path) -> None:
    """Each is a chain of its own; a witness may be of any of them."""
    ends = []
    for name in ("alpha", "beta"):
        log = AuditFile(tmp_path / name, now=lambda: AT, host=name)
        ends.append(await log.append(an_entry()))
    files = log_files(tmp_path / "alpha") + log_files(tmp_path / "beta")
    witnesses = [read_witness(f"2:{each.hash[:32]}") for each in ends]

    verdict = verify_files(files, witnesses=witnesses)
    assert verdict.is_intact
    assert len(verdict.ends) == 2


@pytest.mark.parametrize("tamper", ["truncate", "empty", "delete", "folder"])
async def test_a_running_process_does_not_go_on_as_if_nothing_had_been_taken_away(
    tmp_path: Path, tamper: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It knows the hash it wrote last: the gap stays to be seen, and is said."""
    folder = tmp_path / "audit"
    log = open_log(folder)
    for number in range(3):
        await log.append(an_entry(number + 1))
    [path] = log_files(folder)
    data = path.read_bytes()
    match tamper:
        case "truncate":
            path.write_bytes(data[: data.rindex(b"\n", 0, -1) + 1])
        case "empty":
            path.write_bytes(b"")
        case "delete":
            path.unlink()
        case "folder":
            folder.rename(tmp_path / "away")
    await log.append(an_entry(9))

    assert not verify_files(log_files(folder)).is_intact
    assert "entry 4 was there and is not any more" in caplog.text


async def test_nothing_is_appended_to_a_file_whose_last_entry_was_changed(tmp_path: Path) -> None:
    """A new process says so and how to go on, rather than to build on it."""
    await open_log(tmp_path).append(an_entry(1))
    [path] = log_files(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"react"', b'"merge"'))

    with pytest.raises(Unavailable, match=r"was changed.*odyssey audit verify"):
        await open_log(tmp_path).append(an_entry(2))


async def test_a_full_disk_is_said_and_leaves_the_chain_whole(tmp_path: Path) -> None:
    """Linux's /dev/full answers as a full disk does; once there is room, it goes on."""
    path = tmp_path / "2026-11-0001.jsonl"
    path.symlink_to("/dev/full")
    log = open_log(tmp_path)
    with pytest.raises(Unavailable, match=r"No space left on device.*nothing is done"):
        await log.append(an_entry(1))
    path.unlink()
    await log.append(an_entry(2))

    assert verify_files(log_files(tmp_path)).is_intact


async def test_a_line_that_fits_only_in_part_is_named_when_there_is_room_again(
    tmp_path: Path,
) -> None:
    """A limit of the process's file size stands for the disk that fills up within a line."""
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))\n" + WRITER
    )
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", limited, str(tmp_path), "50"],
        capture_output=True,
        text=True,
    )
    await open_log(tmp_path).append(an_entry(99))

    kinds = [each.kind for each in read_entries(log_files(tmp_path))]
    assert "Unavailable: the audit log" in done.stderr
    assert kinds.count(Kind.TORN) == 1
    assert verify_files(log_files(tmp_path)).is_intact


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: folder.write_text("a file"), "Not a directory|File exists"),
        (lambda folder: folder.symlink_to(folder.parent / "nowhere" / "deep"), "cannot be written"),
    ],
)  # fmt: skip
async def test_a_folder_that_cannot_be_used_is_unavailable(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    """Its message names the folder, what the system says, and what to look at."""
    spoil(tmp_path / "audit")
    if words == "cannot be written":
        (tmp_path / "nowhere").write_text("a file")

    with pytest.raises(Unavailable, match=words):
        await open_log(tmp_path / "audit").append(an_entry())


async def test_a_writer_that_stands_still_with_the_lock_does_not_hold_others_for_ever(
    tmp_path: Path,
) -> None:
    """After some patience the delivery is told to come again."""
    log = open_log(tmp_path, patience=timedelta(milliseconds=50))
    await log.append(an_entry(1))
    descriptor = os.open(tmp_path / LOCK, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="held by another process"):
            await log.append(an_entry(2))
    finally:
        os.close(descriptor)
    written = await log.append(an_entry(3))

    assert written.sequence == 3


async def test_the_log_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It tells who did what in private repositories."""
    log = open_log(tmp_path / "audit")
    await log.append(an_entry())

    [path] = log_files(tmp_path / "audit")
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
