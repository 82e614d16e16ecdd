"""
Something of each kind that is derived from records.
"""

from __future__ import annotations

from datetime import timedelta

from contract.memory.records import NOON, record
from contract.notebook.world import World
from contract.notebook.written import write_observations
from odyssey.adapters.long_memory import LongMemory
from odyssey.adapters.notebook import carried
from odyssey.adapters.notebook.database import Notebooks
from odyssey.domain.memory.blocks import Append, Configure
from odyssey.domain.memory.observation import Observation, Source, updated
from odyssey.domain.memory.patterns import Pattern, PatternType
from odyssey.domain.memory.record import Tenant, Trust
from odyssey.domain.memory.scope import REPOSITORY, Scope
from odyssey.domain.memory.stored import to_line
from odyssey.domain.memory.task_kinds import read_kind
from odyssey.domain.memory.tasks import TaskMemory
from odyssey.handlers.memory.archival import Passage, insert_passage
from odyssey.handlers.memory.batch import Said, add_messages
from odyssey.handlers.memory.blocks import change_block, load_blocks, put_block
from odyssey.handlers.memory.context import suggest_context
from odyssey.handlers.memory.index import index_observations
from odyssey.handlers.memory.patterns import extract_pattern, give_feedback
from odyssey.handlers.memory.tasks import store_task

KIND = read_kind(".*checkout.*")


def observation(text: str) -> Observation:
    """What one record says."""
    return Observation(
        key="o1",
        version=1,
        text=text,
        sources=(Source(NOON, "r1"),),
        confidence=0.9,
        scope="repository",
        created_at=NOON,
    )


def task(name: str, summary: str, *, success: bool = True) -> TaskMemory:
    """What became of a task."""
    return TaskMemory(
        task_id=name, summary=summary, success=success, learned_at=NOON, actor="bob",
        files=("shop/cart.py",), source=f"https://github.com/acme/shop/pull/{name[1:]}",
    )  # fmt: skip


async def write(tenant: Tenant, world: World, versions: list[Observation]) -> None:
    """Writes versions and brings them to the index."""
    await write_observations(
        tenant, versions, jobs=world.derived.jobs, observations=world.derived.observations,
        now=world.now(),
    )  # fmt: skip
    await index_observations(tenant, world)


async def fill(tenant: Tenant, world: World) -> Pattern:
    """Something of each kind; the pattern that was learnt."""
    await world.memory.retain(tenant, [record("r1", "the quay is closed on mondays")])
    await write(tenant, world, [observation("The quay is closed on Mondays.")])
    for one in (
        task("t1", "Checkout with vouchers, validated"),
        task("t2", "Checkout with invoices, validated"),
        task("t3", "Checkout with cards, validated"),
        task("t4", "Checkout with cookies broke", success=False),
    ):
        await store_task(one, tenant, world, learns=False)
    made = await extract_pattern(KIND, PatternType.SUCCESS, tenant, world, scope=REPOSITORY)
    assert isinstance(made, Pattern), made
    await store_task(task("t5", "Painted a logo"), tenant, world, learns=False)
    await insert_passage(
        Passage(
            text="Lighthouse keepers wrote this down", trust=Trust.PERSON, actor="bob", tags=["sea"]
        ),
        tenant,
        world,
        scope=REPOSITORY,
    )
    return made


async def lines(memory: LongMemory, tenant: Tenant) -> list[str]:
    """All rows of a tenant, as lines, sorted."""
    return sorted([to_line(tenant, stored) async for stored in memory.export(tenant)])


async def fill_notebook(tenant: Tenant, world: World) -> None:
    """All that a notebook holds, with versions, votes and uses."""
    pattern = await fill(tenant, world)
    later, old = updated(
        observation("The quay is closed on Mondays."),
        text="The quay was closed on Mondays, and is closed on Sundays now.",
        sources=[Source(NOON, "r2")],
        confidence=0.8,
        at=NOON + timedelta(days=1),
    )
    await world.memory.retain(tenant, [record("r2", "closed on sundays", actor="bob")])
    await write(tenant, world, [later, old])
    await give_feedback(pattern.pattern_id, tenant, world, voter="Ada", helpful=True)
    await give_feedback(
        pattern.pattern_id, tenant, world, voter="bob", helpful=False, adjustment=-0.5
    )
    await suggest_context("t9", "Checkout with vouchers", tenant, world, scope=REPOSITORY)
    await load_blocks(tenant, world, scope=REPOSITORY)
    for text in ("Ada reviews", "Bob deploys"):
        await change_block("people", Append(text=text), tenant, world, scope=REPOSITORY, by="ada")
    await put_block(
        "plan", Configure(value="Mine"), tenant, world, scope=Scope.of_person("ada"), by="ada"
    )
    said = [Said(role="user", content=f"message {number}", id=f"m{number}") for number in range(2)]
    await add_messages(tenant, REPOSITORY, said, world, actor="ada")


async def held(notebooks: Notebooks, tenant: Tenant) -> list[str]:
    """All that a notebook holds, as lines."""
    units = await notebooks.read(tenant, lambda connection: list(carried.each_unit(connection)))
    return [carried.to_line(tenant, unit) for unit in units]
