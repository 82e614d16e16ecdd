"""
A load of signed deliveries, as a process of its own: `python -m bench.load SPEC`.

SPEC is the JSON of a `Load`; what comes out on standard output is the JSON of an `Outcome`.
The client speaks HTTP/1.1 over kept-alive sockets by itself, so that it costs far less
processor time than what it measures; every server is measured with the same client.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import cycle
from statistics import quantiles
from typing import cast

import uvloop

from bench.figure import NotMeasurable
from bench.payload import issue_comment_created

DISTINCT_BODIES = 200
END_OF_CHUNKS = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """
    What to send: *requests* deliveries over *connections* sockets, each one its next at once.
    """

    port: int
    path: str
    secret: str
    requests: int
    connections: int = 64
    time_limit_s: float = 120


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came back. Latencies are from the first byte written to the last byte read.
    """

    accepted: int
    seconds: float
    p50_ms: float
    p99_ms: float
    client_cpu_s: float
    statuses: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """
        Accepted deliveries (any 2xx) a second.
        """
        return self.accepted / self.seconds


class Connection(asyncio.Protocol):
    """
    One socket: writes a request, waits for the whole answer, writes the next.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.received = bytearray()
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop does not subclass it
        self.send_next()

    def send_next(self) -> None:
        request = self.run.next_request()
        if request is None:
            self.transport.close()
            return
        self.started = time.perf_counter()
        self.transport.writelines(request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head_end = self.received.find(b"\r\n\r\n")
        if head_end < 0 or not is_whole(self.received, head_end):
            return
        self.run.answered(int(self.received[9:12]), latency_s=time.perf_counter() - self.started)
        self.received.clear()
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        self.run.lost_connection()


def is_whole(received: bytearray, head_end: int) -> bool:
    """
    Everything of the answer is there: by its length, or by the last of its chunks.
    """
    head = received[:head_end].lower()
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if found:
        return len(received) >= head_end + 4 + int(rest.split(b"\r\n", 1)[0])
    if b"\r\ntransfer-encoding: chunked" in head:
        return received.endswith(END_OF_CHUNKS)
    return True


class Run:
    """
    The deliveries still to send, and the answers so far.
    """

    def __init__(self, load: Load) -> None:
        bodies = [issue_comment_created(number) for number in range(DISTINCT_BODIES)]
        requests = [
            [*head(body, load), body] for body in bodies[: min(DISTINCT_BODIES, load.requests)]
        ]
        ids = [str(uuid.uuid4()).encode() for _ in range(load.requests)]
        self.queue = iter(
            [
                [before, delivery, after, body]
                for delivery, (before, after, body) in zip(ids, cycle(requests), strict=False)
            ]
        )
        self.latencies_s: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.open_connections = load.connections
        self.finished = asyncio.get_running_loop().create_future()

    def next_request(self) -> list[bytes] | None:
        return next(self.queue, None)

    def answered(self, status: int, *, latency_s: float) -> None:
        self.statuses[status] += 1
        self.latencies_s.append(latency_s)

    def lost_connection(self) -> None:
        self.open_connections -= 1
        if not self.open_connections and not self.finished.done():
            self.finished.set_result(None)


def head(body: bytes, load: Load) -> tuple[bytes, bytes]:
    """
    The bytes before and after the delivery id, with GitHub's headers and the signature.
    """
    signature = hmac.new(load.secret.encode(), body, hashlib.sha256).hexdigest()
    before = (
        f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\n"
        "User-Agent: GitHub-Hookshot/b4a3c2f\r\nAccept: */*\r\n"
        "Content-Type: application/json\r\nX-GitHub-Event: issue_comment\r\n"
        "X-GitHub-Hook-ID: 501234567\r\nX-GitHub-Hook-Installation-Target-ID: 90210\r\n"
        "X-GitHub-Hook-Installation-Target-Type: integration\r\nX-GitHub-Delivery: "
    )
    after = f"\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    return before.encode(), after.encode()


async def send(load: Load) -> Outcome:
    """
    Send the whole load and say how it went.

    Raises:
        TimeoutError: not every answer came within the load's time limit.
    """
    loop = asyncio.get_running_loop()
    run = Run(load)
    started, cpu_started = time.perf_counter(), time.process_time()
    async with asyncio.timeout(load.time_limit_s):
        for _ in range(load.connections):
            await loop.create_connection(lambda: Connection(run), "127.0.0.1", load.port)
        await run.finished
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    if len(run.latencies_s) < load.requests:
        raise ConnectionError(
            f"the server closed connections: {len(run.latencies_s)} of {load.requests} answered"
        )
    cuts = quantiles(run.latencies_s, n=100)
    return Outcome(
        accepted=sum(count for status, count in run.statuses.items() if 200 <= status < 300),
        seconds=seconds,
        p50_ms=cuts[49] * 1000,
        p99_ms=cuts[98] * 1000,
        client_cpu_s=cpu,
        statuses={str(status): count for status, count in sorted(run.statuses.items())},
    )


async def send_from_another_process(load: Load) -> Outcome:
    """
    `send`, in a process of its own.

    Raises:
        NotMeasurable: the load could not be sent, or not every delivery was accepted.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        json.dumps(asdict(load)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = error.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise NotMeasurable(f"the load on port {load.port} broke off: {last[0]}")
    outcome = Outcome(**json.loads(output))
    if outcome.accepted != load.requests:
        raise NotMeasurable(f"not every delivery was accepted: {outcome.statuses}")
    return outcome


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(uvloop.run(send(Load(**json.loads(sys.argv[1])))))))
