"""
What the Weaviate store promises beyond the port: a server that is away, or half there.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.weaviate import WeaviateMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


async def test_a_server_that_hangs_is_unavailable_in_time(silent_port: int, tenant: Tenant) -> None:
    """The client would wait for minutes; the message says what to look at."""
    memory = WeaviateMemory(
        f"http://127.0.0.1:{silent_port}",
        HashingEmbedder(),
        grpc_port=9,
        patience=timedelta(seconds=1),
    )

    with pytest.raises(Unavailable, match=f"{silent_port}.*gRPC port 9"):
        await memory.retain(tenant, [record("1", "x")])
    with pytest.raises(Unavailable):
        await memory.recall(tenant, "x")
    await memory.close()


async def test_a_server_that_is_not_there_is_unavailable(tenant: Tenant) -> None:
    """At once."""
    memory = WeaviateMemory("http://127.0.0.1:9", grpc_port=10, patience=timedelta(seconds=20))

    with pytest.raises(Unavailable, match="see that it runs"):
        await memory.recall(tenant, "x")
    await memory.close()
