"""
The stores that must keep the same promises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.memory.hashing import HashingEmbedder
from odyssey.adapters.sqlite.memory import SqliteMemory
from odyssey.domain.memory.record import Tenant
from odyssey.ports import Memory


@pytest.fixture
def tenant() -> Tenant:
    """The repository whose memory most tests use."""
    return Tenant.of(7, "acme/shop")


@pytest.fixture
def embedder() -> HashingEmbedder:
    """A model that answers; set `is_away` and it does not."""
    return HashingEmbedder()


@pytest.fixture(params=["sqlite"])
async def memory(
    request: pytest.FixtureRequest, tmp_path: Path, embedder: HashingEmbedder
) -> AsyncIterator[Memory]:
    """Each store in turn, empty."""
    store = SqliteMemory(tmp_path / "memory", embedder=embedder)
    yield store
    await store.close()
