"""
The git program: started without a shell, bounded in time, deaf to this machine's configuration.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO

from odyssey.domain.errors import Unavailable

REMOTE = frozenset({"fetch", "ls-remote", "push"})
"""git's commands that may fail because of somebody else."""
LOCK_POLL_S = 0.02
_THREADS = ThreadPoolExecutor(200, thread_name_prefix="git")
"""Each waits for one git: as many as a worker's concurrency at most. They start when needed."""
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The tree without an entry, which git knows without its being there."""


# Not frozen: an exception on its way gets its traceback set.
@dataclass(eq=False)
class GitFailed(Exception):
    """git ended with a status other than 0; the message holds the end of what it said."""

    arguments: tuple[str, ...]
    status: int
    stderr: str
    stdout: bytes = b""

    def __str__(self) -> str:
        return f"git {self.arguments[0]} ended with {self.status}: {self.stderr.strip()[-2_000:]}"


@dataclass(frozen=True, slots=True)
class Git:
    """
    git in one bare repository; a call gives standard output as text, or raises `GitFailed`.
    """

    folder: Path
    url: str
    environment: Mapping[str, str]
    timeout: timedelta

    def with_environment(self, **more: str) -> Git:
        """The same with more variables."""
        return Git(self.folder, self.url, {**self.environment, **more}, self.timeout)

    async def __call__(self, *arguments: str, stdin: bytes = b"") -> str:
        return (await self.bytes(*arguments, stdin=stdin)).decode("utf-8", "surrogateescape")

    async def bytes(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """
        Standard output.

        Raises:
            GitFailed: its status is not 0.
            Unavailable: it took too long, and was killed.
        """
        with _readable(stdin) as given:
            # Not asyncio's: uvloop would fork this whole process, model and all, for each git.
            process = subprocess.Popen(  # noqa: ASYNC220 -- some milliseconds, by vfork
                ["git", "-C", str(self.folder), *arguments],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self.environment),
                # Its helpers, which speak HTTP and write packs, are killed with it.
                start_new_session=True,
            )
        ending = asyncio.get_running_loop().run_in_executor(_THREADS, process.communicate)
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                stdout, stderr = await asyncio.shield(ending)
        except TimeoutError as error:
            raise Unavailable(
                f"git {arguments[0]} took over {self.timeout.total_seconds():.0f} s"
            ) from error
        finally:
            if not ending.done():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await asyncio.wait([ending])
        if process.returncode:
            text = stderr.decode("utf-8", "replace")
            raise GitFailed(arguments, process.returncode, text, stdout)
        return stdout


@contextlib.contextmanager
def _readable(content: bytes) -> Iterator[IO[bytes] | int]:
    """*content* as standard input: a file, which git may leave unread."""
    if not content:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file


def environment(folder: Path, token: str) -> dict[str, str]:
    """
    git's environment: nobody's configuration, no hooks, no prompts, http(s) only, and the token.

    The token is in a variable, never in an argument that `ps` or an error would show.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name in ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
    }
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    settings = {
        "http.extraHeader": f"Authorization: Basic {basic}",
        "http.followRedirects": "false",
        "core.hooksPath": "/dev/null",
        "core.attributesFile": "/dev/null",
        "credential.helper": "",
        "gc.auto": "500",
        # In the background it would outlive the lock on the copy.
        "gc.autoDetach": "false",
        "maintenance.autoDetach": "false",
        "transfer.fsckObjects": "true",
        # What early tools wrote, and no history can lose: it harms nobody who only reads.
        **{
            f"fetch.fsck.{each}": "ignore"
            for each in (
                "badTimezone",
                "missingEmail",
                "missingNameBeforeEmail",
                "missingSpaceBeforeDate",
                "missingSpaceBeforeEmail",
                "zeroPaddedFilemode",
            )
        },
    }
    numbered = {
        f"GIT_CONFIG_{part}_{index}": text
        for index, pair in enumerate(settings.items())
        for part, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    return {
        **kept,
        **numbered,
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        # No `.gitattributes` either: neither this machine's nor, from git 2.41, a commit's.
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ATTR_SOURCE": EMPTY_TREE,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http:https",
        "GIT_DIR": str(folder),
        "LC_ALL": "C",
    }


@contextlib.asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """The lock file at *path*, held until the block or the process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # A thread that waits for a lock cannot be cancelled, and would keep what nobody releases.
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)
