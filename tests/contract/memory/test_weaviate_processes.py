"""
Several processes of one machine that write one tenant of a Weaviate server.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from weaviate.classes.query import Filter

from contract.memory import retain_in_weaviate, weaviate_server
from contract.memory.conftest import at
from contract.memory.hashing import HashingEmbedder
from contract.memory.test_sqlite import kept_by, program_environment
from odyssey.adapters.weaviate.connection import Connection
from odyssey.adapters.weaviate.threads import Group, read_whole
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Shelf


@contextmanager
def retaining(
    server: weaviate_server.Server, folder: Path, name: str, tenant: Tenant, prefix: str
) -> Iterator[subprocess.Popen[str]]:
    """Another process that retains until the block ends, and is then killed with -9."""
    process = subprocess.Popen(
        [
            sys.executable, str(retain_in_weaviate.__file__), str(folder), name, tenant.name,
            server.url, str(server.grpc_port), prefix,
        ],
        stdout=subprocess.PIPE, text=True, env=program_environment(),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


async def wrong_keys(server: weaviate_server.Server, tenant: Tenant, prefix: str) -> list[str]:
    """The objects of the thread whose keys are not what their neighbours say."""
    connection = Connection(
        server.url, grpc_port=server.grpc_port, prefix=prefix, patience=timedelta(seconds=60)
    )
    collection = await connection.find(Shelf.EVENT, tenant)
    nothing = Filter.by_property("record_id").equal("")
    patches = await read_whole(collection, Group("pull/41", "repository", ""), without=nothing)
    await connection.close()
    return list(patches)


async def test_two_processes_write_one_tenant(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """Both are heard, a third that reads sees both, and each knows the other's as neighbours."""
    prefix = f"T{uuid.uuid4().hex[:12]}"
    memory = at(weaviate, tmp_path, HashingEmbedder(), prefix=prefix)
    with (
        retaining(weaviate, tmp_path, "left-", tenant, prefix) as left,
        retaining(weaviate, tmp_path, "right-", tenant, prefix) as right,
    ):
        promised = await asyncio.to_thread(kept_by, left, 8)
        promised += await asyncio.to_thread(kept_by, right, 8)
        meanwhile = {
            one.record.id for one in await memory.recall(tenant, "", limit=1000, scope=REPOSITORY)
        }
    # The leases of the dead are over after a minute.
    with closing(sqlite3.connect(tmp_path / "control.db")) as connection, connection:
        connection.execute("UPDATE lease SET until = 0")
    await memory.catch_up(tenant)
    rows = [row async for row in memory.export(tenant)]
    waiting = await memory.waiting(tenant)
    await memory.close()

    assert set(promised) <= meanwhile <= {row.record.id for row in rows}
    assert len({row.record.id for row in rows}) == len(rows)
    assert all(row.model == "hashing" for row in rows)
    assert waiting == 0
    assert await wrong_keys(weaviate, tenant, prefix) == []
