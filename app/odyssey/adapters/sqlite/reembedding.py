"""
All vectors of all files made anew, with another model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from odyssey.adapters.memory_store import Embed, Tell
from odyssey.adapters.sqlite import rows, vectors
from odyssey.adapters.sqlite.files import Files
from odyssey.adapters.sqlite.schema import shelves, tables
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Vector

_BATCH = 64

_ANEW = "\x1fanew"
"""Tells vectors from older ones of the same model; no model's name has it."""


async def reembed(files: Files, embed: Embed, *, model: str, tell: Tell) -> int:
    """
    Makes every vector with *model*; how many rows.

    In each file the new vectors are written beside the old ones; one transaction
    then ties the file to the new model and deletes the old, once every row has its
    new ones, also those that came meanwhile. What a broken-off attempt has made is
    made anew only if it has another size.
    """
    done = 0
    for tenant in files.tenants():
        kept_as = await asyncio.to_thread(_kept_as, files, tenant, model)
        refused: set[tuple[Shelf, int]] = set()
        of_tenant = 0
        while not await asyncio.to_thread(_switch, files, tenant, model, kept_as, refused):
            for shelf, some in (
                await asyncio.to_thread(_without, files, tenant, kept_as, refused)
            ).items():
                made = await embed(list(some.values()))
                by_seq = dict(zip(some, made, strict=True))
                refused |= {(shelf, seq) for seq, own in by_seq.items() if not own}
                await asyncio.to_thread(_write, files, tenant, shelf, by_seq, some, kept_as)
                of_tenant += len(some)
            tell(f"{tenant}: {of_tenant} rows embedded with {model}")
        done += of_tenant
    return done


def _kept_as(files: Files, tenant: Tenant, model: str) -> str:
    """What new vectors are called beside the old: as their model, or otherwise if all are its."""
    with files.connection(tenant) as connection:
        return f"{model}{_ANEW}" if vectors.model_of(connection) == model else model


def _without(
    files: Files, tenant: Tenant, kept_as: str, refused: set[tuple[Shelf, int]]
) -> dict[Shelf, dict[int, Record]]:
    """The next rows of each shelf without a vector kept as *kept_as*."""
    found: dict[Shelf, dict[int, Record]] = {}
    with files.connection(tenant) as connection:
        for shelf in shelves(connection):
            t = tables(shelf)
            skipped = [seq for one, seq in refused if one is shelf]
            seqs = connection.execute(
                f"SELECT seq FROM {t.record} WHERE seq NOT IN"  # noqa: S608 - marks only
                f" (SELECT seq FROM {t.vector} WHERE model = ?)"
                f" AND seq NOT IN ({rows.marks(skipped)}) ORDER BY seq LIMIT ?",
                (kept_as, *skipped, _BATCH),
            ).fetchall()
            if seqs:
                found[shelf] = rows.read(connection, t, [seq for (seq,) in seqs])
    return found


def _write(
    files: Files,
    tenant: Tenant,
    shelf: Shelf,
    by_seq: dict[int, Sequence[Vector]] | dict[int, tuple[Vector, ...]],
    records: dict[int, Record],
    kept_as: str,
) -> None:
    t = tables(shelf)
    sizes = {len(vector) for own in by_seq.values() for vector in own}
    with files.connection(tenant, write=True) as connection:
        if sizes and vectors.size_of(connection, kept_as) not in {None, *sizes}:
            vectors.drop(connection, kept_as)
        there = rows.read(connection, t, list(by_seq))
        for seq, own in by_seq.items():
            if own and there.get(seq) == records[seq]:
                vectors.put(connection, t, seq, own, model=kept_as)


def _switch(
    files: Files, tenant: Tenant, model: str, kept_as: str, refused: set[tuple[Shelf, int]]
) -> bool:
    """Ties the file to *model*, unless a row still lacks its vectors."""
    if _without(files, tenant, kept_as, refused):
        return False
    with files.connection(tenant, write=True) as connection:
        for shelf in shelves(connection):
            t = tables(shelf)
            lacking = connection.execute(
                f"SELECT count(*) FROM {t.record} WHERE seq NOT IN"  # noqa: S608 - own names
                f" (SELECT seq FROM {t.vector} WHERE model = ?)",
                (kept_as,),
            ).fetchone()[0]
            if lacking > sum(one is shelf for one, _ in refused):
                return False
        vectors.switch(connection, model, kept_as=kept_as)
    return True
