"""
Embeddings by Ollama: a real server where there is one, its documented answers always.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from contract.memory import ollama_server
from contract.memory.records import record
from odyssey.adapters.embedding import CannotEmbed
from odyssey.adapters.ollama_embedder import OllamaEmbedder
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[OllamaEmbedder]:
    """A model of a real server; skipped without one, with the reason."""
    with ollama_server.running(tmp_path) as server:
        if isinstance(server, str):
            pytest.skip(server)
        embedder = OllamaEmbedder(server.model, url=server.url, timeout=timedelta(minutes=5))
        yield embedder
        await embedder.close()


@pytest.fixture
async def documented() -> AsyncIterator[ollama_server.Documented]:
    """A stand-in that answers as the documentation says, and says that it is one."""
    server = await ollama_server.documented()
    yield server
    await server.close()


async def test_a_real_server_embeds_and_is_recalled_by(
    real: OllamaEmbedder, tmp_path: Path, tenant: Tenant
) -> None:
    """Vectors of length 1, the same for the same text; long and empty texts are no error."""
    texts = ["a proposal was merged", "", "x " * 300, "a proposal was merged"]
    vectors = await real.embed_documents(texts)
    memory = SqliteMemory(tmp_path / "memory", real, embed_within=timedelta(minutes=5))
    await memory.retain(tenant, [record("1", "Rate limits belong in the gateway")])
    [found] = await memory.recall(tenant, "Rate limits belong in the gateway", scope=REPOSITORY)
    await memory.close()

    assert all(math.isclose(sum(v * v for v in one), 1.0, abs_tol=1e-5) for one in vectors)
    assert sum(a * b for a, b in zip(vectors[0], vectors[3], strict=True)) > 0.999
    assert "meaning" in found.matched
    assert await memory.models(tenant) == [real.model]


async def test_a_real_server_without_the_model_is_unavailable_with_its_remedy(
    real: OllamaEmbedder,
) -> None:
    """`ollama pull`."""
    other = OllamaEmbedder("no-such-model", url=real._url)

    with pytest.raises(Unavailable, match="ollama pull no-such-model"):
        await other.embed_query("x")
    await other.close()


async def test_what_is_sent_is_what_is_documented(documented: ollama_server.Documented) -> None:
    """`POST /api/embed` with model and input; queries and documents in the model's own words."""
    embedder = OllamaEmbedder("nomic-embed-text", url=documented.url, api_key="k3y")

    vectors = await embedder.embed_documents(["one", " "])
    await embedder.embed_query("two")
    await embedder.close()

    assert [list(one) for one in vectors] == [[0.6000000238418579, 0.800000011920929]] * 2
    assert [request["path"] for request in documented.requests] == ["/api/embed"] * 2
    assert [request["body"]["input"] for request in documented.requests] == [
        ["search_document: one", "search_document:  "],
        ["search_query: two"],
    ]
    assert documented.requests[0]["body"]["model"] == "nomic-embed-text"
    assert documented.requests[0]["authorization"] == "Bearer k3y"


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (404, {"error": 'model "m" not found'}, Unavailable, "ollama pull m"),
        (400, {"error": "the input length exceeds the context length"}, CannotEmbed, "length"),
        (500, {"error": "llama runner process has terminated"}, Unavailable, "terminated"),
        (503, {"error": "server busy, please try again"}, Unavailable, "busy"),
        (200, {"model": "m", "embeddings": []}, Unavailable, "0 vectors for 1"),
        (200, {"model": "m", "embeddings": [[0.0, 0.0]]}, CannotEmbed, "direction"),
    ],
)
async def test_each_documented_error_says_what_to_do(
    documented: ollama_server.Documented,
    status: int,
    body: dict[str, object],
    error: type[Exception],
    said: str,
) -> None:
    """A text that is refused is told apart from a server that is away."""
    documented.answers(status, body)
    embedder = OllamaEmbedder("m", url=documented.url)

    with pytest.raises(error, match=said):
        await embedder.embed_query("x")
    await embedder.close()


async def test_a_text_that_the_model_refuses_is_found_by_words_and_holds_up_no_other(
    documented: ollama_server.Documented, tmp_path: Path, tenant: Tenant
) -> None:
    """The others of its batch have their vectors; it is not tried for ever."""
    documented.refuses("durian")
    embedder = OllamaEmbedder("m", url=documented.url)
    memory = SqliteMemory(tmp_path, embedder)
    await memory.retain(tenant, [record("1", "apples"), record("2", "durian"), record("3", "figs")])

    found = await memory.recall(tenant, "durian", scope=REPOSITORY)
    waiting = await memory.waiting(tenant)
    before = len(documented.requests)
    again = await memory.catch_up(tenant)
    await memory.close()
    await embedder.close()

    assert {one.record.id for one in found if "words" in one.matched} == {"2"}
    assert (waiting, again, len(documented.requests) - before) == (1, 0, 0)


async def test_a_server_that_is_away_or_hangs_is_unavailable(tmp_path: Path) -> None:
    """In time, with the setting to look at."""
    silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]

    for url in ("http://127.0.0.1:9", f"http://127.0.0.1:{port}"):
        embedder = OllamaEmbedder("m", url=url, timeout=timedelta(seconds=0.2))
        with pytest.raises(Unavailable, match="ODYSSEY_OLLAMA_URL"):
            await embedder.embed_query("x")
        await embedder.close()
    silent.close()
