"""
Short questions to docker over its own socket: a hundredth of the time that its client takes.

Only where the client would use the same socket; everywhere else the client is asked.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

_DEFAULT = "/var/run/docker.sock"
_TIMEOUT_S = 60.0
_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The status of the answer, and its JSON; None where it has none.
    """

    status: int
    content: Any


@dataclass(frozen=True, slots=True)
class SocketApi:
    """
    The engine's HTTP interface at the socket *path*.
    """

    path: str

    def ask(self, method: str, place: str, **query: str) -> Answer | None:
        """
        The answer to one request; None where the engine does not speak to us there.
        """
        target = quote(place) + ("?" + urlencode(query) if query else "")
        # HTTP/1.0: the answer ends with the connection, and is never sent in chunks.
        request = f"{method} {target} HTTP/1.0\r\nHost: docker\r\nContent-Length: 0\r\n\r\n"
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_TIMEOUT_S)
                connection.connect(self.path)
                connection.sendall(request.encode())
                data = bytearray()
                while len(data) <= _MAX_BYTES and (piece := connection.recv(1 << 16)):
                    data += piece
        except OSError:
            return None
        return _parse(bytes(data))

    def list(self, place: str, **filters: list[str]) -> list[dict[str, Any]] | None:
        """
        The list at *place* that *filters* leave.
        """
        answer = self.ask("GET", place, all="1", filters=json.dumps(filters))
        if answer is None or answer.status != 200 or not isinstance(answer.content, list):
            return None
        return answer.content


def find_socket(environ: Mapping[str, str]) -> SocketApi | None:
    """
    The socket that docker's client would use with *environ*, if that is plain to see.
    """
    host = environ.get("DOCKER_HOST", "")
    if environ.get("DOCKER_CONTEXT") or (host and not host.startswith("unix://")):
        return None
    if not host:
        home = environ.get("DOCKER_CONFIG") or f"{environ.get('HOME', '')}/.docker"
        try:
            if "currentContext" in Path(home, "config.json").read_text():
                return None
        except OSError:
            pass
    path = host.removeprefix("unix://") or _DEFAULT
    return SocketApi(path) if Path(path).is_socket() else None


def _parse(data: bytes) -> Answer | None:
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        return None
    try:
        return Answer(int(words[1]), json.loads(body) if body.strip() else None)
    except ValueError:
        return None
