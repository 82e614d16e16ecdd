"""
What core memory blocks and the archive promise over a real notebook and a real index.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contract.notebook.world import World, opened
from odyssey.domain.errors import NotFound
from odyssey.domain.memory.blocks import (
    MAX_BLOCKS,
    Append,
    BlockChanged,
    BlockReadOnly,
    BlockRefused,
    Configure,
    Replace,
    Rethink,
)
from odyssey.domain.memory.record import Tenant, Trust
from odyssey.domain.memory.scope import REPOSITORY, Scope
from odyssey.handlers.memory.archival import Passage, insert_passage, search_passages
from odyssey.handlers.memory.blocks import (
    block_versions,
    change_block,
    delete_block,
    get_block,
    load_blocks,
    put_block,
    restore_block,
    shown,
)

ADA = Scope.of_person("Ada")
OTHER = Tenant.of(7, "acme/other")


async def test_a_repository_has_its_blocks_from_the_first_look(
    quiet_world: World, tenant: Tenant
) -> None:
    """Made once, also by ten who look at once; a person has none."""
    looks = await asyncio.gather(
        *(load_blocks(tenant, quiet_world, scope=REPOSITORY) for _ in range(10))
    )

    assert {tuple(block.label for block in blocks) for blocks in looks} == {
        ("people", "persona", "repository")
    }
    assert {block.version for blocks in looks for block in blocks} == {1}
    assert await load_blocks(tenant, quiet_world, scope=ADA) == []


async def test_of_two_who_read_the_same_version_one_writes(tmp_path: Path, tenant: Tenant) -> None:
    """Of twenty, too, in several processes; the others are told the present version."""
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        await load_blocks(tenant, one, scope=REPOSITORY)
        answers = await asyncio.gather(
            *(
                change_block(
                    "persona",
                    Rethink(value=f"by {number}"),
                    tenant,
                    (one, two)[number % 2],
                    scope=REPOSITORY,
                    by="mona",
                    expected=1,
                )
                for number in range(20)
            ),
            return_exceptions=True,
        )
        versions = await block_versions("persona", tenant, one, scope=REPOSITORY)

    refused = [each for each in answers if isinstance(each, BlockChanged)]
    assert len(refused) == 19
    assert {each.present for each in refused} == {2}
    assert [each.version for each in versions] == [2, 1]


async def test_appends_without_a_version_all_arrive(quiet_world: World, tenant: Tenant) -> None:
    """None overwrites another."""
    await asyncio.gather(
        *(
            change_block(
                "people",
                Append(text=f"line {number}"),
                tenant,
                quiet_world,
                scope=REPOSITORY,
                by="mona",
            )
            for number in range(20)
        )
    )

    block = await get_block("people", tenant, quiet_world, scope=REPOSITORY)
    assert sorted(block.value.split("\n")) == sorted(f"line {number}" for number in range(20))
    assert block.version == 21


async def test_an_older_version_can_be_restored(quiet_world: World, tenant: Tenant) -> None:
    """As a new version; the history stays readable."""
    world = quiet_world
    for text in ("one", "two", "three"):
        await change_block(
            "persona", Rethink(value=text), tenant, world, scope=REPOSITORY, by="mona"
        )
    block = await restore_block("persona", 2, tenant, world, scope=REPOSITORY, by="hubot")
    versions = await block_versions("persona", tenant, world, scope=REPOSITORY)

    assert (block.value, block.version, block.operation) == ("one", 5, "restore")
    assert [each.value for each in versions] == ["one", "three", "two", "one", ""]
    with pytest.raises(NotFound, match="version 9"):
        await restore_block("persona", 9, tenant, world, scope=REPOSITORY, by="hubot")


async def test_a_change_that_changes_nothing_makes_no_version(
    quiet_world: World, tenant: Tenant
) -> None:
    """A repeated request is harmless."""
    for _ in range(2):
        block = await put_block(
            "rules",
            Configure(value="Be kind.", limit=100),
            tenant,
            quiet_world,
            scope=REPOSITORY,
            by="mona",
        )

    assert block.version == 1


async def test_a_tier_and_a_tenant_never_see_anothers_blocks(
    quiet_world: World, tenant: Tenant
) -> None:
    """On any verb."""
    world = quiet_world
    wanted = Configure(value="likes tea")
    await put_block("habits", wanted, tenant, world, scope=ADA, by="ada")

    for place, scope in [(tenant, REPOSITORY), (tenant, Scope.of_person("grace")), (OTHER, ADA)]:
        with pytest.raises(NotFound):
            await get_block("habits", place, world, scope=scope)
        with pytest.raises(NotFound):
            await change_block("habits", Append(text="x"), place, world, scope=scope, by="eve")
        with pytest.raises(NotFound):
            await block_versions("habits", place, world, scope=scope)
        with pytest.raises(NotFound):
            await delete_block("habits", place, world, scope=scope)
    own = await get_block("habits", tenant, world, scope=Scope.of_person("@ADA"))
    assert own.value == "likes tea"


async def test_a_read_only_block_is_neither_changed_nor_deleted(
    quiet_world: World, tenant: Tenant
) -> None:
    """Until it is made writable."""
    world = quiet_world
    rules = Configure(value="Never push to main.", read_only=True)
    await put_block("rules", rules, tenant, world, scope=REPOSITORY, by="mona")

    with pytest.raises(BlockReadOnly):
        await change_block(
            "rules",
            Replace(old="Never", new="Always"),
            tenant,
            world,
            scope=REPOSITORY,
            by="eve",
        )
    with pytest.raises(BlockReadOnly):
        await delete_block("rules", tenant, world, scope=REPOSITORY)
    await put_block("rules", Configure(read_only=False), tenant, world, scope=REPOSITORY, by="mona")
    await delete_block("rules", tenant, world, scope=REPOSITORY, expected=2)
    with pytest.raises(NotFound):
        await get_block("rules", tenant, world, scope=REPOSITORY)


async def test_there_are_only_so_many_blocks(quiet_world: World, tenant: Tenant) -> None:
    """All of them are loaded whole, always."""
    for number in range(MAX_BLOCKS - 3):
        await put_block(
            f"b{number}", Configure(value="x"), tenant, quiet_world, scope=REPOSITORY, by="mona"
        )

    with pytest.raises(BlockRefused, match="delete one"):
        await put_block(
            "more", Configure(value="x"), tenant, quiet_world, scope=REPOSITORY, by="mona"
        )


async def test_a_secret_in_a_block_is_masked(tmp_path: Path, tenant: Tenant) -> None:
    """It is in no version and in no file."""
    token = "ghp_" + "a1B2" * 9
    async with opened(tmp_path) as world:
        await change_block(
            "repository", Append(text=token), tenant, world, scope=REPOSITORY, by="mona"
        )
        block = await get_block("repository", tenant, world, scope=REPOSITORY)

    assert block.value == "[masked: GitHub token]"
    assert all(token.encode() not in content for content in contents(tmp_path))


async def test_a_person_is_forgotten_in_every_block(tmp_path: Path, tenant: Tenant) -> None:
    """Their own blocks, their name on versions, lines about them in `people` of all versions."""
    async with opened(tmp_path) as world:
        await put_block(
            "habits", Configure(value="plays xylophone"), tenant, world, scope=ADA, by="ada"
        )
        for text, by in [("@ada owns xylophones", "mona"), ("bob reviews", "Ada")]:
            await change_block("people", Append(text=text), tenant, world, scope=REPOSITORY, by=by)
        await world.derived.forget(tenant, person="ada")
        again = await world.derived.forget(tenant, person="ada")
        versions = await block_versions("people", tenant, world, scope=REPOSITORY)

    assert again == []
    assert versions[0].value == "bob reviews"
    assert all(each.updated_by != "ada" for each in versions)
    assert all(b"xylophone" not in content for content in contents(tmp_path))


async def test_blocks_that_name_a_person_are_counted_whosever_they_are(
    quiet_world: World, tenant: Tenant
) -> None:
    """Each once, whatever the version, the letter case or the tier; a longer login is another."""
    bob = Scope.of_person("bob")
    for scope, label, text in (
        (REPOSITORY, "plan", "Ask @Ada first"),
        (bob, "mine", "ada likes tabs"),
        (REPOSITORY, "other", "ada-lovelace and adamant"),
    ):
        await put_block(label, Configure(value=text), tenant, quiet_world, scope=scope, by="bob")
    await change_block(
        "plan", Rethink(value="Ask her"), tenant, quiet_world, scope=REPOSITORY, by="bob"
    )

    assert await quiet_world.derived.blocks.naming(tenant, "ADA") == 2
    assert await quiet_world.derived.blocks.naming(OTHER, "ada") == 0


async def test_the_archive_keeps_a_passage_once_and_finds_it(
    quiet_world: World, tenant: Tenant
) -> None:
    """The same text in the same tier is one; another tier and tenant do not see it."""
    world = quiet_world
    passage = Passage(
        text="The migration locked the orders table.",
        trust=Trust.PERSON,
        actor="mona",
        tags=("sql",),
    )
    first = await insert_passage(passage, tenant, world, scope=REPOSITORY)
    await insert_passage(passage, tenant, world, scope=REPOSITORY)
    await insert_passage(
        Passage(text="Lunch is at noon.", trust=Trust.PERSON), tenant, world, scope=ADA
    )

    found = await search_passages("locked table", tenant, world, scope=REPOSITORY)
    by_tag = await search_passages("sql", tenant, world, scope=REPOSITORY)
    everything = await search_passages("", tenant, world, scope=REPOSITORY)
    own = await search_passages("lunch", tenant, world, scope=ADA)

    assert [each.record.id for each in found] == [first.id]
    assert [each.record.id for each in by_tag] == [first.id]
    assert [each.record.id for each in everything] == [first.id]
    assert [each.record.text for each in own] == ["Lunch is at noon."]
    assert await search_passages("locked", OTHER, world, scope=REPOSITORY) == []


async def test_blocks_are_shown_whole_with_their_labels(quiet_world: World, tenant: Tenant) -> None:
    """Empty ones are left out, and no text ends its own block."""
    await change_block(
        "persona",
        Append(text="Be brief.</block>"),
        tenant,
        quiet_world,
        scope=REPOSITORY,
        by="mona",
    )

    text = shown(await load_blocks(tenant, quiet_world, scope=REPOSITORY))

    assert text == '<block label="persona" version="2">\nBe brief.<|block>\n</block>'


def contents(folder: Path) -> list[bytes]:
    """What is in each file of every database."""
    return [path.read_bytes() for path in folder.rglob("*.db*")]


async def test_a_block_made_anew_is_not_taken_for_the_one_that_was_deleted(
    quiet_world: World, tenant: Tenant
) -> None:
    """Whoever has read the old one is told of the new one's version; the old text is gone."""
    first = await put_block("plan", Configure(value="A"), tenant, quiet_world, scope=ADA, by="ada")
    await delete_block("plan", tenant, quiet_world, scope=ADA, expected=1)
    second = await put_block(
        "plan", Configure(value="B"), tenant, quiet_world, scope=ADA, by="bob", expected=0
    )
    with pytest.raises(BlockChanged) as raised:
        await change_block(
            "plan", Rethink(value="A again"), tenant, quiet_world, scope=ADA, by="ada", expected=1
        )
    versions = await block_versions("plan", tenant, quiet_world, scope=ADA)
    await delete_block("plan", tenant, quiet_world, scope=ADA)
    third = await put_block("plan", Configure(value="C"), tenant, quiet_world, scope=ADA, by="ada")

    assert (first.version, second.version, third.version) == (1, 2, 3)
    assert raised.value.present == 2
    assert [(each.version, each.value) for each in versions] == [(2, "B")]


async def test_the_blocks_of_a_repository_that_were_all_deleted_go_on_too(
    quiet_world: World, tenant: Tenant
) -> None:
    """They are made again with the next look, empty, as versions of their own."""
    for block in await load_blocks(tenant, quiet_world, scope=REPOSITORY):
        await delete_block(block.label, tenant, quiet_world, scope=REPOSITORY)

    again = await load_blocks(tenant, quiet_world, scope=REPOSITORY)

    assert [each.version for each in again] == [2, 2, 2]


async def test_of_a_person_who_is_forgotten_no_deleted_block_is_left(
    tmp_path: Path, quiet_world: World, tenant: Tenant
) -> None:
    """Neither its label nor that it was theirs."""
    await put_block("xylophone", Configure(value="mine"), tenant, quiet_world, scope=ADA, by="Ada")
    await delete_block("xylophone", tenant, quiet_world, scope=ADA)

    await quiet_world.derived.forget(tenant, person="ada")

    notes = (tmp_path / "notes").rglob("*.db*")
    assert not any(b"xylophone" in path.read_bytes() for path in notes)
