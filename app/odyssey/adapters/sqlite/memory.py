"""
The memory port on SQLite files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from odyssey.adapters.embedding import AsksQueries, Embedder
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.memory_store import Tell
from odyssey.adapters.ranking import Reranker
from odyssey.adapters.sqlite import backups
from odyssey.adapters.sqlite.store import SqliteStore
from odyssey.domain.memory.fusion import Weights
from odyssey.domain.memory.scoring import Scoring

DEFAULT_CACHE_BYTES = 1_000_000_000
"""Vectors of all tenants kept in memory by one process; the tenant longest unused goes first."""


class SqliteMemory(LongMemory):
    """
    Memory in one SQLite file for each tenant, in *folder*.

    No call waits for the model longer than *embed_within*, or for another process
    longer than *patience*.
    """

    def __init__(
        self,
        folder: Path,
        embedder: Embedder | None = None,
        *,
        weights: Weights | None = None,
        scoring: Scoring | None = None,
        reranker: Reranker | None = None,
        queries: AsksQueries | None = None,
        patience: timedelta = timedelta(seconds=10),
        embed_within: timedelta = timedelta(seconds=5),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        store = SqliteStore(folder, patience=patience, cache_bytes=cache_bytes)
        self._files = store.files
        super().__init__(
            store,
            embedder,
            weights=weights,
            scoring=scoring,
            reranker=reranker,
            queries=queries,
            embed_within=embed_within,
            now=now,
        )

    async def backup(self, place: str, tell: Tell = lambda _line: None) -> int:
        """
        Copies every tenant's file, as it is at one moment, into the folder *place*; how many.

        Raises:
            FileExistsError: there is a backup in it already.
        """
        return await asyncio.to_thread(backups.backup, self._files, Path(place), tell)

    async def restore(self, place: str, tell: Tell = lambda _line: None) -> int:
        """
        Puts the files of a backup in the place of the present ones; how many.

        Each file in one transaction; tenants that the backup has not are left alone.

        Raises:
            FileNotFoundError: *place* holds no whole backup.
        """
        return await asyncio.to_thread(backups.restore, self._files, Path(place), tell)
