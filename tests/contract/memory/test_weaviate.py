"""
What the Weaviate store promises beyond the port: a server that is away, or half there.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sqlite3
import subprocess
import sys
import uuid
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from contract.memory import die_at_write, weaviate_server
from contract.memory.conftest import at
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from contract.memory.test_sqlite import program_environment
from odyssey.adapters.control import Control
from odyssey.adapters.weaviate import WeaviateMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY, Shelf
from odyssey.domain.memory.stored import Stored


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
async def breaking_port() -> AsyncIterator[int]:
    """The port of a server that says its version, and hangs up in the middle of all else."""
    said = b'{"version": "1.38.11", "modules": {}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /v1/meta "):
                writer.write(head % len(said) + said)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])


def away(folder: Path, port: int = 9) -> WeaviateMemory:
    """Memory on a server that does not answer, with the outbox in *folder*."""
    return WeaviateMemory(
        f"http://127.0.0.1:{port}",
        HashingEmbedder(),
        control=folder / "control.db",
        grpc_port=10,
        patience=timedelta(seconds=1),
    )


def in_control_file(folder: Path, text: bytes) -> bool:
    """Whether the outbox's file, or its log, has the text."""
    return any(text in path.read_bytes() for path in folder.glob("control.db*"))


async def test_a_server_that_hangs_is_unavailable_in_time(
    silent_port: int, tenant: Tenant, tmp_path: Path
) -> None:
    """The client would wait for minutes; the message says what to look at."""
    memory = away(tmp_path, silent_port)

    with pytest.raises(Unavailable, match=f"{silent_port}.*gRPC port 10"):
        await memory.recall(tenant, "x", scope=REPOSITORY)
    for verb in (memory.forget(tenant, person="ada"), memory.tenants(), memory.waiting(tenant)):
        with pytest.raises(Unavailable):
            await verb
    await memory.close()


async def test_a_server_that_is_not_there_is_unavailable(tenant: Tenant, tmp_path: Path) -> None:
    """At once."""
    memory = away(tmp_path)

    with pytest.raises(Unavailable, match="see that it runs"):
        await memory.recall(tenant, "x", scope=REPOSITORY)
    await memory.close()


async def test_a_connection_that_breaks_off_is_unavailable(
    breaking_port: int, tenant: Tenant, tmp_path: Path
) -> None:
    """Else a timer would end, and a delivery be given up, for what passes by itself."""
    memory = away(tmp_path, breaking_port)

    await memory.retain(tenant, [record("1", "x")])
    for verb in (
        memory.recall(tenant, "x", scope=REPOSITORY),
        memory.forget(tenant, person="ada"),
        memory.catch_up(tenant),
        memory.waiting(tenant),
    ):
        with pytest.raises(Unavailable, match=str(breaking_port)):
            await verb
    await memory.close()


