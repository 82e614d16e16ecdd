"""
Lines of notebooks: those of an older Odyssey, and what is left of what was deleted.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.notebook.world import World, opened
from odyssey.adapters.notebook import carried
from odyssey.domain.memory.blocks import Configure
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Scope
from odyssey.handlers.memory.blocks import delete_block, put_block


def test_a_message_of_the_time_before_sessions_can_be_read(tenant: Tenant) -> None:
    """It is of the conversation that has none."""
    row = {"scope": "person:mona", "added_at": 1.0, "is_batched": 0}
    line = json.dumps(
        {
            "format": carried.FORMAT, "tenant": tenant.name, "kind": "message", "key": ["m1"],
            "rows": {"conversation_message": [row]},
        }
    )  # fmt: skip

    with carried.Checker() as checker:
        _, unit = checker.from_line(line)

    assert unit.rows["conversation_message"] == ({**row, "session": ""},)


async def test_a_block_made_anew_after_a_move_goes_on_from_the_versions_it_had(
    quiet_world: World, tenant: Tenant, tmp_path: Path
) -> None:
    """How many it had is carried, and no text of it."""
    scope = Scope.of_thread("pull/7")
    for text in ("A secret thought", "Another secret"):
        await put_block("plan", Configure(value=text), tenant, quiet_world, scope=scope, by="ada")
    await delete_block("plan", tenant, quiet_world, scope=scope)
    units = await quiet_world.notebooks.read(tenant, lambda one: list(carried.each_unit(one)))
    lines = [carried.to_line(tenant, unit) for unit in units]

    async with opened(tmp_path / "there") as there:
        with carried.Checker() as checker:
            read = [checker.from_line(line)[1] for line in lines]
        for _ in range(2):
            await there.notebooks.write(tenant, lambda one: carried.load(one, read))
        made = await put_block("plan", Configure(value="x"), tenant, there, scope=scope, by="ada")

    assert [unit.kind for unit in units] == ["deleted block"]
    assert "secret" not in "".join(lines)
    assert made.version == 3


@pytest.mark.parametrize(
    ("label", "version"), [("plan", 0), ("plan", "one"), ("../plan", 1), ("Plan", 1)]
)
def test_what_no_block_can_have_been_is_refused(
    tenant: Tenant, label: str, version: object
) -> None:
    """No version, no label."""
    line = json.dumps(
        {
            "format": carried.FORMAT, "tenant": tenant.name, "kind": "deleted block",
            "key": ["repository", "", label], "rows": {"block_deleted": [{"version": version}]},
        }
    )  # fmt: skip

    with carried.Checker() as checker, pytest.raises(ValueError):
        checker.from_line(line)
