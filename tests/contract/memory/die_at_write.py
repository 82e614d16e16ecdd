"""
Processes that are killed at one write after the other.

Usage: python die_at_write.py sqlite FOLDER TENANT
       python die_at_write.py sqlite-each FOLDER TENANT WHAT
       python die_at_write.py weaviate FOLDER TENANT URL GRPC_PORT PREFIX
       python die_at_write.py weaviate-each FOLDER TENANT URL GRPC_PORT PREFIX

The second does WHAT (forget, load, reembed) in a copy of the folder for each write, is killed
before it, and does it again; a line of JSON for each says what was in the file both times.

The last one reads lines `replace AT` and `forget AT`, does that in a process which is killed
before write AT, and says `died`, or `done` when there are no more than AT writes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.stored import Stored

_WRITES = ("INSERT", "UPDATE", "DELETE", "COMMIT")


def die() -> NoReturn:
    """As by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit


async def do_in_sqlite(what: str, folder: Path, tenant: Tenant, *, at: int) -> None:
    """Replaces an observation, forgets Eve, loads or embeds anew; killed before write *at*."""
    from odyssey.adapters.sqlite import SqliteMemory

    writes = itertools.count()
    connect = sqlite3.connect

    class Deadly(sqlite3.Connection):
        """A connection that counts what it writes."""

        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql.startswith(_WRITES) and next(writes) == at:
                die()
            return super().execute(sql, *arguments)

        def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
            if sql.startswith(_WRITES) and next(writes) == at:
                die()
            return super().executemany(sql, rows)

        def commit(self) -> None:
            if next(writes) == at:
                die()
            super().commit()

    def deadly(path: Any, **options: Any) -> sqlite3.Connection:
        return connect(path, factory=Deadly, **options)

    sqlite3.connect = deadly  # type: ignore[assignment]  # of this process only, which dies
    embedder = HashingEmbedder("new" if what == "reembed" else "hashing")
    memory = SqliteMemory(folder, embedder)
    match what:
        case "replace":
            await memory.retain(tenant, [record("1", f"version {at}")], shelf=Shelf.OBSERVATION)
        case "forget":
            await memory.forget(tenant, person="eve")
        case "load":
            await memory.load(tenant, [await _embedded(name, embedder) for name in ("x", "y")])
        case "reembed":
            await memory.reembed()
    await memory.close()


async def _embedded(name: str, embedder: HashingEmbedder) -> Stored:
    own = record(name, f"loaded {name}", attributes={"title": name})
    vectors = await embedder.embed_documents([own.text])
    return Stored(record=own, model=embedder.model, vectors=tuple(vectors))


def in_file(folder: Path, tenant: Tenant) -> dict[str, Any]:
    """
    Which events are in a whole file, of which model it is, and how many events have none of its
    vectors.
    """
    with closing(sqlite3.connect(folder / f"{tenant.name}.db")) as connection:
        checked = connection.execute("PRAGMA integrity_check").fetchone()
        for table in ("words", "nearby"):
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
        connection.rollback()
        ids = connection.execute("SELECT id FROM record ORDER BY id").fetchall()
        [model] = connection.execute("SELECT value FROM meta WHERE name = 'model'").fetchone()
        [lacking] = connection.execute(
            "SELECT count(*) FROM record WHERE seq NOT IN (SELECT seq FROM vector WHERE model = ?)",
            (model,),
        ).fetchone()
        [others] = connection.execute(
            "SELECT count(*) FROM vector WHERE model <> ?", (model,)
        ).fetchone()
    return {
        "check": checked[0],
        "ids": [one for (one,) in ids],
        "model": model,
        "lacking": lacking,
        "others": others,
    }


def each_in_sqlite(what: str, folder: Path, tenant: Tenant) -> None:
    """Dies before each write, in a copy of the folder, and does it again."""
    for at in itertools.count():
        copy = Path(shutil.copytree(folder, folder.with_name(f"{folder.name}-{at}")))
        has_died = is_killed_in_sqlite(what, copy, tenant, at=at)
        then = in_file(copy, tenant)
        # No process comes to a write of this number.
        is_killed_in_sqlite(what, copy, tenant, at=-1)
        line = json.dumps({"then": then, "repeated": in_file(copy, tenant)})
        print(line, flush=True)  # noqa: T201 - read by the test
        if not has_died:
            return


def is_killed_in_sqlite(what: str, folder: Path, tenant: Tenant, *, at: int) -> bool:
    """Whether a child died before that write, or came to its end."""
    child = os.fork()
    if not child:
        asyncio.run(do_in_sqlite(what, folder, tenant, at=at))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
        raise SystemExit(f"{what} failed before it came to write {at}")
    return status != 0


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


async def do_in_weaviate(
    what: str, folder: Path, tenant: Tenant, url: str, *, port: int, prefix: str, at: int
) -> None:
    """Replaces an observation of several pieces, or forgets Eve; killed before write *at*."""
    from weaviate.connect.v4 import ConnectionAsync

    from odyssey.adapters.control import Control
    from odyssey.adapters.weaviate import WeaviateMemory

    writes = itertools.count()

    def deadly(write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if next(writes) == at:
                die()
            return write(*arguments, **options)

        return counted

    # Of this process only, which dies: all that changes the server, and the outbox's end.
    for kind, name in (
        (ConnectionAsync, "grpc_batch_objects"),
        (ConnectionAsync, "grpc_batch_delete"),
        (ConnectionAsync, "patch"),
        (Control, "take_out"),
    ):
        setattr(kind, name, deadly(getattr(kind, name)))
    memory = WeaviateMemory(
        url, HashingEmbedder(), control=folder / "control.db", grpc_port=port, prefix=prefix
    )
    if what == "replace":
        await memory.retain(tenant, [long_observation(at)], shelf=Shelf.OBSERVATION)
    else:
        await memory.forget(tenant, person="eve")
    await memory.close()


def long_observation(version: int) -> Record:
    """An observation between two others, with a vector for each of its pieces."""
    return record("2", f"version {version} " + "lorem ipsum dolor " * 500, minutes=2)


def do_each(folder: Path, tenant: Tenant, url: str, *, port: int, prefix: str) -> None:
    """A child for each line."""
    import odyssey.adapters.weaviate  # noqa: F401 - once, and not in each child

    for line in sys.stdin:
        what, at = line.split()
        child = os.fork()
        if not child:
            asyncio.run(
                do_in_weaviate(what, folder, tenant, url, port=port, prefix=prefix, at=int(at))
            )
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        said = "died" if is_killed else "done" if status == 0 else f"failed with {status}"
        print(said, flush=True)  # noqa: T201 - read by the test


def main() -> None:
    """In SQLite a child for each write, until one is left alive; says how many died."""
    store, folder, tenant = sys.argv[1], Path(sys.argv[2]), Tenant(sys.argv[3])
    if store == "weaviate-each":
        url, port, prefix = sys.argv[4:]
        do_each(folder, tenant, url, port=int(port), prefix=prefix)
        return
    if store == "weaviate":
        url, port, prefix = sys.argv[4:]
        asyncio.run(retain_in_weaviate(folder, tenant, url, port=int(port), prefix=prefix))
        return
    import odyssey.adapters.sqlite  # noqa: F401 - once, and not in each child

    if store == "sqlite-each":
        each_in_sqlite(sys.argv[4], folder, tenant)
        return
    for at in itertools.count():
        if not is_killed_in_sqlite("replace", folder, tenant, at=at):
            print(at)  # noqa: T201 - read by the test
            return


if __name__ == "__main__":
    main()
