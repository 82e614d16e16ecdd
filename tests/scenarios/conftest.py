"""
One loaded embedding model for all scenarios, and a stage for each test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from odyssey.adapters.embedding import Embedder
from odyssey.adapters.sentence_transformers import SentenceTransformersEmbedder
from odyssey.scenario import Scenario

# Before its first import, so that its assertions tell what they saw.
pytest.register_assert_rewrite("scenarios.stage")

from scenarios.stage import on_stage  # noqa: E402  # after the rewrite above


@pytest.fixture(scope="session")
def embedder() -> Iterator[Embedder]:
    """
    The real model, loaded once, before anybody waits for it.
    """
    embedder = SentenceTransformersEmbedder()
    asyncio.run(embedder.embed_query("ready"))
    yield embedder
    asyncio.run(embedder.close())


@pytest_asyncio.fixture
async def scenario(tmp_path: Path, embedder: Embedder) -> AsyncIterator[Scenario]:
    """
    A scenario of the test's own, with the sample's policy.
    """
    async with on_stage(tmp_path, embedder) as scenario:
        yield scenario
