"""
A Weaviate server for the tests: one that is named, or a binary that is started.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

URL_VARIABLE = "ODYSSEY_TEST_WEAVIATE_URL"
GRPC_VARIABLE = "ODYSSEY_TEST_WEAVIATE_GRPC_PORT"
_PATIENCE_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Server:
    """Where it answers."""

    url: str
    grpc_port: int


@contextmanager
def running(folder: Path) -> Iterator[Server | None]:
    """
    The server named by `ODYSSEY_TEST_WEAVIATE_URL`, or the `weaviate` on PATH; None for neither.
    """
    if url := os.environ.get(URL_VARIABLE):
        yield Server(url, int(os.environ.get(GRPC_VARIABLE, "50051")))
        return
    binary = shutil.which("weaviate")
    if binary is None:
        yield None
        return
    ports = _free_ports(6)
    log = (folder / "weaviate.log").open("wb")
    process = subprocess.Popen(
        [binary, "--host", "127.0.0.1", "--port", str(ports[0]), "--scheme", "http"],
        env={**os.environ, **_settings(folder, ports)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait(f"http://127.0.0.1:{ports[0]}/v1/.well-known/ready", process, folder)
        yield Server(f"http://127.0.0.1:{ports[0]}", ports[1])
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE_SECONDS)
        log.close()


def _settings(folder: Path, ports: list[int]) -> dict[str, str]:
    return {
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        "CLUSTER_DATA_BIND_PORT": str(ports[3]),
        "CLUSTER_GOSSIP_BIND_PORT": str(ports[2]),
        "CLUSTER_HOSTNAME": "node1",
        "CLUSTER_IN_LOCALHOST": "true",
        "DEFAULT_VECTORIZER_MODULE": "none",
        "DISABLE_TELEMETRY": "true",
        "GO_PROFILING_DISABLE": "true",
        "GRPC_PORT": str(ports[1]),
        "PERSISTENCE_DATA_PATH": str(folder / "data"),
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_INTERNAL_RPC_PORT": str(ports[5]),
        "RAFT_PORT": str(ports[4]),
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    # A node finds itself by these rules: data after gossip, internal calls after Raft.
    ports[3] = ports[2] + 1
    ports[5] = ports[4] + 1
    return ports


def _wait(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    ready = False
    while not ready:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                ready = answer.status == 200
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > end:
                text = (folder / "weaviate.log").read_text(errors="replace")
                raise RuntimeError(f"weaviate did not start: {text[-2000:]}") from error
            time.sleep(0.2)  # another process has no other way to say that it is ready
