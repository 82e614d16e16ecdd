"""
The private Redis server: durable when asked, reachable, and gone with its owner.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from odyssey.setup.redis_server import RedisNotStarted, start_redis


def has_ended(pid: int, *, within_s: float) -> bool:
    """
    The process is gone, or goes within the time.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = select.select([handle], [], [], within_s)
        return bool(ready)
    finally:
        os.close(handle)


def test_a_durable_server_keeps_an_acknowledged_write_when_it_is_killed(tmp_path: Path) -> None:
    """
    What was acknowledged is on the disk: a killed server finds it again.
    """
    with start_redis(tmp_path, durable=True) as server:
        redis.Redis.from_url(server.url).set("delivery", "kept")
        os.kill(server.pid, signal.SIGKILL)

    with start_redis(tmp_path, durable=True) as server:
        assert redis.Redis.from_url(server.url).get("delivery") == b"kept"


def test_a_server_that_is_not_durable_starts_empty(tmp_path: Path) -> None:
    """
    One test's data is not found by the next.
    """
    with start_redis(tmp_path, durable=False) as server:
        redis.Redis.from_url(server.url).set("delivery", "forgotten")

    with start_redis(tmp_path, durable=False) as server:
        assert redis.Redis.from_url(server.url).get("delivery") is None


def test_a_server_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    """
    No server is left behind, not even by a process that could not clean up.
    """
    program = (
        "import sys; from pathlib import Path; from odyssey.setup.redis_server import start_redis;"
        f"server = start_redis(Path({str(tmp_path)!r}), durable=False);"
        "print(server.pid, flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())

        owner.kill()

    assert has_ended(pid, within_s=10)


async def test_a_server_ends_with_its_block(tmp_path: Path) -> None:
    """
    The asynchronous context manager ends it too.
    """
    async with start_redis(tmp_path, durable=False) as server:
        pid = server.pid

    assert has_ended(pid, within_s=0)


def test_a_folder_too_deep_for_a_socket_gets_a_loopback_port(tmp_path: Path) -> None:
    """
    The length of a temporary folder's name never decides whether tests run.
    """
    deep = tmp_path / ("x" * 120)

    with start_redis(deep, durable=False) as server:
        assert server.url.startswith("redis://127.0.0.1:")
        assert redis.Redis.from_url(server.url).ping()


def test_a_program_that_is_no_server_is_quoted(tmp_path: Path) -> None:
    """
    The message holds what the program said, not just that it failed.
    """
    impostor = tmp_path / "impostor"
    impostor.write_text("#!/bin/sh\necho the disk is on fire; exit 3\n")
    impostor.chmod(0o755)

    with pytest.raises(RedisNotStarted, match="the disk is on fire"):
        start_redis(tmp_path / "data", durable=True, program=impostor)
