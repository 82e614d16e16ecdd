"""
The store of rows in SQLite files, one for each tenant.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from odyssey.adapters.embedding import Vector
from odyssey.adapters.memory_store import Embed, Found, Key, Query, Tell, Waiting
from odyssey.adapters.sqlite import forgetting, reembedding, rows, search, vectors
from odyssey.adapters.sqlite.files import Files
from odyssey.adapters.sqlite.frequencies import Frequencies
from odyssey.adapters.sqlite.neighbours import refresh_nearby
from odyssey.adapters.sqlite.schema import make_shelf, shelves, tables
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Forgotten, Stored

ATTEMPTS = 5
"""After which a record that the model refuses is left to `catch_up(again=True)`."""

_EXPORTED = 200
"""Rows read in one transaction of an export."""


class SqliteStore:
    """
    Rows in one SQLite file for each tenant; safe for threads and for several processes.

    No call waits for another process longer than *patience*. *cache_bytes* bounds
    the vectors of all tenants that are kept in memory.
    """

    def __init__(self, folder: Path, *, patience: timedelta, cache_bytes: int) -> None:
        self.files = Files(folder, patience=patience)
        self._matrices = vectors.Matrices(most_bytes=cache_bytes)
        self._frequencies: dict[tuple[Tenant, Shelf], Frequencies] = {}
        self._quiet: dict[Tenant, tuple[int, ...]] = {}

    @property
    def name(self) -> str:
        """SQLite, and the folder."""
        return f"SQLite in {self.files.folder}"

    async def keep(self, tenant: Tenant, rows: Sequence[Stored]) -> None:
        """Keeps the rows in one transaction."""
        await asyncio.to_thread(self._load, tenant, rows)

    async def load(self, tenant: Tenant, rows: Sequence[Stored]) -> int:
        """Puts rows back in one transaction; how many were not there."""
        return await asyncio.to_thread(self._load, tenant, rows)

    async def search(self, tenant: Tenant, query: Query) -> Found:
        """What the arms find in the tenant's file."""
        t = tables(query.shelf)

        async def read(keys: Sequence[Key]) -> Mapping[Any, Record]:
            return await asyncio.to_thread(self._read, tenant, query.shelf, keys)

        if not self.files.exists(tenant):
            return Found(hits=(), rest=(), read=read)

        def run() -> Found:
            with self.files.connection(tenant) as connection:
                if query.shelf not in shelves(connection):
                    return Found(hits=(), rest=(), read=read)
                view = None
                if query.vector is not None and vectors.model_of(connection) == query.model:
                    view = self._matrices.get(tenant, query.shelf).refresh(
                        connection, model=query.model, dimensions=len(query.vector)
                    )
                frequencies = self._frequencies.setdefault((tenant, query.shelf), Frequencies(t))
                hits, rest = search.search(connection, t, query, view=view, frequencies=frequencies)
                return Found(hits=hits, rest=rest, read=read)

        return await asyncio.to_thread(run)

    async def read(self, tenant: Tenant, shelf: Shelf, ids: Sequence[str]) -> dict[str, Record]:
        """The records with these ids."""

        def run() -> dict[str, Record]:
            with self.files.connection(tenant) as connection:
                if shelf not in shelves(connection):
                    return {}
                found = rows.numbers_of(connection, tables(shelf), ids)
                records = rows.read(connection, tables(shelf), list(found.values()))
                return {record.id: record for record in records.values()}

        return await asyncio.to_thread(run) if self.files.exists(tenant) else {}

    async def ids_from(
        self, tenant: Tenant, *, source: str | None, person: str | None
    ) -> list[str]:
        """The ids of what `forget` would delete."""
        if not self.files.exists(tenant):
            return []
        return await asyncio.to_thread(
            forgetting.ids_from, self.files, tenant, source=source, person=person
        )

    async def forget(self, tenant: Tenant, *, source: str | None, person: str | None) -> Forgotten:
        """Deletes, scrubs the file, and looks again."""
        if not self.files.exists(tenant):
            return Forgotten(deleted={}, left=0)
        return await asyncio.to_thread(
            forgetting.forget, self.files, tenant, source=source, person=person
        )

    async def unembedded(self, tenant: Tenant, *, limit: int, again: bool) -> list[Waiting]:
        """The first rows of the outbox, of all shelves."""
        if limit < 1 or not self.files.exists(tenant):
            return []
        return await asyncio.to_thread(self._unembedded, tenant, limit, again)

    async def put_vectors(
        self, tenant: Tenant, rows: Sequence[tuple[Waiting, Sequence[Vector]]], *, model: str
    ) -> None:
        """Stores the vectors of rows that are still there."""
        await asyncio.to_thread(self._put_vectors, tenant, rows, model)

    async def waiting(self, tenant: Tenant) -> int:
        """How many rows have no vectors."""

        def run() -> int:
            with self.files.connection(tenant) as connection:
                return sum(
                    connection.execute(
                        f"SELECT count(*) FROM {tables(shelf).outbox}"  # noqa: S608 - own names
                    ).fetchone()[0]
                    for shelf in shelves(connection)
                )

        return await asyncio.to_thread(run) if self.files.exists(tenant) else 0

    async def behind(self) -> list[Tenant]:
        """The tenants with rows in the outbox; a file that did not change is not opened again."""
        found: list[Tenant] = []
        for tenant in self.files.tenants():
            state = self._state(tenant)
            if self._quiet.get(tenant) == state:
                continue
            if await self.waiting(tenant):
                found.append(tenant)
            else:
                self._quiet[tenant] = state
        return found

    async def tenants(self) -> list[Tenant]:
        """Every tenant that has a file."""
        return self.files.tenants()

    async def models(self, tenant: Tenant) -> list[str]:
        """The model the file is tied to."""

        def run() -> list[str]:
            with self.files.connection(tenant) as connection:
                model = vectors.model_of(connection)
                return [] if model is None else [model]

        return await asyncio.to_thread(run) if self.files.exists(tenant) else []

    async def export(self, tenant: Tenant) -> AsyncIterator[Stored]:
        """Every row, shelf by shelf, in the order in which they were kept."""
        if not self.files.exists(tenant):
            return
        for shelf in Shelf:
            last = 0
            while found := await asyncio.to_thread(self._export, tenant, shelf, last):
                for _, stored in found:
                    yield stored
                last = found[-1][0]

    async def reembed(self, embed: Embed, *, model: str, tell: Tell) -> int:
        """Makes the vectors of every file anew, beside the old ones until all are there."""
        return await reembedding.reembed(self.files, embed, model=model, tell=tell)

    async def close(self) -> None:
        """Closes the files."""
        await asyncio.to_thread(self.files.close)
        self._matrices.clear()

    # Everything below runs in a thread.

    def _load(self, tenant: Tenant, found: Sequence[Stored]) -> int:
        with self.files.connection(tenant, write=True) as connection:
            count = 0
            for shelf in Shelf:
                count += _load(connection, [one for one in found if one.shelf is shelf], shelf)
            return count

    def _read(self, tenant: Tenant, shelf: Shelf, keys: Sequence[Key]) -> dict[int, Record]:
        with self.files.connection(tenant) as connection:
            return rows.read(connection, tables(shelf), [int(key) for key in keys])

    def _unembedded(self, tenant: Tenant, limit: int, again: bool) -> list[Waiting]:
        with self.files.connection(tenant) as connection:
            found: list[Waiting] = []
            for shelf in shelves(connection):
                t = tables(shelf)
                seqs = connection.execute(
                    f"SELECT seq FROM {t.outbox} WHERE attempts < ? ORDER BY seq LIMIT ?",  # noqa: S608 - own names
                    (2**31 if again else ATTEMPTS, limit - len(found)),
                ).fetchall()
                records = rows.read(connection, t, [seq for (seq,) in seqs])
                found += [
                    Waiting(shelf=shelf, key=seq, record=record) for seq, record in records.items()
                ]
            return found

    def _put_vectors(
        self, tenant: Tenant, found: Sequence[tuple[Waiting, Sequence[Vector]]], model: str
    ) -> None:
        with self.files.connection(tenant, write=True) as connection:
            vectors.bind(connection, model, [vector for _, own in found for vector in own])
            for one, own in found:
                t = tables(one.shelf)
                # Between reading and writing another process may have forgotten or replaced it.
                there = rows.read(connection, t, [int(one.key)])
                if own and there.get(int(one.key)) == one.record:
                    vectors.write(connection, t, int(one.key), own, model=model)
                elif not own:
                    connection.execute(
                        f"UPDATE {t.outbox} SET attempts = attempts + 1 WHERE seq = ?",  # noqa: S608 - own names
                        (int(one.key),),
                    )

    def _export(self, tenant: Tenant, shelf: Shelf, after: int) -> list[tuple[int, Stored]]:
        with self.files.connection(tenant) as connection:
            if shelf not in shelves(connection):
                return []
            t = tables(shelf)
            masked = dict(
                connection.execute(
                    f"SELECT seq, masked FROM {t.record} WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608 - own names
                    (after, _EXPORTED),
                ).fetchall()
            )
            records = rows.read(connection, t, list(masked))
            own = vectors.read(connection, t, list(masked))
            model = vectors.model_of(connection)
            return [
                (
                    seq,
                    Stored(
                        record=records[seq],
                        shelf=shelf,
                        masked=masked[seq],
                        model=model if seq in own else None,
                        vectors=tuple(own.get(seq, ())),
                    ),
                )
                for seq in masked
            ]

    def _state(self, tenant: Tenant) -> tuple[int, ...]:
        path = self.files.path(tenant)
        places = (path, path.with_name(f"{path.name}-wal"))
        return tuple(one.stat().st_mtime_ns for one in places if one.exists())


def _load(connection: sqlite3.Connection, found: Sequence[Stored], shelf: Shelf) -> int:
    """Puts rows on one shelf; how many were not there."""
    if not found:
        return 0
    make_shelf(connection, shelf)
    t = tables(shelf)
    added: list[int] = []
    is_new = 0
    for one in found:
        seq = rows.numbers_of(connection, t, [one.record.id]).get(one.record.id)
        is_replaced = (
            seq is not None
            and not shelf.keeps_first
            and rows.read(connection, t, [seq])[seq] != one.record
        )
        if seq is not None and is_replaced:
            rows.delete(connection, t, [seq])
            vectors.start_epoch(connection, t)
            added = [each for each in added if each != seq]
            seq, is_new = None, is_new - 1
        if seq is None:
            seq = rows.insert(connection, t, one.record, masked=one.masked)
            assert seq is not None  # no other process can write meanwhile
            added.append(seq)
            is_new += 1
        if one.model is not None and not vectors.read(connection, t, [seq]):
            vectors.bind(connection, one.model, one.vectors)
            vectors.write(connection, t, seq, one.vectors, model=one.model)
    refresh_nearby(connection, t, added)
    return is_new
