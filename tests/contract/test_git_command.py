"""
The git program as workers and callers on uvloop start it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop

from odyssey.adapters.git_command import Git, GitFailed, environment
from odyssey.domain.errors import Unavailable


def git_in(folder: Path) -> Git:
    """git in an empty bare repository."""
    return Git(folder, "", environment(folder, "no-token"), timedelta(minutes=1))


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_git_that_ends_without_reading_its_input_is_no_defect(
    tmp_path: Path, loop: type[asyncio.AbstractEventLoop]
) -> None:
    """A pipe would break, and uvloop tell of it with a RuntimeError."""

    async def ask() -> tuple[str, list[str]]:
        git = git_in(tmp_path)
        await git("init", "--quiet", "--bare", str(tmp_path))
        blob = (await git("hash-object", "-w", "--stdin", stdin=b"x" * 3_000_000)).strip()
        kinds = [await git("cat-file", "-t", blob, stdin=b"unread" * 100_000) for _ in range(20)]
        kinds += [await git("cat-file", "-t", blob) for _ in range(20)]
        with pytest.raises(GitFailed, match="cat-file"):
            await git("cat-file", "-t", "0" * 40, stdin=b"unread" * 100_000)
        return await git("cat-file", "-s", blob), kinds

    with asyncio.Runner(loop_factory=loop) as runner:
        size, kinds = runner.run(ask())

    assert size.strip() == "3000000"
    assert {each.strip() for each in kinds} == {"blob"}


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_git_that_takes_too_long_is_killed_with_its_helpers(
    tmp_path: Path, loop: type[asyncio.AbstractEventLoop]
) -> None:
    """One that lived on would write into a copy that nobody holds the lock of, and keep it."""

    async def ask() -> bytes:
        connections = asyncio.Queue[asyncio.StreamReader]()

        async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await connections.put(reader)

        server = await asyncio.start_server(say_nothing, "127.0.0.1")
        port = server.sockets[0].getsockname()[1]
        git = Git(tmp_path, "", environment(tmp_path, "no-token"), timedelta(seconds=1))
        async with server, asyncio.timeout(20):
            with pytest.raises(Unavailable, match="ls-remote took over 1 s"):
                await git("ls-remote", f"http://127.0.0.1:{port}/silent.git")
            # The connection is git-remote-http's: its end is the end of what was sent.
            return await (await connections.get()).read()

    with asyncio.Runner(loop_factory=loop) as runner:
        sent = runner.run(ask())

    assert sent.startswith(b"GET /silent.git/info/refs")
