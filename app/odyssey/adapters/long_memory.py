"""
The memory port over any store: masking, embedding and ranking are done here, once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from odyssey.adapters.embedding import (
    AsksQueries,
    CannotEmbed,
    Embedder,
    ModelMismatch,
    Vector,
)
from odyssey.adapters.memory_store import Key, Query, Store, Tell, Waiting
from odyssey.adapters.ranking import Ranking, Reranker
from odyssey.domain.errors import OdysseyError, Unavailable
from odyssey.domain.memory.asking import ask
from odyssey.domain.memory.fusion import Weights
from odyssey.domain.memory.keys import pieces
from odyssey.domain.memory.record import Recollection, Record, Tenant, check_where
from odyssey.domain.memory.retention import retainable
from odyssey.domain.memory.scope import Scope, Shelf
from odyssey.domain.memory.scoring import Scoring
from odyssey.domain.memory.stored import Forgotten, Stored

_log = logging.getLogger(__name__)

_BATCH = 64
"""Records embedded in one go: about two seconds of work on two cores."""


class LongMemory:
    """
    Memory over a store.

    Without an embedder it recalls by words alone. With one, the text is stored
    first and the vectors follow in the same call; if the model is away they are
    caught up by a later call, and nothing is lost. No call waits for the model
    longer than *embed_within*. With *queries* alone questions are embedded elsewhere,
    and records by another process.
    """

    def __init__(
        self,
        store: Store,
        embedder: Embedder | None = None,
        *,
        weights: Weights | None = None,
        scoring: Scoring | None = None,
        reranker: Reranker | None = None,
        queries: AsksQueries | None = None,
        embed_within: timedelta = timedelta(seconds=5),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._queries = embedder or queries
        self._ranking = Ranking(weights or Weights(), scoring or Scoring(), reranker)
        self._embed_within = embed_within
        self._now = now
        self._embedding: dict[Tenant, asyncio.Lock] = {}

    @property
    def name(self) -> str:
        """Which store and model, for people."""
        model = self._queries.model if self._queries else "none: recall by words alone"
        if self._queries is not None and self._embedder is None:
            model += ", of which workers are asked"
        return f"{self._store.name}; embedding model {model}"

    async def retain(
        self, tenant: Tenant, records: Sequence[Record], *, shelf: Shelf = Shelf.EVENT
    ) -> None:
        """
        Keeps the records, masked, durable when it returns. Repeatable by id.

        Of two events with one id the first stays, on other shelves the last. A
        model that is away or slow delays the vectors, never the records.

        Raises:
            Unavailable: they could not be kept.
        """
        if not records:
            return
        rows = [_masked(Stored(record=record, shelf=shelf)) for record in records]
        await self._store.keep(tenant, rows)
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
        scope: Scope,
        limit: int = 8,
        kinds: Sequence[str] = (),
        where: Mapping[str, str] | None = None,
        shelf: Shelf = Shelf.EVENT,
    ) -> list[Recollection]:
        """
        The records of *scope* most relevant to *query*, best first, at most *limit*. Repeatable.

        With *where*, every record that matches is found, those that the query
        does not speak of last and newest first; with an empty *query* the newest.

        Raises:
            ValueError: *where* names nothing that can be asked for.
            Unavailable: the store is away.
        """
        narrow = dict(where or {})
        check_where(narrow)
        if limit < 1:
            return []
        is_listing = not query.strip()
        question = ask(query, now=self._now())
        found = await self._store.search(
            tenant,
            Query(
                question=question,
                scope=scope,
                shelf=shelf,
                kinds=tuple(kinds),
                where=narrow,
                vector=None if is_listing else await self._query_vector(tenant, query),
                model=self._queries.model if self._queries else "",
                rest=limit if is_listing or narrow else 0,
            ),
        )
        return await self._ranking.answer(found, question, limit=limit, doubles=is_listing)

    async def read(
        self, tenant: Tenant, ids: Sequence[str], *, shelf: Shelf = Shelf.EVENT
    ) -> dict[str, Record]:
        """The records with these ids that are there, by id. Repeatable."""
        return await self._store.read(tenant, shelf, ids) if ids else {}

    async def ids_from(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> list[str]:
        """
        The ids of what `forget` would delete, of all shelves; of very many not all. Repeatable.

        Raises:
            ValueError: neither, or both, are given.
            Unavailable: the store is away.
        """
        _check_origin(source=source, person=person)
        return await self._store.ids_from(tenant, source=source, person=person)

    async def forget(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> Forgotten:
        """
        Deletes what came from *source*, or is about or by *person*, from every shelf. Repeatable.

        Logins are compared in any letter case. Files that were exported are their
        owner's to delete.

        Raises:
            ValueError: neither, or both, are given.
            Unavailable: the store is away, or something is still there: call again.
        """
        _check_origin(source=source, person=person)
        forgotten = await self._store.forget(tenant, source=source, person=person)
        if forgotten.left:
            raise Unavailable(
                f"tenant {tenant}: {forgotten.left} rows are there after forgetting, written "
                "meanwhile; call again"
            )
        return forgotten

    async def catch_up(self, tenant: Tenant | None = None, *, again: bool = False) -> int:
        """
        Writes and embeds what waits, of one tenant or of all; how many records. Repeatable.

        *again* also takes those that were refused too often.

        Raises:
            Unavailable: the model or the store is away, or has vectors of another model.
        """
        if tenant is None:
            return await self._catch_up_all(again=again)
        async with self._embedding.setdefault(tenant, asyncio.Lock()):
            done = 0
            tried: set[tuple[Shelf, Key]] = set()
            while waiting := await self._untried(tenant, tried, again=again):
                assert self._embedder is not None  # without one nothing is listed
                vectors = await self._embed([one.record for one in waiting])
                await self._store.put_vectors(
                    tenant,
                    list(zip(waiting, vectors, strict=True)),
                    model=self._embedder.model,
                )
                done += len(waiting)
                if again:
                    # Each once: what is refused is listed again, and no longer given up.
                    tried |= {(one.shelf, one.key) for one in waiting}
            return done

    async def _untried(
        self, tenant: Tenant, tried: set[tuple[Shelf, Key]], *, again: bool
    ) -> list[Waiting]:
        """The next rows to embed, without those that were *tried* and are still listed."""
        limit = _BATCH if self._embedder else 0
        while True:
            listed = await self._store.unembedded(tenant, limit=limit, again=again)
            found = [one for one in listed if (one.shelf, one.key) not in tried]
            if found or not listed or len(listed) < limit:
                return found[:_BATCH]
            limit *= 2

    async def _catch_up_all(self, *, again: bool) -> int:
        done = 0
        of_one: BaseException | None = None
        for tenant in await self.behind():
            # What comes of one tenant, as a value: the others have their turn first.
            [found] = await asyncio.gather(
                self.catch_up(tenant, again=again), return_exceptions=True
            )
            match found:
                case int():
                    done += found
                case ModelMismatch():
                    of_one = of_one or found
                case OdysseyError() | asyncio.CancelledError():
                    raise found
                case _:
                    _log.error("tenant %s: not caught up, a defect", tenant, exc_info=found)
                    of_one = found
        if of_one is not None:
            raise of_one
        return done

    async def behind(self) -> list[Tenant]:
        """The tenants of which something may wait to be written or embedded."""
        return await self._store.behind()

    async def waiting(self, tenant: Tenant) -> int:
        """How many records are not written, or have no vectors, yet."""
        return await self._store.waiting(tenant)

    async def tenants(self) -> list[Tenant]:
        """Every tenant of which anything is kept, by name."""
        return await self._store.tenants()

    async def models(self, tenant: Tenant) -> list[str]:
        """The names of the models that made a tenant's vectors: one, or none."""
        return await self._store.models(tenant)

    def export(self, tenant: Tenant) -> AsyncIterator[Stored]:
        """Every row of a tenant with its vectors, for `load`."""
        return self._store.export(tenant)

    async def load(self, tenant: Tenant, rows: Sequence[Stored]) -> int:
        """
        Puts rows back as they were, vectors included; how many were not there. Repeatable.

        What should have been masked is masked now.

        Raises:
            ModelMismatch: the tenant's vectors are of another model than these.
            Unavailable: the store is away.
        """
        return await self._store.load(tenant, [_masked(row) for row in rows]) if rows else 0

    async def reembed(self, tell: Tell = lambda _line: None) -> int:
        """
        Makes every vector of every tenant anew with this memory's model; how many rows.

        Recall goes on with the old ones until all are there. Repeatable.

        Raises:
            Unavailable: the model or the store is away; call again to go on.
        """
        if self._embedder is None:
            raise Unavailable("re-embedding needs a model; see EMBEDDING_PROVIDER")
        return await self._store.reembed(self._embed, model=self._embedder.model, tell=tell)

    async def close(self) -> None:
        """Ends the connections; the embedder is its owner's to close."""
        await self._store.close()
        if self._ranking.reranker is not None:
            await self._ranking.reranker.close()

    async def _query_vector(self, tenant: Tenant, query: str) -> Vector | None:
        if self._queries is None:
            return None
        try:
            async with asyncio.timeout(self._embed_within.total_seconds()):
                return await self._queries.embed_query(query)
        except (Unavailable, CannotEmbed, TimeoutError) as error:
            _log.warning("tenant %s: recalled by words alone: %s", tenant, str(error) or "timeout")
            return None

    async def _embed(self, records: Sequence[Record]) -> list[tuple[Vector, ...]]:
        """Vectors for each record; none for those that the model refuses."""
        assert self._embedder is not None  # both callers have looked
        texts = [pieces(record) for record in records]
        try:
            parts = iter(await self._embedder.embed_documents([t for own in texts for t in own]))
        except CannotEmbed as error:
            if len(records) > 1:
                return [(await self._embed([record]))[0] for record in records]
            _log.warning("record %s is found by words alone: %s", records[0].id, error)
            return [()]
        return [tuple(next(parts) for _ in own) for own in texts]


def _check_origin(*, source: str | None, person: str | None) -> None:
    if (source is None) == (person is None) or not (source or person or "").strip():
        raise ValueError("forget needs a source or a person, and only one of them")


def _masked(row: Stored) -> Stored:
    record, count = retainable(row.record)
    return Stored(
        record=record,
        shelf=row.shelf,
        masked=row.masked + count,
        model=row.model,
        vectors=row.vectors,
    )
