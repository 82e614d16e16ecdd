"""
One repository's memory and notebook, and a stand-in for the language model.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from contract.notebook.scripted_ollama import ScriptedOllama, scripted_ollama
from contract.notebook.world import World, opened
from odyssey.domain.memory.record import Tenant


@pytest.fixture
def tenant() -> Tenant:
    """The repository whose memory it is."""
    return Tenant.of(7, "acme/shop")


@pytest_asyncio.fixture
async def model() -> AsyncIterator[ScriptedOllama]:
    """What answers for the language model."""
    async with scripted_ollama() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def world(tmp_path: Path, model: ScriptedOllama) -> AsyncIterator[World]:
    """Memory with a model."""
    async with opened(tmp_path, model_url=model.url) as made:
        yield made


@pytest_asyncio.fixture
async def quiet_world(tmp_path: Path) -> AsyncIterator[World]:
    """Memory without a model."""
    async with opened(tmp_path) as made:
        yield made
