"""
Who sees what, in every store: tenants, tiers, shelves; and what forgetting leaves.
"""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from contract.memory.records import record
from odyssey.adapters.long_memory import LongMemory
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import REPOSITORY, Scope, Shelf, Tier
from odyssey.ports import Memory

ABOUT_A_TENANT = {
    "retain", "recall", "read", "ids_from", "forget", "catch_up", "waiting", "export", "load",
}  # fmt: skip
OTHERS = {"tenants", "close"}


def private_to(person: str, one: Record) -> Record:
    """The same record, belonging to *person* alone."""
    return dataclasses.replace(one, person=person, tier=Tier.PERSON)


async def texts(memory: LongMemory, tenant: Tenant, query: str, scope: Scope) -> set[str]:
    """What a recall finds."""
    return {one.record.text for one in await memory.recall(tenant, query, scope=scope)}


def test_every_verb_of_the_port_is_one_of_those_tried_below() -> None:
    """A new verb must say here whether it is about a tenant, and is then tried."""
    verbs = {name for name, _ in inspect.getmembers(Memory, inspect.isfunction)}
    public = {name for name in verbs if not name.startswith("_")}
    with_tenant = {
        n for n in public if "tenant" in inspect.signature(getattr(Memory, n)).parameters
    }

    assert public == ABOUT_A_TENANT | OTHERS
    assert with_tenant == ABOUT_A_TENANT


async def test_on_no_verb_does_a_tenant_see_or_change_another(
    memory: LongMemory, repository: str
) -> None:
    """Whatever theirs is asked or told, ours stays unseen and as it was."""
    ours, theirs = Tenant.of(7, repository), Tenant.of(8, repository)
    secret = record("1", "the launch is on friday", attributes={"patch_id": "p"})
    await memory.retain(ours, [secret])
    await memory.retain(ours, [record("o", "launches slip")], shelf=Shelf.OBSERVATION)
    before = [stored async for stored in memory.export(ours)]

    seen = [
        await memory.recall(theirs, "launch friday", scope=REPOSITORY),
        await memory.recall(theirs, "", scope=REPOSITORY),
        await memory.recall(theirs, "x", scope=REPOSITORY, where={"patch_id": "p"}),
        await memory.recall(theirs, "launch", scope=Scope.of_person("ada")),
        await memory.recall(theirs, "launch", scope=Scope.of_thread("pull/41")),
        await memory.recall(theirs, "launch", scope=REPOSITORY, shelf=Shelf.OBSERVATION),
        [*await memory.read(theirs, ["1"])],
        [*await memory.read(theirs, ["o"], shelf=Shelf.OBSERVATION)],
        [stored async for stored in memory.export(theirs)],
        [one for one in [await memory.waiting(theirs)] if one],
        [one for one in [await memory.catch_up(theirs)] if one],
        await memory.ids_from(theirs, person="ada"),
        await memory.ids_from(theirs, source=secret.source),
        [one for one in [(await memory.forget(theirs, person="ada")).count] if one],
        [one for one in [(await memory.forget(theirs, source=secret.source)).count] if one],
    ]
    await memory.retain(theirs, [record("1", "another text under the same id")])
    await memory.load(theirs, [dataclasses.replace(one, record=record("o", "x")) for one in before])
    after = [stored async for stored in memory.export(ours)]

    assert seen == [[]] * len(seen)
    assert before == after
    assert ours in await memory.tenants()


async def test_a_recall_without_its_tier_is_an_error(memory: LongMemory, tenant: Tenant) -> None:
    """There is no default: it would be the widest."""
    with pytest.raises(TypeError, match="scope"):
        await memory.recall(tenant, "x")  # type: ignore[call-arg]  # what is shown


@pytest.mark.parametrize(
    ("tier", "name"), [(Tier.PERSON, None), (Tier.PERSON, " "), (Tier.THREAD, ""),
                       (Tier.REPOSITORY, "ada")],
)  # fmt: skip
def test_a_scope_without_whose_it_is_is_an_error(tier: Tier, name: str | None) -> None:
    """And never everybody's."""
    with pytest.raises(ValueError, match="scope"):
        Scope(tier, name)


@pytest.mark.parametrize("tier", [Tier.PERSON, Tier.THREAD])
def test_a_record_that_belongs_to_nobody_is_refused(tier: Tier) -> None:
    """It could be found by nobody, or by everybody."""
    with pytest.raises(ValueError, match="names none"):
        dataclasses.replace(record("1", "x", thread=None), tier=tier)


