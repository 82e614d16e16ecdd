"""
Forgetting that is cut off anywhere is ended by its repeat: nothing derived is left, in no file.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from contract.notebook.world import World, files_with, opened
from contract.notebook.written import write_observations
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.memory.observation import Observation, Source
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.stored import Forgotten
from odyssey.domain.memory.tasks import TaskMemory
from odyssey.handlers.memory.forget import forget_everywhere
from odyssey.handlers.memory.index import index_observations
from odyssey.handlers.memory.tasks import index_waiting, store_task

SECRET = "xylophone"


class Killed(Exception):
    """What ends the process in this test."""


class Counted:
    """Lets *lives* calls through, and dies before or after the next one."""

    def __init__(self, lives: int, *, after: bool) -> None:
        self._lives, self._after = lives, after

    def __call__(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """*call*, counted."""

        async def counted(*arguments: Any, **named: Any) -> Any:
            self._lives -= 1
            if self._lives < 0 and not self._after:
                raise Killed
            answer = await call(*arguments, **named)
            if self._lives < 0:
                raise Killed
            return answer

        return counted


class DyingMemory(SqliteMemory):
    """A store whose process ends when *dies* says so."""

    def __init__(self, folder: Path, dies: Counted) -> None:
        super().__init__(folder, HashingEmbedder())
        self._dies = dies

    async def forget(
        self, tenant: Tenant, *, source: str | None = None, person: str | None = None
    ) -> Forgotten:
        """What every store does, unless it dies before or after it."""
        forgotten: Forgotten = await self._dies(super().forget)(
            tenant, source=source, person=person
        )
        return forgotten


async def prepare(world: World, tenant: Tenant, folder: Path) -> None:
    """
    Grace's record with what was learnt of it, and a task of hers, all in the index.

    The record is of before there was a notebook, which does not know it therefore.
    """
    store = SqliteMemory(folder, HashingEmbedder())
    known = record("c1", f"grace plays the {SECRET}", actor="grace")
    await store.retain(tenant, [known])
    await store.close()
    learnt = Observation(
        key="o1",
        version=1,
        text=f"Somebody plays the {SECRET}",
        sources=(Source(known.occurred_at, known.id),),
        confidence=0.9,
        scope="repository",
        created_at=world.now(),
    )
    ports = world.derived
    await write_observations(
        tenant, [learnt], jobs=ports.jobs, observations=ports.observations, now=world.now()
    )
    task = TaskMemory(
        task_id="t1",
        summary=f"Tuned the {SECRET}",
        success=True,
        learned_at=world.now(),
        actor="linus",
        people=("grace",),
    )
    await store_task(task, tenant, world, learns=False)
    await index_observations(tenant, world)
    await index_waiting(tenant, world)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_repeat_ends_what_was_cut_off(tmp_path: Path, tenant: Tenant, after: bool) -> None:
    """Before and after each step, the notebook's and the store's."""
    for lives in itertools.count():
        folder = tmp_path / str(lives)
        async with opened(folder) as world:
            await prepare(world, tenant, folder)
            held = files_with(folder, SECRET)
            dies = Counted(lives, after=after)
            store = DyingMemory(folder, dies)
            derived = replace(world.derived, forget=dies(world.derived.forget))
            dying = replace(world, memory=store, derived=derived)
            is_over = True
            try:
                await forget_everywhere(tenant, dying, person="grace")
            except Killed:
                is_over = False
            await store.close()

            await forget_everywhere(tenant, world, person="grace")
            await index_observations(tenant, world)
            await index_waiting(tenant, world)

        assert held
        assert files_with(folder, SECRET) == 0, f"cut off at step {lives}"
        if is_over:
            break

    assert lives > 6
