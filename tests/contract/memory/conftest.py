"""
The stores that must keep the same promises.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from contract.memory import weaviate_server
from contract.memory.hashing import HashingEmbedder
from contract.notebook.world import Clock, World
from odyssey.adapters.embedding import Embedder
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.notebook.opening import make_notebooks, memory_ports
from odyssey.adapters.noted_memory import NotedMemory
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.adapters.weaviate import WeaviateMemory
from odyssey.domain.memory.record import Tenant


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
def weaviate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[weaviate_server.Server]:
    """One server for all tests; without one they are skipped, with the reason."""
    with weaviate_server.running(tmp_path_factory.mktemp("weaviate")) as server:
        if isinstance(server, weaviate_server.Missing):
            pytest.skip(server.reason)
        yield server


def at(
    server: weaviate_server.Server,
    folder: Path,
    embedder: Embedder | None,
    *,
    prefix: str = "Odyssey",
) -> WeaviateMemory:
    """Memory on the server, with the outbox in *folder*."""
    return WeaviateMemory(
        server.url,
        embedder,
        control=folder / "control.db",
        grpc_port=server.grpc_port,
        prefix=prefix,
        patience=timedelta(seconds=60),
    )


@pytest.fixture(params=["sqlite", "weaviate"])
async def memory(
    request: pytest.FixtureRequest, tmp_path: Path, embedder: HashingEmbedder
) -> AsyncIterator[LongMemory]:
    """Each store in turn."""
    if request.param == "sqlite":
        store: LongMemory = SqliteMemory(tmp_path / "memory", embedder)
    else:
        server = request.getfixturevalue("weaviate")
        store = at(server, tmp_path, embedder)
    yield store
    await store.close()


@pytest.fixture
async def derived(memory: LongMemory, tmp_path: Path) -> AsyncIterator[World]:
    """A store, and the notebooks beside it."""
    notebooks = make_notebooks(tmp_path / "notes")
    ports = memory_ports(notebooks)
    now = Clock()
    yield World(
        memory=NotedMemory(memory, ports.learning, now=now),
        derived=ports,
        now=now,
        notebooks=notebooks,
    )
    await notebooks.close()


Opening = Callable[[Embedder | None], LongMemory]


@pytest.fixture(params=["sqlite", "weaviate"])
async def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens one and the same store, which no other test uses, again and again."""
    opened: list[LongMemory] = []
    if request.param == "sqlite":

        def opens(embedder: Embedder | None) -> LongMemory:
            opened.append(SqliteMemory(tmp_path / "memory", embedder))
            return opened[-1]

    else:
        server = request.getfixturevalue("weaviate")
        prefix = f"T{uuid.uuid4().hex[:12]}"

        def opens(embedder: Embedder | None) -> LongMemory:
            opened.append(at(server, tmp_path, embedder, prefix=prefix))
            return opened[-1]

    yield opens
    for one in opened:
        await one.close()