async def test_nothing_is_lost_while_the_server_is_away(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """What is retained is on the disk when `retain` returns; whoever finds the server writes it."""
    without = away(tmp_path)
    await without.retain(tenant, [record("1", "the parser chokes on tabs")])
    await without.retain(tenant, [record("1", "a redelivery"), record("2", "unrelated")])
    await without.retain(tenant, [record("o", "tabs, always tabs")], shelf=Shelf.OBSERVATION)
    await without.close()
    behind = Control(tmp_path / "control.db").tenants()
    memory = at(weaviate, tmp_path, HashingEmbedder())

    found = await memory.recall(tenant, "parser tabs", scope=REPOSITORY)
    caught_up = await memory.catch_up(tenant)
    [by_meaning, *_] = await memory.recall(tenant, "parser tabs", scope=REPOSITORY)
    left = [await memory.waiting(tenant), Control(tmp_path / "control.db").count(tenant)]
    await memory.close()

    assert behind == [tenant]
    assert found[0].record.text == "the parser chokes on tabs"
    assert caught_up == 3 and "meaning" in by_meaning.matched
    assert left == [0, 0]


async def test_what_waits_is_forgotten_too(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """From the outbox, and from its file."""
    without = away(tmp_path)
    await without.retain(tenant, [record("1", "xylophone quokka", actor="Eve")])
    await without.close()
    in_files_before = in_control_file(tmp_path, b"quokka")
    memory = at(weaviate, tmp_path, HashingEmbedder())

    done = await memory.forget(tenant, person="eve")
    listed = await memory.recall(tenant, "", scope=REPOSITORY)
    await memory.close()

    assert in_files_before
    assert (done.count, done.left, listed) == (1, 0, [])
    assert not in_control_file(tmp_path, b"quokka")


async def test_a_row_that_the_server_refuses_waits_and_the_others_are_written(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """A batch does not raise for a bad vector; the row waits, is exported, and heals."""
    control = Control(tmp_path / "control.db")
    memory = at(weaviate, tmp_path, HashingEmbedder())
    await memory.retain(tenant, [record("1", "apples")])
    short = Stored(record=record("2", "pears"), model="hashing", vectors=(array("f", [1.0, 0.0]),))
    control.put(tenant, [short, Stored(record=record("3", "plums"))])
    without_model = at(weaviate, tmp_path, None)

    await without_model.catch_up(tenant)
    found = {one.record.id for one in await without_model.recall(tenant, "", scope=REPOSITORY)}
    refused = control.count(tenant)
    exported = {stored.record.id async for stored in without_model.export(tenant)}
    await memory.catch_up(tenant)
    await memory.catch_up(tenant)
    [healed] = await memory.recall(tenant, "pears", scope=REPOSITORY, limit=1)
    left = await memory.waiting(tenant)
    await memory.close()
    await without_model.close()

    assert {"1", "3"} <= found
    assert (refused, exported) == (1, {"1", "2", "3"})
    assert healed.record.id == "2" and "meaning" in healed.matched
    assert left == 0


async def test_killed_between_the_two_writes_of_an_update_the_next_one_ends_it(
    weaviate: weaviate_server.Server, tenant: Tenant, tmp_path: Path
) -> None:
    """The record was written, its neighbours not yet mended: they are, by whoever comes next."""
    prefix = f"T{uuid.uuid4().hex[:12]}"
    memory = at(weaviate, tmp_path, HashingEmbedder(), prefix=prefix)
    await memory.retain(tenant, [record("1", "first", minutes=1), record("3", "third", minutes=3)])

    done = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable, str(die_at_write.__file__), "weaviate", str(tmp_path), tenant.name,
            weaviate.url, str(weaviate.grpc_port), prefix,
        ],
        env=program_environment(),
        check=False,
    )  # fmt: skip
    # The lease of the dead is over after a minute.
    with closing(sqlite3.connect(tmp_path / "control.db")) as connection, connection:
        connection.execute("UPDATE lease SET until = 0")
    found = await memory.recall(tenant, "rhubarb", scope=REPOSITORY)
    await memory.close()

    assert done.returncode == -signal.SIGKILL
    assert found[0].record.id == "2"
    assert {one.record.id for one in found if "words nearby" in one.matched} == {"1", "2", "3"}


async def test_one_port_for_both_protocols_is_a_mistake_that_is_named(
    tenant: Tenant, tmp_path: Path
) -> None:
    """With the setting that mends it."""
    memory = WeaviateMemory("http://127.0.0.1:9", control=tmp_path / "control.db", grpc_port=9)

    with pytest.raises(Unavailable, match="ODYSSEY_WEAVIATE_GRPC_PORT"):
        await memory.recall(tenant, "x", scope=REPOSITORY)


async def test_one_process_at_a_time_holds_a_lease(tmp_path: Path) -> None:
    """Another waits as long as its patience; the lease of a dead one is over after a minute."""
    now = [1000.0]
    patience = timedelta(seconds=0.1)
    first, second = (
        Control(tmp_path / "control.db", patience=patience, clock=lambda: now[0]) for _ in range(2)
    )

    async with first.lease("tenant x"):
        held = second.is_held("tenant x")
        with pytest.raises(Unavailable, match="tenant x"):
            async with second.lease("tenant x"):
                pass
        async with second.lease("tenant y"):
            pass
        now[0] += 61
        async with second.lease("tenant x"):
            taken_over = True
    now[0] -= 10_000
    async with first.lease("tenant x"), second.lease("tenant y"):
        set_back = True

    assert held and taken_over and set_back


async def test_a_renewal_that_comes_after_the_release_takes_no_lease(tmp_path: Path) -> None:
    """A thread that renews it cannot be stopped; the next one would wait for a minute."""
    begun, released, times = Event(), Event(), iter([1000.0])

    def clock() -> float:
        """The lease is taken at once; whoever renews it sleeps from here until it is released."""
        if (now := next(times, None)) is not None:
            return now
        if not released.is_set():
            begun.set()
            released.wait(30)
        return 1001.0

    control = Control(tmp_path / "control.db", clock=clock, lease=timedelta(seconds=2))
    async with control.lease("tenant x"):
        await asyncio.to_thread(begun.wait, 30)
    released.set()
    # The default executor ends when its threads have: the renewal is over.
    await asyncio.get_running_loop().shutdown_default_executor()

    assert begun.is_set()
    assert not control.is_held("tenant x")


async def test_a_lease_written_before_the_clock_was_set_back_does_not_last(tmp_path: Path) -> None:
    """Else nothing would be written for as long as the clock was wrong."""
    now = [1e6]
    control = Control(
        tmp_path / "control.db", patience=timedelta(seconds=0.1), clock=lambda: now[0]
    )
    holding = control.lease("tenant x")
    await holding.__aenter__()
    now[0] = 1000.0

    async with control.lease("tenant x"):
        is_free = True
    await holding.__aexit__(None, None, None)

    assert is_free
