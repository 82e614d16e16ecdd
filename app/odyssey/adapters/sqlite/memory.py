"""
The memory port on SQLite files.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from odyssey.adapters.embedding import Embedder, Vector
from odyssey.adapters.sqlite import rows, search, vectors
from odyssey.adapters.sqlite.frequencies import Frequencies
from odyssey.adapters.sqlite.schema import Files
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.asking import ask
from odyssey.domain.memory.fusion import Weights
from odyssey.domain.memory.keys import pieces
from odyssey.domain.memory.record import Recollection, Record, Tenant, check_where
from odyssey.domain.memory.retention import retainable

_log = logging.getLogger(__name__)

_BATCH = 64
"""Records embedded in one go: about two seconds of work on two cores."""

_ATTEMPTS = 5
"""After which a record that cannot be embedded is left to `catch_up(again=True)`."""

DEFAULT_CACHE_BYTES = 1_000_000_000
"""Vectors of all tenants kept in memory by one process; the tenant longest unused goes first."""


class SqliteMemory:
    """
    Memory in one SQLite file for each tenant.

    Without an embedder it recalls by words alone. With one, the text is stored
    first and the vectors follow in the same call; if the model is away they are
    caught up by a later call, and nothing is lost. No call waits for the model
    longer than *embed_within*, or for another process longer than *patience*.
    """

    def __init__(
        self,
        folder: Path,
        embedder: Embedder | None = None,
        *,
        weights: Weights | None = None,
        patience: timedelta = timedelta(seconds=10),
        embed_within: timedelta = timedelta(seconds=5),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self._files = Files(folder, patience=patience)
        self._embedder = embedder
        self._weights = weights or Weights()
        self._embed_within = embed_within
        self._now = now
        self._cache_bytes = cache_bytes
        self._matrices: OrderedDict[Tenant, vectors.Matrix] = OrderedDict()
        self._frequencies: dict[Tenant, Frequencies] = {}
        self._embedding: dict[Tenant, asyncio.Lock] = {}

    async def retain(self, tenant: Tenant, records: Sequence[Record]) -> None:
        """
        Keeps the records, masked, durable when it returns. Repeatable by id: the first stays.

        A model that is away or slow delays the vectors, never the records.

        Raises:
            Unavailable: the file cannot be written.
        """
        if not records:
            return
        await asyncio.to_thread(self._insert, tenant, records)
        if self._embedder is None:
            return
        try:
            async with asyncio.timeout(self._embed_within.total_seconds()):
                await self.catch_up(tenant)
        except (Unavailable, TimeoutError) as error:
            _log.warning("tenant %s: vectors follow later: %s", tenant, str(error) or "timeout")

    async def recall(
        self,
        tenant: Tenant,
        query: str,
        *,
        limit: int = 8,
        kinds: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
    ) -> list[Recollection]:
        """
        The records most relevant to *query*, best first, at most *limit*. Repeatable.

        With *where*, every record that matches is found, those that the query
        does not speak of last and newest first; with an empty *query* the newest.

        Raises:
            ValueError: *where* names nothing that can be asked for.
            Unavailable: the file cannot be read.
        """
        narrow = dict(where or {})
        check_where(narrow)
        if limit < 1 or not self._files.exists(tenant):
            return []
        vector = await self._query_vector(tenant, query) if query.strip() else None
        question = ask(query, now=self._now())
        request = search.Request(question=question, limit=limit, kinds=tuple(kinds), where=narrow)
        return await asyncio.to_thread(self._recall, tenant, request, vector)

    async def forget(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> int:
        """
        Deletes what came from *source*, or is about or by *person*; how many records. Repeatable.

        Afterwards the text is in none of the tenant's files, not even in free pages.

        Raises:
            ValueError: neither, or both, are given.
        """
        if (source is None) == (person is None):
            raise ValueError("forget needs a source or a person, and only one of them")
        if not self._files.exists(tenant):
            return 0
        return await asyncio.to_thread(self._forget, tenant, source, person)

    async def catch_up(self, tenant: Tenant, *, again: bool = False) -> int:
        """
        Embeds what waits in the outbox; how many records.

        *again* also takes those that failed five times.

        Raises:
            Unavailable: the model is away, or the file has vectors of another.
        """
        if self._embedder is None or not self._files.exists(tenant):
            return 0
        async with self._embedding.setdefault(tenant, asyncio.Lock()):
            return await self._catch_up(tenant, self._embedder, again=again)

    async def _catch_up(self, tenant: Tenant, embedder: Embedder, *, again: bool) -> int:
        done = 0
        while waiting := await asyncio.to_thread(self._waiting, tenant, again):
            texts = [pieces(record) for record in waiting.values()]
            try:
                embedded = await embedder.embed_documents([t for own in texts for t in own])
            except Unavailable:
                await asyncio.to_thread(self._count_attempt, tenant, list(waiting))
                raise
            parts = iter(embedded)
            by_seq = {
                seq: [next(parts) for _ in own] for seq, own in zip(waiting, texts, strict=True)
            }
            await asyncio.to_thread(self._write_vectors, tenant, by_seq, embedder.model)
            done += len(waiting)
        return done

    async def waiting(self, tenant: Tenant) -> int:
        """How many records have no vectors yet."""
        if not self._files.exists(tenant):
            return 0
        return await asyncio.to_thread(self._count_waiting, tenant)

    async def close(self) -> None:
        """Ends the connections; the embedder is its owner's to close."""
        await asyncio.to_thread(self._files.close)
        self._matrices.clear()

    async def _query_vector(self, tenant: Tenant, query: str) -> Vector | None:
        if self._embedder is None:
            return None
        try:
            async with asyncio.timeout(self._embed_within.total_seconds()):
                return await self._embedder.embed_query(query)
        except (Unavailable, TimeoutError) as error:
            _log.warning("tenant %s: recalled by words alone: %s", tenant, str(error) or "timeout")
            return None

    # Everything below runs in a thread.

    def _insert(self, tenant: Tenant, records: Sequence[Record]) -> None:
        prepared = [retainable(record) for record in records]
        with self._files.connection(tenant, write=True) as connection:
            added = [
                seq
                for record, count in prepared
                if (seq := rows.insert(connection, record, masked=count)) is not None
            ]
            rows.refresh_nearby(connection, added)

    def _recall(
        self, tenant: Tenant, request: search.Request, vector: Vector | None
    ) -> list[Recollection]:
        with self._files.connection(tenant) as connection:
            known = connection.execute("SELECT value FROM meta WHERE name = 'model'").fetchone()
            view = None
            if vector is not None and self._embedder is not None and known is not None:
                if known[0] == self._embedder.model:
                    matrix = self._matrix(tenant)
                    view = matrix.refresh(connection, dimensions=len(vector))
                else:
                    _log.error(
                        "tenant %s: recalled by words alone: its vectors are of %s, not of %s",
                        tenant, known[0], self._embedder.model,
                    )  # fmt: skip
            frequencies = self._frequencies.setdefault(tenant, Frequencies())
            return search.recall(
                connection,
                request,
                vector=vector,
                view=view,
                frequencies=frequencies,
                weights=self._weights,
            )

    def _forget(self, tenant: Tenant, source: str | None, person: str | None) -> int:
        with self._files.connection(tenant, write=True) as connection:
            found = connection.execute(
                "SELECT seq FROM record WHERE source = ? OR person = ? OR actor = ?",
                (source, person, person),
            ).fetchall()
            if found:
                rows.delete(connection, [seq for (seq,) in found])
                vectors.bump_epoch(connection)
        self._files.scrub(tenant)
        return len(found)

    def _waiting(self, tenant: Tenant, again: bool) -> dict[int, Record]:
        with self._files.connection(tenant) as connection:
            found = connection.execute(
                "SELECT seq FROM outbox WHERE attempts < ? ORDER BY seq LIMIT ?",
                (2**31 if again else _ATTEMPTS, _BATCH),
            )
            return rows.read(connection, [seq for (seq,) in found])

    def _count_waiting(self, tenant: Tenant) -> int:
        with self._files.connection(tenant) as connection:
            return int(connection.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def _count_attempt(self, tenant: Tenant, seqs: list[int]) -> None:
        with self._files.connection(tenant, write=True) as connection:
            connection.executemany(
                "UPDATE outbox SET attempts = attempts + 1 WHERE seq = ?", [(seq,) for seq in seqs]
            )

    def _write_vectors(
        self, tenant: Tenant, by_seq: Mapping[int, Sequence[Vector]], model: str
    ) -> None:
        with self._files.connection(tenant, write=True) as connection:
            there = rows.read(connection, list(by_seq))
            for seq, found in by_seq.items():
                if seq in there:
                    vectors.write(connection, seq, found, model=model)

    def _matrix(self, tenant: Tenant) -> vectors.Matrix:
        matrix = self._matrices.setdefault(tenant, vectors.Matrix())
        self._matrices.move_to_end(tenant)
        while len(self._matrices) > 1 and self._held() > self._cache_bytes:
            self._matrices.popitem(last=False)
        return matrix

    def _held(self) -> int:
        return sum(matrix.size for matrix in list(self._matrices.values()))
