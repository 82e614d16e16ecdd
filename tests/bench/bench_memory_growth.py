"""
Growth: bytes for each memory, and the time of a question, as a tenant grows.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from bench.bench_memory_recall import BATCH, QUESTIONS, WARM_UP, ask_all
from bench.corpus import DIMENSIONS, Corpus, GivenVectors, bytes_in, percentile
from bench.figure import Figure, tell
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.memory.record import Tenant

SIZES = (1_000, 10_000, 100_000)
TENANT = Tenant.of(1, "acme/shop")


async def figures() -> AsyncIterator[Figure]:
    """
    `memory_<size>_bytes` for each memory in the tenant's file, its vector in it, and
    `memory_<size>_query`, the median of a recall.
    """
    corpus = Corpus()
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as name:
        folder = Path(name)
        size = 0
        text = 0
        for wanted in SIZES:
            embedder = GivenVectors()
            memory = SqliteMemory(folder, embedder, patience=timedelta(minutes=1))
            started = time.perf_counter()
            while size < wanted:
                rows = corpus.rows(size, min(BATCH, wanted - size))
                await memory.load(TENANT, rows)
                size += len(rows)
                text += sum(len(row.record.text.encode()) for row in rows)
            tell(f"{wanted} memories after {time.perf_counter() - started:.0f} s")
            asked = corpus.questions(rows, min(QUESTIONS + WARM_UP, len(rows)))
            embedder.know(asked)
            times, found = await ask_all(memory, TENANT, asked)
            # Closing carries the write-ahead log into the file.
            await memory.close()
            each = bytes_in(folder) / size
            note = f"of them {text / size:.0f} of text and {4 * DIMENSIONS} of vector"
            yield Figure(f"memory_{wanted}_bytes", each, "bytes", note=note)
            note = f"{found:.1%} of the questions found their memory"
            yield Figure(f"memory_{wanted}_query", percentile(times, 0.5), "ms", note=note)
