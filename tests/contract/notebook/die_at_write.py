"""
Processes that learn from two records and are killed at one write of the notebook after the
other; after each death another process finishes the work and says what it finds.

Usage: python die_at_write.py FOLDER TENANT. The model is a stand-in of a few lines.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from contract.memory.records import record
from contract.notebook.world import Clock, World, opened
from odyssey.domain.memory.prompt import Prompt
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Shelf
from odyssey.handlers.memory.derive import derive_tenant
from odyssey.handlers.memory.observe import find_observations

_WRITES = ("INSERT", "UPDATE", "DELETE", "PRAGMA user_version =")
"""Not CREATE: all tables are made in one transaction, whose end is a write."""


class StandIn:
    """A model that makes one observation of everything it is shown."""

    name = "a stand-in, no model"

    async def answer(self, prompt: Prompt, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Creates the first time, updates from then on."""
        sources = [f"R{number}" for number in (1, 2) if f"R{number} (" in prompt.user]
        verb = {"action": "create"}
        if "O1 (" in prompt.user:
            verb = {"action": "update", "observation": "O1"}
        text = f"ada said something, told by {len(prompt.user)} characters"
        return {"actions": [{**verb, "text": text, "sources": sources, "confidence": 0.9}]}

    async def close(self) -> None:
        """Nothing to end."""


async def learn(folder: Path, tenant: Tenant, clock: Clock) -> World:
    """Retains and learns, one record after the other."""
    async with opened(folder, clock=clock, embeds=False) as bare:
        world = dataclasses.replace(
            bare, derived=dataclasses.replace(bare.derived, language=StandIn())
        )
        for each in ("c1", "c2"):
            await world.memory.retain(tenant, [record(each, f"words of {each}")])
            await derive_tenant(tenant, world)
        return world


async def finish(folder: Path, tenant: Tenant) -> dict[str, Any]:
    """The same again, as after a redelivery, when the dead process's lease is over."""
    clock = Clock()
    clock.forward(timedelta(hours=1))
    await learn(folder, tenant, clock)
    async with opened(folder, clock=clock, embeds=False) as world:
        await derive_tenant(tenant, world)
        found = await find_observations(tenant, world, scope=REPOSITORY)
        rows = await world.memory.recall(tenant, "", scope=REPOSITORY, shelf=Shelf.OBSERVATION)
        counters = await world.derived.jobs.counters(tenant)
        versions = await world.derived.observations.versions(tenant, scope="repository")
    return {
        "sources": [sorted(each.record_id for each in one.observation.sources) for one in found],
        "is_indexed": [one.record.text for one in rows] == [one.observation.text for one in found],
        "open_jobs": {
            state
            for states in counters.jobs.values()
            for state in states
            if state in ("leased", "dead")
        }
        != set(),
        "unlearnt": counters.unlearnt,
        "is_one_line": [one.version for one in versions] == list(range(1, 1 + len(versions))),
    }


def deadly(at: int) -> Any:
    """What opens connections to notebooks that kill this process before write *at*."""
    writes = itertools.count()
    connect = sqlite3.connect

    def count() -> None:
        if next(writes) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    class Deadly(sqlite3.Connection):
        """A connection that counts what it writes."""

        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql.lstrip().startswith(_WRITES):
                count()
            return super().execute(sql, *arguments)

        def executemany(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            count()
            return super().executemany(sql, *arguments)

        def commit(self) -> None:
            if self.in_transaction:
                count()
            super().commit()

    def opens(path: Any, **options: Any) -> sqlite3.Connection:
        if "notes" in Path(path).parts:
            options["factory"] = Deadly
        made: sqlite3.Connection = connect(path, **options)
        return made

    return opens


def main() -> None:
    """A child for each write, until one is left alive; then a line for each that died."""
    folder, tenant = Path(sys.argv[1]), Tenant(sys.argv[2])
    for at in itertools.count():
        child = os.fork()
        if not child:
            sqlite3.connect = deadly(at)  # of this process only, which dies
            asyncio.run(learn(folder / str(at), tenant, Clock()))
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return
        child = os.fork()
        if not child:
            told = asyncio.run(finish(folder / str(at), tenant))
            sys.stdout.write(json.dumps({"at": at, **told}) + "\n")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
