"""
What the control file promises to those who write under its leases.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from contract.memory.records import record
from odyssey.adapters.control import Control
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.stored import Stored


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process's connection to the control file, which is there."""
    Control(tmp_path / "control.db").tenants()
    with closing(
        sqlite3.connect(
            tmp_path / "control.db", isolation_level=None, check_same_thread=False, timeout=30
        )
    ) as connection:
        yield connection


def in_control_file(folder: Path, text: bytes) -> bool:
    """Whether the control file, or its log, has the text."""
    return any(text in path.read_bytes() for path in folder.glob("control.db*"))


def test_a_file_that_many_make_at_once_is_made_for_all_of_them(tmp_path: Path) -> None:
    """SQLite refuses all but one at once, and does not wait for the patience."""

    def use(number: int) -> list[Tenant]:
        return Control(tmp_path / f"{number // 8}.db").tenants()

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(use, range(400)))

    assert found == [[]] * 400


async def test_whoever_is_cancelled_while_acquiring_a_lease_leaves_none(
    tmp_path: Path, other: sqlite3.Connection
) -> None:
    """The thread that waits for the file cannot be stopped; the next one would wait a minute."""
    begun = Event()

    def clock() -> float:
        begun.set()
        return 1000.0

    async def hold() -> None:
        async with Control(tmp_path / "control.db", clock=clock).lease("tenant x"):
            pass

    other.execute("BEGIN IMMEDIATE")
    holding = asyncio.create_task(hold())
    is_waiting = await asyncio.to_thread(begun.wait, 30)
    holding.cancel()
    await asyncio.wait([holding], timeout=0.1)
    other.rollback()
    [ended] = await asyncio.gather(holding, return_exceptions=True)
    # The default executor ends when its threads have: nobody acquires any more.
    await asyncio.get_running_loop().shutdown_default_executor()

    assert is_waiting and isinstance(ended, asyncio.CancelledError)
    assert not Control(tmp_path / "control.db", clock=clock).is_held("tenant x")


async def test_a_holder_whose_lease_another_took_over_is_stopped(tmp_path: Path) -> None:
    """It would write beside the other; the error says to call again."""
    lease = timedelta(seconds=2)
    first = Control(tmp_path / "control.db", clock=lambda: 1000.0, lease=lease)
    second = Control(tmp_path / "control.db", clock=lambda: 2000.0, lease=lease)
    written: list[str] = []

    async def write() -> None:
        async with first.lease("tenant x"):
            async with second.lease("tenant x"):
                await asyncio.wait([asyncio.create_task(asyncio.sleep(30))])
            written.append("after the loss")

    async with asyncio.timeout(20):
        with pytest.raises(Unavailable, match=r"tenant x was lost.*call again"):
            await write()

    assert not written


async def test_a_renewal_that_failed_once_is_tried_again(
    tmp_path: Path, other: sqlite3.Connection
) -> None:
    """Somebody held the file a while: the lease lasts, and the block goes on."""
    renewed, times = Event(), iter(range(1000, 2000))

    def clock() -> float:
        """Taken at 1000; the renewal of 1001 finds the file held, that of 1002 finds it free."""
        now = next(times)
        if now == 1002:
            other.rollback()
        if now == 1003:
            renewed.set()
        return now

    control = Control(
        tmp_path / "control.db",
        patience=timedelta(seconds=0.05),
        clock=clock,
        lease=timedelta(seconds=2),
    )
    async with control.lease("tenant x"):
        other.execute("BEGIN IMMEDIATE")
        is_renewed = await asyncio.to_thread(renewed.wait, 10)
        until = other.execute("SELECT until FROM lease").fetchone()

    assert is_renewed
    assert until >= (1004,)


async def test_a_holder_that_cannot_renew_is_stopped_when_its_lease_is_over(
    tmp_path: Path, other: sqlite3.Connection
) -> None:
    """From then on another may take it."""
    control = Control(
        tmp_path / "control.db", patience=timedelta(seconds=0.05), lease=timedelta(seconds=0.5)
    )
    written: list[str] = []

    async def write() -> None:
        async with control.lease("tenant x"):
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(30)
            written.append("after the loss")

    async with asyncio.timeout(20):
        with pytest.raises(Unavailable, match="tenant x was lost"):
            await write()
    other.rollback()

    assert not written


async def test_what_waits_is_not_forgotten_while_its_traces_are_read(
    tmp_path: Path, tenant: Tenant, other: sqlite3.Connection
) -> None:
    """A reader keeps the log from being emptied; the repeat empties it."""
    control = Control(tmp_path / "control.db", patience=timedelta(seconds=0.1))
    control.put(tenant, [Stored(record=record("1", "xylophone quokka", person="eve"))])
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM outbox").fetchone()

    with pytest.raises(Unavailable, match=r"deletion is done.*call again"):
        control.forget(tenant, source=None, person="eve")
    left = control.count(tenant)
    other.rollback()
    control.forget(tenant, source=None, person="eve")

    assert left == 0
    assert not in_control_file(tmp_path, b"quokka")
