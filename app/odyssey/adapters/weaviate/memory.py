"""
The memory port on a Weaviate server.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from odyssey.adapters.embedding import AsksQueries, Embedder
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.memory_store import Tell
from odyssey.adapters.ranking import Reranker
from odyssey.adapters.weaviate import backups
from odyssey.adapters.weaviate.connection import Connection
from odyssey.adapters.weaviate.outbox import Outbox
from odyssey.adapters.weaviate.store import WeaviateStore
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.fusion import Weights
from odyssey.domain.memory.scoring import Scoring


class WeaviateMemory(LongMemory):
    """
    Memory in Weaviate 1.38 or newer, one tenant for each repository.

    *control* is a file on this machine: what is retained is in it until the server
    has it, so that a server that is away loses nothing. Processes that share the
    file take turns in writing a tenant; on several machines one at a time should
    write. Every call to the server gives up after *patience*.
    """

    def __init__(
        self,
        url: str,
        embedder: Embedder | None = None,
        *,
        control: Path,
        grpc_port: int = 50051,
        api_key: str = "",
        prefix: str = "Odyssey",
        weights: Weights | None = None,
        scoring: Scoring | None = None,
        reranker: Reranker | None = None,
        queries: AsksQueries | None = None,
        patience: timedelta = timedelta(seconds=10),
        embed_within: timedelta = timedelta(seconds=5),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._weaviate = WeaviateStore(
            Connection(url, grpc_port=grpc_port, api_key=api_key, prefix=prefix, patience=patience),
            Outbox(control, patience=patience),
        )
        super().__init__(
            self._weaviate,
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
        Has the server make the backup *place* (`NAME` or `BACKEND:NAME`); how many collections.

        Raises:
            Unavailable: the server has not the module, or rows wait that it has not yet.
        """
        for tenant in await self._weaviate.behind():
            await self._weaviate.drain.all(tenant)
            if count := self._weaviate.control.count(tenant):
                raise Unavailable(
                    f"tenant {tenant}: {count} rows wait in {self._weaviate.control.path}, and no "
                    "backup would have them; odyssey memory catch-up says why"
                )
        return await backups.backup(self._weaviate.connection, place, tell)

    async def restore(self, place: str, tell: Tell = lambda _line: None) -> int:
        """Has the server put a backup in the place of what is there; how many collections."""
        return await backups.restore(self._weaviate.connection, place, tell)
