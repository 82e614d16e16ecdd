"""A uvicorn server as a task of the caller's event loop, on a loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


class _QuietServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the program that embeds the simulator.
        yield


class Host:
    """One application on 127.0.0.1; port 0 lets the system choose."""

    def __init__(self, port: int = 0) -> None:
        # asyncio turns Nagle's algorithm off, 40 ms for each answer, only where TCP is named.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(256)
        self._task: asyncio.Task[None] | None = None
        self._server: _QuietServer | None = None

    @property
    def url(self) -> str:
        """The origin, without a slash at the end."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def start(self, app: ASGIApp) -> None:
        """Begin to serve *app*; clients may connect from now on."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            # Longer than clients keep theirs (httpx: 5 s), or both would close at one moment and
            # a request be lost on the way.
            timeout_keep_alive=60,
            timeout_graceful_shutdown=2,
        )
        self._server = _QuietServer(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        await self._server.is_ready.wait()

    async def stop(self) -> None:
        """Finish the requests under way and close the port."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        self._socket.close()
