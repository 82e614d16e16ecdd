"""
How many runs this machine executes at once, over all simulators and all processes of this user.

A place is a file with a lock on it, so that one whose process died is free again.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_LOOK_AGAIN_S = 0.05  # no one tells when a lock of another process is given up


class Places:
    """*count* places below *folder*; by default those of this user on this machine."""

    def __init__(self, count: int, *, folder: Path | None = None) -> None:
        self._count = count
        self._folder = folder or Path(tempfile.gettempdir(), f"actions-places-{os.getuid()}")

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold one place; waits until one is free."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        while (descriptor := self._try()) is None:  # noqa: ASYNC110  # see _LOOK_AGAIN_S
            await asyncio.sleep(_LOOK_AGAIN_S)
        try:
            yield
        finally:
            os.close(descriptor)

    def _try(self) -> int | None:
        for number in range(self._count):
            path = self._folder / f"{number}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
        return None
