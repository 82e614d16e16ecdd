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


async def reembed(files: Files, embed: Embed, *, model: str, tell: Tell) -> int:
    """
    Makes every vector with *model*; how many rows.

    In each file the new vectors are written beside the old ones; one transaction
    then ties the file to the new model and deletes the old, once every row has its
    new ones, also those that came meanwhile.
    """
    done = 0
    for tenant in files.tenants():
        refused: set[tuple[Shelf, int]] = set()
        of_tenant = 0
        while not await asyncio.to_thread(_switch, files, tenant, model, refused):
            for shelf, some in (
                await asyncio.to_thread(_without, files, tenant, model, refused)
            ).items():
                made = await embed(list(some.values()))
                by_seq = dict(zip(some, made, strict=True))
                refused |= {(shelf, seq) for seq, own in by_seq.items() if not own}
                await asyncio.to_thread(_write, files, tenant, shelf, by_seq, some, model)
                of_tenant += len(some)
            tell(f"{tenant}: {of_tenant} rows embedded with {model}")
        done += of_tenant
    return done


def _without(
    files: Files, tenant: Tenant, model: str, refused: set[tuple[Shelf, int]]
) -> dict[Shelf, dict[int, Record]]:
    """The next rows of each shelf without a vector of *model*."""
    found: dict[Shelf, dict[int, Record]] = {}
    with files.connection(tenant) as connection:
        for shelf in shelves(connection):
            t = tables(shelf)
            skipped = [seq for one, seq in refused if one is shelf]
            seqs = connection.execute(
                f"SELECT seq FROM {t.record} WHERE seq NOT IN"  # noqa: S608 - marks only
                f" (SELECT seq FROM {t.vector} WHERE model = ?)"
                f" AND seq NOT IN ({rows.marks(skipped)}) ORDER BY seq LIMIT ?",
                (model, *skipped, _BATCH),
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
    model: str,
) -> None:
    t = tables(shelf)
    with files.connection(tenant, write=True) as connection:
        there = rows.read(connection, t, list(by_seq))
        for seq, own in by_seq.items():
            if own and there.get(seq) == records[seq]:
                vectors.write(connection, t, seq, own, model=model)


def _switch(files: Files, tenant: Tenant, model: str, refused: set[tuple[Shelf, int]]) -> bool:
    """Ties the file to *model*, unless a row still lacks its vectors."""
    if _without(files, tenant, model, refused):
        return False
    with files.connection(tenant, write=True) as connection:
        here = shelves(connection)
        for shelf in here:
            t = tables(shelf)
            lacking = connection.execute(
                f"SELECT count(*) FROM {t.record} WHERE seq NOT IN"  # noqa: S608 - own names
                f" (SELECT seq FROM {t.vector} WHERE model = ?)",
                (model,),
            ).fetchone()[0]
            if lacking > sum(one is shelf for one, _ in refused):
                return False
        if vectors.model_of(connection) != model:
            vectors.switch(connection, [tables(shelf) for shelf in here], model)
    return True