async def test_what_belongs_to_one_person_or_thread_is_in_no_other_answer(
    memory: LongMemory, tenant: Tenant
) -> None:
    """By words, by meaning, by filter and when listed; and others' is in neither of theirs."""
    thread = dataclasses.replace(record("t", "tea for the thread", actor="bob"), tier=Tier.THREAD)
    await memory.retain(
        tenant,
        [
            record("r", "tea for all", actor="bob"),
            record("m", "tea by ada", actor="ada", thread="pull/9"),
            private_to("Ada", record("a", "tea for ada", actor="bob")),
            private_to("eve", record("e", "tea for eve", actor="ada")),
            thread,
        ],
    )
    of = {
        name: [await texts(memory, tenant, query, scope) for query in ("tea", "")]
        for name, scope in {
            "all": REPOSITORY,
            "ada": Scope.of_person("ADA"),
            "eve": Scope.of_person("@eve"),
            "41": Scope.of_thread("pull/41"),
            "9": Scope.of_thread("pull/9"),
            "none": Scope.of_person("mallory"),
        }.items()
    }
    filtered = await memory.recall(
        tenant, "tea for eve", scope=REPOSITORY, where={"person": "eve"}, kinds=["comment"]
    )

    assert of["all"] == [{"tea for all", "tea by ada"}] * 2
    assert of["ada"] == [{"tea by ada", "tea for ada"}] * 2
    assert of["eve"] == [{"tea for eve"}] * 2
    assert of["41"] == [{"tea for all", "tea for the thread"}] * 2
    assert of["9"] == [{"tea by ada"}] * 2
    assert of["none"] == [set(), set()]
    assert filtered == []


async def test_what_is_private_is_in_no_key_of_its_neighbours(
    memory: LongMemory, tenant: Tenant
) -> None:
    """A question by a private word finds nothing beside it."""
    await memory.retain(
        tenant,
        [
            record("1", "first", minutes=1),
            private_to("ada", record("2", "rhubarb", minutes=2)),
            record("3", "third", minutes=3),
        ],
    )

    found = await memory.recall(tenant, "rhubarb", scope=REPOSITORY)

    assert all(not arm.startswith("words") for one in found for arm in one.matched)


async def test_shelves_are_apart_and_on_all_but_events_the_last_stays(
    memory: LongMemory, tenant: Tenant
) -> None:
    """An observation is written anew under its id; the old text is found no more."""
    shelf = Shelf.OBSERVATION
    await memory.retain(tenant, [record("1", "raspberries are said")])
    await memory.retain(tenant, [record("1", "ada likes raspberries")], shelf=shelf)
    await memory.retain(tenant, [record("1", "ada likes quinces")], shelf=shelf)
    events = await memory.recall(tenant, "", scope=REPOSITORY)
    observations = await memory.recall(tenant, "quinces", scope=REPOSITORY, shelf=shelf)
    old = await memory.recall(tenant, "raspberries", scope=REPOSITORY, shelf=shelf)

    assert [one.record.text for one in events] == ["raspberries are said"]
    assert [one.record.text for one in observations] == ["ada likes quinces"]
    assert "meaning" in observations[0].matched
    assert all(not arm.startswith("words") for one in old for arm in one.matched)


async def test_a_record_is_read_by_its_id(memory: LongMemory, tenant: Tenant) -> None:
    """Those that are there."""
    await memory.retain(tenant, [record("1", "x"), record("2", "y")])

    assert await memory.read(tenant, ["2", "9"]) == {"2": record("2", "y")}
    assert await memory.read(tenant, []) == {}


async def test_forgetting_a_person_is_everywhere_and_proven(
    memory: LongMemory, tenant: Tenant
) -> None:
    """Logins in any case, also among several; on every shelf; others' words are counted."""
    await memory.retain(
        tenant,
        [
            record("1", "mine", actor="Ada"),
            record("2", "merged", actor="bob, ADA"),
            record("3", "asked", actor="bob", attributes={"requester": "@ada"}),
            record("4", "thanks ada", actor="bob"),
            record("5", "else", actor="bob"),
        ],
    )
    await memory.retain(
        tenant, [record("o", "ada is kind", actor=None, person="ada")], shelf=Shelf.OBSERVATION
    )

    done = await memory.forget(tenant, person="aDa")
    rest = [stored.record.id async for stored in memory.export(tenant)]

    assert {shelf: set(ids) for shelf, ids in done.deleted.items()} == {
        Shelf.EVENT: {"1", "2", "3"},
        Shelf.OBSERVATION: {"o"},
    }
    assert (done.count, done.left, done.mentions) == (4, 0, 1)
    assert sorted(rest) == ["4", "5"]


async def test_nothing_is_forgotten_by_a_blank_name(memory: LongMemory, tenant: Tenant) -> None:
    """It would be everybody without one."""
    await memory.retain(tenant, [record("1", "x", actor=None)])

    with pytest.raises(ValueError, match="a source or a person"):
        await memory.forget(tenant, person=" ")
