"""
The stores that must keep the same promises.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from contract.memory import weaviate_server
from contract.memory.hashing import HashingEmbedder
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.memory.record import Tenant
from odyssey.ports import Memory


@pytest.fixture
def repository() -> str:
    """A repository no other test uses: a server keeps its tenants."""
    return f"acme/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def tenant(repository: str) -> Tenant:
    """The repository whose memory most tests use."""
    return Tenant.of(7, repository)


@pytest.fixture
def embedder() -> HashingEmbedder:
    """A model that answers; set `is_away` and it does not."""
    return HashingEmbedder()


@pytest.fixture(scope="session")
def weaviate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[weaviate_server.Server | None]:
    """One server for all tests; None where there is none."""
    with weaviate_server.running(tmp_path_factory.mktemp("weaviate")) as server:
        yield server


@pytest.fixture(params=["sqlite", "weaviate"])
async def memory(
    request: pytest.FixtureRequest, tmp_path: Path, embedder: HashingEmbedder
) -> AsyncIterator[Memory]:
    """Each store in turn."""
    if request.param == "sqlite":
        store: Memory = SqliteMemory(tmp_path / "memory", embedder)
    else:
        server = request.getfixturevalue("weaviate")
        if server is None:
            pytest.skip(
                f"no Weaviate: set {weaviate_server.URL_VARIABLE}, or put `weaviate` on PATH"
            )
        from odyssey.adapters.weaviate import WeaviateMemory

        store = WeaviateMemory(
            server.url, embedder, grpc_port=server.grpc_port, patience=timedelta(seconds=60)
        )
    yield store
    await store.close()
