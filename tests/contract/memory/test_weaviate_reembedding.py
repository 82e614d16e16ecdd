"""
Vectors made anew on a Weaviate server while somebody writes who should not.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from threading import Thread

from contract.memory import weaviate_server
from contract.memory.conftest import at
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.embedding import Vector
from odyssey.adapters.weaviate import WeaviateMemory
from odyssey.adapters.weaviate.objects import object_id
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import REPOSITORY, Shelf

_PAGE = 64


class Interrupted(HashingEmbedder):
    """A model during whose second call something happens."""

    def __init__(self, model: str, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__(model)
        self._happens = happens
        self._calls = 0

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """As it is; the first page is copied by the second call."""
        self._calls += 1
        if self._calls == 2:
            await self._happens()
        return await super().embed_documents(texts)


def ids_in_order(tenant: Tenant, count: int) -> list[str]:
    """Ids, in the order in which their objects are copied."""
    return sorted((f"o{n}" for n in range(count)), key=lambda one: object_id(tenant, one))


def observation(identifier: str, text: str) -> Record:
    """Of a source of its own, so that it can be forgotten alone."""
    return record(identifier, text, source=f"https://x.test/{identifier}")


async def texts(memory: WeaviateMemory, tenant: Tenant) -> dict[str, str]:
    """The text of every observation."""
    found = await memory.recall(tenant, "", scope=REPOSITORY, limit=500, shelf=Shelf.OBSERVATION)
    return {one.record.id: one.record.text for one in found}


async def test_what_another_machine_writes_meanwhile_is_in_the_copy(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """Added, replaced or forgotten behind the place that the copy has got to."""
    prefix = f"T{uuid.uuid4().hex[:12]}"
    added, replaced, forgotten, *rest = ids_in_order(tenant, _PAGE + 10)
    there = [replaced, forgotten, *rest]
    other = at(weaviate, tmp_path / "other", HashingEmbedder("old"), prefix=prefix)
    await other.retain(
        tenant, [observation(one, f"old {one}") for one in there], shelf=Shelf.OBSERVATION
    )

    async def happens() -> None:
        new = [observation(added, "added"), observation(replaced, "replaced")]
        await other.retain(tenant, new, shelf=Shelf.OBSERVATION)
        await other.forget(tenant, source=f"https://x.test/{forgotten}")

    memory = at(weaviate, tmp_path, Interrupted("new", happens), prefix=prefix)
    done = await memory.reembed()
    found = await texts(memory, tenant)
    models = await memory.models(tenant)
    [by_meaning] = await memory.recall(
        tenant, "replaced", scope=REPOSITORY, limit=1, shelf=Shelf.OBSERVATION
    )
    await memory.close()
    await other.close()

    assert found == {
        **{one: f"old {one}" for one in rest}, added: "added", replaced: "replaced",
    }  # fmt: skip
    assert done == len(there) + 1
    assert models == ["new"]
    assert by_meaning.record.id == replaced and "meaning" in by_meaning.matched


async def test_what_is_written_right_before_the_alias_is_moved_is_in_the_copy(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """It and its neighbours, whose keys it changes, have no vectors until somebody catches up."""
    prefix = f"T{uuid.uuid4().hex[:12]}"
    old = at(weaviate, tmp_path / "other", HashingEmbedder("old"), prefix=prefix)
    await old.retain(tenant, [observation("1", "stays"), observation("2", "goes")])
    await old.close()

    async def writes() -> None:
        other = at(weaviate, tmp_path / "other", HashingEmbedder("old"), prefix=prefix)
        await other.retain(tenant, [observation("3", "comes")])
        await other.forget(tenant, source="https://x.test/2")
        await other.close()

    def last_moment(_line: str) -> None:
        thread = Thread(target=asyncio.run, args=(writes(),))
        thread.start()
        thread.join()

    memory = at(weaviate, tmp_path, HashingEmbedder("new"), prefix=prefix)
    await memory.reembed(last_moment)
    listed = {one.record.text for one in await memory.recall(tenant, "", scope=REPOSITORY)}
    caught_up = await memory.catch_up(tenant)
    [by_meaning] = await memory.recall(tenant, "comes", scope=REPOSITORY, limit=1)
    models = await memory.models(tenant)
    await memory.close()

    assert listed == {"stays", "comes"}
    assert caught_up == 2
    assert by_meaning.record.text == "comes" and "meaning" in by_meaning.matched
    assert models == ["new"]
