"""
Forget: out of what was derived, out of the records, and out of the index of both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import partial

from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Scope, Shelf
from odyssey.domain.memory.stored import Forgotten
from odyssey.handlers.memory.needs import Needs
from odyssey.ports import Memory
from odyssey.ports.derived import MemoryPorts

MOST_OF_THREAD = 10_000
"""Rows of a thread that are deleted in one go."""
_PAGE = 200

BLOCK = "core memory block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """
    How many rows of which kind were deleted; that none is left was looked up.

    `records` are those that the store found by the condition itself, `derived` what rested on
    them. `mentions` counts the texts of others that name a person still, and stay. Without
    `is_done` there was too much for one go: call again.
    """

    records: Forgotten = field(default_factory=lambda: Forgotten(deleted={}, left=0))
    derived: Counter[str] = field(default_factory=Counter)
    mentions: Counter[str] = field(default_factory=Counter)
    is_done: bool = True

    @property
    def rows(self) -> Counter[str]:
        """How many rows of which kind, of all kinds."""
        return _rows(self.records) + self.derived

    def __add__(self, other: Erased) -> Erased:
        """Both together."""
        ours, theirs = self.records.deleted, other.records.deleted
        return Erased(
            records=Forgotten(
                deleted={
                    shelf: (*ours.get(shelf, ()), *theirs.get(shelf, ()))
                    for shelf in (*ours, *theirs)
                },
                left=self.records.left + other.records.left,
            ),
            derived=self.derived + other.derived,
            mentions=self.mentions + other.mentions,
            is_done=self.is_done and other.is_done,
        )


async def forget_everywhere(
    tenant: Tenant,
    ports: Needs,
    *,
    source: str | None = None,
    person: str | None = None,
    record_ids: Collection[str] = (),
) -> Erased:
    """
    Deletes what came from *source* or is of *person* from every shelf and notebook. Repeatable.

    With *record_ids* what rests on these records goes too.

    Raises:
        Unavailable: something is there still; call again.
    """
    return await forget_in(
        tenant, ports.memory, ports.derived, source=source, person=person, record_ids=record_ids
    )


async def forget_in(
    tenant: Tenant,
    memory: Memory,
    derived: MemoryPorts,
    *,
    source: str | None = None,
    person: str | None = None,
    record_ids: Collection[str] = (),
) -> Erased:
    """
    The same, in this memory and these notebooks.

    Raises:
        Unavailable: something is there still; call again.
    """

    async def forget_derived(ids: Collection[str]) -> Counter[str]:
        # What leads to something goes after it: whoever is cut off in between finds it by that
        # when they call again.
        forget = partial(derived.forget, tenant, record_ids=ids, source=source, person=person)
        count: Counter[str] = Counter()
        for each in await forget(rehearses=True):
            count += _rows(await memory.forget(tenant, source=each))
        gone = await forget()
        count += Counter(f"{each.partition(':')[0]} in the notebook" for each in gone)
        for each in gone:
            # Indexed meanwhile; to forget takes far longer than to look.
            if await memory.ids_from(tenant, source=each):
                count += _rows(await memory.forget(tenant, source=each))
        return count

    known = await memory.ids_from(tenant, source=source, person=person)
    before = await forget_derived([*record_ids, *known])
    records = await memory.forget(tenant, source=source, person=person)
    # Once more, for what was learnt meanwhile, and from records that the notebook did not know.
    after = await forget_derived([each for some in records.deleted.values() for each in some])
    mentions: Counter[str] = Counter()
    if person is not None:
        named = await derived.blocks.naming(tenant, person)
        mentions = +Counter({"record": records.mentions, BLOCK: named})
    return Erased(records=records, derived=before + after, mentions=mentions)


async def forget_thread(
    thread: str, url: str, tenant: Tenant, ports: Needs, *, most: int = MOST_OF_THREAD
) -> Erased:
    """
    Deletes what was said in *thread*, came from its *url*, or belongs to it alone. Repeatable.

    Of each source of the thread everything goes, wherever it stands. After *most* rows it
    stops, and says so.

    Raises:
        Unavailable: something is there still; call again.
    """
    scope = Scope.of_thread(thread)
    erased = Erased(derived=await _forget_blocks(scope, tenant, ports))
    tasks = await ports.derived.tasks.newest(tenant, scope, limit=most)
    erased += await forget_everywhere(
        tenant, ports, source=url, record_ids=[f"task:{each.memory_id}" for each in tasks]
    )
    looked = 0
    for shelf in Shelf:
        while found := await ports.memory.recall(
            tenant, "", scope=scope, limit=min(_PAGE, max(1, most - looked)), shelf=shelf
        ):
            if looked >= most:
                return replace(erased, is_done=False)
            looked += len(found)
            for source in sorted({each.record.source for each in found}):
                ids = [each.record.id for each in found if each.record.source == source]
                erased += await forget_everywhere(tenant, ports, source=source, record_ids=ids)
    return erased


async def _forget_blocks(scope: Scope, tenant: Tenant, ports: Needs) -> Counter[str]:
    """Deletes the blocks of exactly this tier; the next forgetting takes them out of the file."""
    count: Counter[str] = Counter()
    for block in await ports.derived.blocks.present(tenant, scope, ()):
        await ports.derived.blocks.delete(tenant, scope, block.label, lambda _block: None)
        count["block in the notebook"] += 1
    return count


def _rows(forgotten: Forgotten) -> Counter[str]:
    return Counter(
        {
            str(shelf) if shelf is Shelf.EVENT else f"{shelf} in the index": len(ids)
            for shelf, ids in forgotten.deleted.items()
        }
    )
