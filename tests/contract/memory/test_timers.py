"""
What the timers beside the worker promise: one tenant's trouble is not the others'.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import NOON, record
from contract.notebook.world import World
from odyssey.adapters.embedding import Vector
from odyssey.adapters.notebook.opening import make_notebooks
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.memory_timer import catching_up
from odyssey.notebook_timer import deriving
from odyssey.ports import Memory
from odyssey.ports.derived import MemoryPorts

SOON = timedelta(milliseconds=20)
FIRST, SECOND = Tenant.of(1, "acme/shop"), Tenant.of(2, "acme/shop")


class BrokenEmbedder(HashingEmbedder):
    """A model with a defect: it breaks on apples the first two times."""

    def __init__(self) -> None:
        super().__init__()
        self.breaks = 2
        self.has_pears = asyncio.Event()
        self.has_apples = asyncio.Event()

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """Says by its events what it came to."""
        is_apples = any("apples" in text for text in texts)
        if is_apples and self.breaks:
            self.breaks -= 1
            raise ValueError("a defect")
        (self.has_apples if is_apples else self.has_pears).set()
        return await super().embed_documents(texts)


@dataclass
class BrokenClock:
    """A clock with a defect: it breaks the first two times, once for each kind of jobs."""

    reads: int = 0
    is_read_again: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self) -> datetime:
        """Noon."""
        self.reads += 1
        if self.reads <= 2:
            raise ValueError("a defect")
        self.is_read_again.set()
        return NOON


@dataclass(frozen=True)
class Needed:
    """What the timer of the notebooks needs."""

    memory: Memory
    derived: MemoryPorts
    now: BrokenClock


async def test_memory_catches_up_after_a_defect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The other tenants have their turn in the same round, and the one in the next."""
    without = SqliteMemory(tmp_path)
    await without.retain(FIRST, [record("1", "apples")])
    await without.retain(SECOND, [record("2", "pears")])
    await without.close()
    embedder = BrokenEmbedder()
    memory = SqliteMemory(tmp_path, embedder)

    async with catching_up(memory, every=SOON), asyncio.timeout(60):
        await embedder.has_pears.wait()
        breaks_by_then = embedder.breaks
        await embedder.has_apples.wait()
    await memory.close()

    assert breaks_by_then == 1
    assert str(FIRST) in caplog.text and str(SECOND) not in caplog.text
    assert "broke off on a defect" in caplog.text


async def test_a_model_that_is_away_is_no_defect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said in a line, and ends the round for all."""
    memory = SqliteMemory(tmp_path, HashingEmbedder(is_away=True))
    await memory.retain(FIRST, [record("1", "apples")])
    with caplog.at_level(logging.ERROR), pytest.raises(Unavailable, match="the model is away"):
        await memory.catch_up()
    await memory.close()

    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_memory_is_derived_from_after_a_defect(
    derived: World, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    """The timer goes on."""
    await derived.memory.retain(tenant, [record("1", "apples")])
    broken = BrokenClock()
    needed = Needed(memory=derived.memory, derived=derived.derived, now=broken)

    async with deriving(needed, every=SOON), asyncio.timeout(60):
        await broken.is_read_again.wait()

    assert "deriving from memory broke off on a defect" in caplog.text


async def test_a_stray_file_in_the_folder_is_nobodys(
    tmp_path: Path, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    """A copy that somebody left there ends nothing, and is named once."""
    memory = SqliteMemory(tmp_path, HashingEmbedder())
    notebooks = make_notebooks(tmp_path / "notes")
    await memory.retain(tenant, [record("1", "apples")])
    (tmp_path / "inst-7-x.old.db").touch()
    (tmp_path / "notes").mkdir(exist_ok=True)
    (tmp_path / "notes" / "inst-7-x.old.db").touch()

    listed = [await memory.tenants(), await memory.tenants()]
    of_notebooks = await notebooks.tenants()
    caught_up = await memory.catch_up()
    await notebooks.close()
    await memory.close()

    assert (listed, of_notebooks, caught_up) == ([[tenant], [tenant]], [], 0)
    assert caplog.text.count(f"{tmp_path}/inst-7-x.old.db") == 1
