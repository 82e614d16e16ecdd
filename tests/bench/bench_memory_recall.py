"""
Recall: how long it takes among 20,000 and 200,000 memories of one tenant, embedding apart.

Through the public port, in both stores, over made-up memories with random vectors of 384
numbers. The share of questions whose memory is among the first ten stands beside the time:
a recall that finds nothing is quick. Embedding is measured by itself, with the model.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

from bench.corpus import RARE_KIND, Asked, Corpus, GivenVectors, percentile
from bench.figure import Figure, NotMeasurable, tell
from contract.memory import weaviate_server
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.sentence_transformers import SentenceTransformersEmbedder
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.adapters.weaviate import WeaviateMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory.stored import Stored

BARS_MS: dict[int, float | None] = {20_000: 20.0, 200_000: 60.0}
QUESTIONS = 200
WARM_UP = 20
K = 10
BATCH = 2_000
ASKED_OF = 10_000
"""Of the newest memories, those that questions are made of."""

WEAVIATE_SIZES = tuple(
    int(size) for size in os.environ.get("ODYSSEY_BENCH_WEAVIATE_SIZES", "20000").split(",")
)
"""200,000 take a server of this size ten minutes and more to load: ask for them by the variable."""

EMBEDDED = 200


async def figures() -> AsyncIterator[Figure]:
    """
    `recall_<store>_<size>_p95` with p50 and the share found, the same `_of_a_kind`, narrowed
    as a proposal's recall is, and `embedding_p95`.
    """
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as name:
        embedder = GivenVectors()
        memory = SqliteMemory(Path(name), embedder, patience=timedelta(minutes=1))
        try:
            async for figure in measured(memory, embedder, store="sqlite", bars=BARS_MS):
                yield figure
        finally:
            await memory.close()
    async for figure in _weaviate():
        yield figure
    async for figure in _embedding():
        yield figure


async def measured(
    memory: LongMemory, embedder: GivenVectors, *, store: str, bars: dict[int, float | None]
) -> AsyncIterator[Figure]:
    """The figures of one store at each size, growing from one to the next."""
    corpus = Corpus()
    tenant = Tenant.of(1, f"acme/{uuid.uuid4().hex}")
    newest: list[Stored] = []
    size = 0
    for wanted, bar in sorted(bars.items()):
        started = time.perf_counter()
        while size < wanted:
            rows = corpus.rows(size, min(BATCH, wanted - size))
            await memory.load(tenant, rows)
            size += len(rows)
            newest = [*newest, *rows][-ASKED_OF:]
        tell(f"{store}: {wanted} memories after {time.perf_counter() - started:.0f} s")
        for name, kinds in (("", ()), ("_of_a_kind", (RARE_KIND,))):
            among = [row for row in newest if not kinds or row.record.kind in kinds]
            asked = corpus.questions(among, QUESTIONS + WARM_UP)
            embedder.know(asked)
            times, found = await ask_all(memory, tenant, asked, kinds=kinds)
            name = f"recall_{store}_{wanted}{name}"
            note = f"{found:.1%} of the questions found their memory among the first {K}"
            yield Figure(f"{name}_p95", percentile(times, 0.95), "ms", bar=bar, note=note)
            yield Figure(f"{name}_p50", percentile(times, 0.5), "ms")


async def ask_all(
    memory: LongMemory, tenant: Tenant, asked: Sequence[Asked], *, kinds: Sequence[str] = ()
) -> tuple[list[float], float]:
    """Milliseconds of each recall after the first ones, and the share that found its memory."""
    times: list[float] = []
    found = 0
    for number, one in enumerate(asked):
        started = time.perf_counter()
        answer = await memory.recall(tenant, one.text, scope=REPOSITORY, limit=K, kinds=kinds)
        if number >= WARM_UP:
            times.append((time.perf_counter() - started) * 1000)
            found += any(each.record.id == one.record_id for each in answer)
    return times, found / len(times)


async def _weaviate() -> AsyncIterator[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="odyssey-bench-") as name,
        weaviate_server.running(Path(name)) as server,
    ):
        if isinstance(server, weaviate_server.Missing):
            yield Figure("recall_weaviate", None, "ms", note=server.reason)
            return
        embedder = GivenVectors()
        memory = WeaviateMemory(
            server.url,
            embedder,
            control=Path(name) / "control.db",
            grpc_port=server.grpc_port,
            prefix=f"Bench{uuid.uuid4().hex[:8]}",
            patience=timedelta(minutes=2),
        )
        bars: dict[int, float | None] = dict.fromkeys(WEAVIATE_SIZES)
        try:
            async for figure in measured(memory, embedder, store="weaviate", bars=bars):
                yield figure
        finally:
            await memory.close()


async def _embedding() -> AsyncIterator[Figure]:
    embedder = SentenceTransformersEmbedder()
    corpus = Corpus()
    asked = corpus.questions(corpus.rows(0, 2 * EMBEDDED), EMBEDDED)
    times: list[float] = []
    try:
        await embedder.embed_query("the first one loads the model")
        for one in asked:
            started = time.perf_counter()
            await embedder.embed_query(one.text)
            times.append((time.perf_counter() - started) * 1000)
    except Unavailable as error:
        raise NotMeasurable(str(error)) from error
    finally:
        await embedder.close()
    cores = os.cpu_count() or 1
    note = f"one question at a time, {embedder.model}, {cores} cores"
    yield Figure("embedding_p95", percentile(times[WARM_UP:], 0.95), "ms", note=note)
    yield Figure("embedding_p50", percentile(times[WARM_UP:], 0.5), "ms")
