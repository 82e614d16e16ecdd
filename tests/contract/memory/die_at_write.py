"""
Processes that are killed at one write after the other.

Usage: python die_at_write.py sqlite FOLDER TENANT
       python die_at_write.py weaviate FOLDER TENANT URL GRPC_PORT PREFIX
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf

_WRITES = ("INSERT", "UPDATE", "DELETE", "COMMIT")


def die() -> NoReturn:
    """As by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit


async def replace_in_sqlite(folder: Path, tenant: Tenant, *, at: int) -> None:
    """Replaces an observation, and is killed before write *at*."""
    import sqlite3

    from odyssey.adapters.sqlite import SqliteMemory

    writes = itertools.count()
    connect = sqlite3.connect

    class Deadly(sqlite3.Connection):
        """A connection that counts what it writes."""

        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql.startswith(_WRITES) and next(writes) == at:
                die()
            return super().execute(sql, *arguments)

        def commit(self) -> None:
            if next(writes) == at:
                die()
            super().commit()

    def deadly(path: Any, **options: Any) -> sqlite3.Connection:
        return connect(path, factory=Deadly, **options)

    sqlite3.connect = deadly  # type: ignore[assignment]  # of this process only, which dies
    memory = SqliteMemory(folder, HashingEmbedder())
    await memory.retain(tenant, [record("1", f"version {at}")], shelf=Shelf.OBSERVATION)
    await memory.close()


async def retain_in_weaviate(
    folder: Path, tenant: Tenant, url: str, port: int, prefix: str
) -> None:
    """Retains between two neighbours, and is killed before the first of them is mended."""
    from odyssey.adapters.weaviate import WeaviateMemory, writing

    async def deadly(collection: Any, one: str, patch: Mapping[str, Any]) -> None:
        die()

    writing.patch_one = deadly  # of this process only, which dies
    memory = WeaviateMemory(
        url, HashingEmbedder(), control=folder / "control.db", grpc_port=port, prefix=prefix
    )
    await memory.retain(tenant, [record("2", "rhubarb", minutes=2)])


def main() -> None:
    """In SQLite a child for each write, until one is left alive; says how many died."""
    store, folder, tenant = sys.argv[1], Path(sys.argv[2]), Tenant(sys.argv[3])
    if store == "weaviate":
        url, port, prefix = sys.argv[4:]
        asyncio.run(retain_in_weaviate(folder, tenant, url, port=int(port), prefix=prefix))
        return
    for at in itertools.count():
        child = os.fork()
        if not child:
            asyncio.run(replace_in_sqlite(folder, tenant, at=at))
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            print(at)  # noqa: T201 - read by the test
            return


if __name__ == "__main__":
    main()
