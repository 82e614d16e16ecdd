"""
Deliveries at a steady rate, from a process of its own: `python -m bench.paced SPEC`.

SPEC is a JSON file with `port`, `path`, `rate` (a second) and `deliveries`: a list of
`[headers, body]`. On standard output come, as JSON, for each delivery the moment it was sent (by
`time.perf_counter`, which all processes of a machine share on Linux) and the status it got.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

CONNECTIONS = 32

Sent = tuple[float, int]


async def send_paced(
    port: int, path: str, deliveries: Sequence[tuple[Mapping[str, str], str]], *, rate: float
) -> list[Sent]:
    """
    When each delivery was sent and how it was answered, from a process of its own.
    """
    spec = {"port": port, "path": path, "rate": rate, "deliveries": deliveries}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(spec, file)
        file.flush()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.paced", file.name,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the sender ended with status {process.returncode}")
    return [(at, status) for at, status in json.loads(output)]


async def _send(spec: dict[str, Any]) -> list[Sent]:
    requests = [
        _request(spec["path"], headers, body.encode()) for headers, body in spec["deliveries"]
    ]
    sent: list[Sent] = [(0.0, 0)] * len(requests)
    turn = iter(enumerate(requests))
    starts_at = time.perf_counter() + 0.2
    await asyncio.gather(
        *[_connection(spec, turn, sent, starts_at=starts_at) for _ in range(CONNECTIONS)]
    )
    return sent


async def _connection(
    spec: dict[str, Any], turn: Iterator[tuple[int, bytes]], sent: list[Sent], *, starts_at: float
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", spec["port"])
    for number, request in turn:
        due_at = starts_at + number / spec["rate"]
        await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
        at = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        sent[number] = (at, int(head[9:12]))
    writer.close()


def _request(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_send(json.loads(Path(sys.argv[1]).read_text())))))
