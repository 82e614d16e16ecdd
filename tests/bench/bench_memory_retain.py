"""
Retain: events a second that are durable on disk, with and without embedding.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

from bench.corpus import Corpus
from bench.figure import Figure
from odyssey.adapters.sentence_transformers import SentenceTransformersEmbedder
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Record, Tenant

TENANT = Tenant.of(1, "acme/shop")
ALONE = 500
TOGETHER = 10_000
BATCH = 100
EMBEDDED = 512


async def figures() -> AsyncIterator[Figure]:
    """
    `retain_alone`, each event by itself as deliveries bring them; `retain_batch`, a hundred
    in one call; `retain_embedded`, a hundred in one call with their vectors made before it
    returns. Every call returns when the disk has it.
    """
    records = [row.record for row in Corpus().rows(0, ALONE + TOGETHER)]
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as name:
        memory = SqliteMemory(Path(name))
        try:
            alone = await _rate(memory, records[:ALONE], batch=1)
            together = await _rate(memory, records[ALONE:], batch=BATCH)
        finally:
            await memory.close()
    yield Figure("retain_alone", alone, "events/s", at_most=False)
    yield Figure("retain_batch", together, "events/s", at_most=False)
    yield await _embedded(records[:EMBEDDED])


async def _embedded(records: Sequence[Record]) -> Figure:
    embedder = SentenceTransformersEmbedder()
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as name:
        memory = SqliteMemory(Path(name), embedder, embed_within=timedelta(minutes=10))
        try:
            await embedder.embed_query("the first one loads the model")
            rate = await _rate(memory, records, batch=BATCH)
            left = await memory.waiting(TENANT)
        except Unavailable as error:
            return Figure("retain_embedded", None, "events/s", note=str(error))
        finally:
            await memory.close()
            await embedder.close()
    note = f"{embedder.model}, {os.cpu_count()} cores; {left} without vectors at the end"
    return Figure("retain_embedded", rate, "events/s", at_most=False, note=note)


async def _rate(memory: SqliteMemory, records: Sequence[Record], *, batch: int) -> float:
    started = time.perf_counter()
    for start in range(0, len(records), batch):
        await memory.retain(TENANT, records[start : start + batch])
    return len(records) / (time.perf_counter() - started)
