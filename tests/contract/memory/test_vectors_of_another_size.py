"""
A model that keeps its name and gives vectors of another size: it counts as another model.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from contract.memory.conftest import Opening
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.embedding import Embedder, ModelMismatch, Vector, unit
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Shelf
from odyssey.domain.memory.stored import Stored


class ShortEmbedder(HashingEmbedder):
    """A model of the same name with half as many numbers; *breaks_at* a batch it is away."""

    def __init__(self, *, breaks_at: int = 0) -> None:
        super().__init__()
        self.batches = 0
        self.breaks_at = breaks_at

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector for each text."""
        self.batches += 1
        if self.batches == self.breaks_at:
            raise Unavailable("the model is away")
        return [unit(vector[:32]) for vector in await super().embed_documents(texts)]


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens one and the same folder of files again and again."""
    opened: list[LongMemory] = []

    def opens(embedder: Embedder | None) -> LongMemory:
        opened.append(SqliteMemory(tmp_path, embedder))
        return opened[-1]

    yield opens
    for one in opened:
        await one.close()


async def test_vectors_of_another_size_are_another_models(sqlite: Opening, tenant: Tenant) -> None:
    """Found by words until all are made anew, and then by meaning; new ones wait."""
    long = sqlite(HashingEmbedder())
    await long.retain(tenant, [record("1", "apples are ripe")])
    await long.retain(tenant, [record("o", "apples in autumn")], shelf=Shelf.OBSERVATION)
    short = sqlite(ShortEmbedder())
    await short.retain(tenant, [record("2", "apples and pears")])

    before = await short.recall(tenant, "ripe apples", scope=REPOSITORY)
    waiting = await short.waiting(tenant)
    done = await short.reembed()
    after = await short.recall(tenant, "ripe apples", scope=REPOSITORY)
    sizes = {len(one.vectors[0]) async for one in short.export(tenant)}

    assert {one.record.id for one in before} == {"1", "2"}
    assert all("meaning" not in one.matched for one in before)
    assert waiting == 1
    assert done == 3
    assert after[0].record.id == "1" and "meaning" in after[0].matched
    assert sizes == {32}
    assert await short.waiting(tenant) == 0


async def test_catching_up_again_ends_though_the_vectors_do_not_fit(
    opening: Opening, tenant: Tenant
) -> None:
    """Each row is tried once; SQLite says what to do, Weaviate's server refuses row by row."""
    long = opening(HashingEmbedder())
    await long.retain(tenant, [record("1", "apples are ripe")])
    await opening(None).retain(tenant, [record(f"n{n}", f"pears {n}") for n in range(70)])
    embedder = ShortEmbedder()
    short = opening(embedder)

    if isinstance(short, SqliteMemory):
        with pytest.raises(Unavailable, match=r"64 numbers.*32 numbers.*odyssey memory reembed"):
            await short.catch_up(tenant, again=True)
    else:
        assert await short.catch_up(tenant, again=True) == 70
    waiting = await short.waiting(tenant)

    assert embedder.batches <= 2
    assert waiting == 70


async def test_rows_with_vectors_of_another_size_are_not_loaded(
    sqlite: Opening, tenant: Tenant
) -> None:
    """They would be compared with nothing; what is there stays."""
    memory = sqlite(HashingEmbedder())
    await memory.retain(tenant, [record("1", "apples")])
    short = Stored(record=record("2", "pears"), model="hashing", vectors=(array("f", [1.0, 0.0]),))

    with pytest.raises(ModelMismatch, match=r"64 numbers.*2 numbers"):
        await memory.load(tenant, [short])
    found = await memory.recall(tenant, "apples pears", scope=REPOSITORY)

    assert [one.record.id for one in found] == ["1"]
    assert "meaning" in found[0].matched


async def test_making_anew_goes_on_where_it_was_broken_off(sqlite: Opening, tenant: Tenant) -> None:
    """Recall has the old vectors until then; what waits for vectors goes on waiting for them."""
    long = sqlite(HashingEmbedder())
    await long.retain(tenant, [record(f"n{n}", f"apples {n}", minutes=n) for n in range(70)])
    await sqlite(None).retain(tenant, [record("late", "pears")])
    with pytest.raises(Unavailable, match="away"):
        await sqlite(ShortEmbedder(breaks_at=2)).reembed()

    found = await long.recall(tenant, "apples 3", scope=REPOSITORY, limit=1)
    waiting = await long.waiting(tenant)
    of_old = await long.reembed()
    of_new = await sqlite(ShortEmbedder()).reembed()
    sizes = {len(one.vectors[0]) async for one in long.export(tenant)}

    assert "meaning" in found[0].matched
    assert waiting == 1
    # What the other model made was of no use; all the rest was made once.
    assert (of_old, of_new) == (71, 71)
    assert sizes == {32}
