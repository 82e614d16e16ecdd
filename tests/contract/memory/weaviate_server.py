"""
A Weaviate server for the tests: one that is named, a binary that is started, or a container.
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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml
from pytest_docker.plugin import DockerComposeExecutor, Services

URL_VARIABLE = "ODYSSEY_TEST_WEAVIATE_URL"
GRPC_VARIABLE = "ODYSSEY_TEST_WEAVIATE_GRPC_PORT"
COMPOSE = Path(__file__).parents[1] / "compose.yaml"
_PATIENCE_SECONDS = 90
_PULL_SECONDS = 60
"""A pull that takes longer is not waited for: the next run finds what it got."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where it answers."""

    url: str
    grpc_port: int


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is none."""

    reason: str


@contextmanager
def running(folder: Path) -> Iterator[Server | Missing]:
    """
    The server named by `ODYSSEY_TEST_WEAVIATE_URL`, the `weaviate` on PATH, or a container.
    """
    if url := os.environ.get(URL_VARIABLE):
        yield Server(url, int(os.environ.get(GRPC_VARIABLE, "50051")))
        return
    binary = shutil.which("weaviate")
    if binary is None:
        with _container(folder) as server:
            yield server
        return
    ports = _free_ports()
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


@contextmanager
def _container(folder: Path) -> Iterator[Server | Missing]:
    """A server from `tests/contract/compose.yaml`, where the image is or can be had."""
    reason = _why_no_container()
    if reason:
        yield Missing(
            f"no Weaviate: set {URL_VARIABLE}, put `weaviate` on PATH, or have its image: {reason}"
        )
        return
    project = f"odyssey-weaviate-{os.getpid()}"
    compose = DockerComposeExecutor("docker compose", [str(COMPOSE)], project)
    compose.execute("up --detach --wait")
    try:
        services = Services(compose)
        url = f"http://127.0.0.1:{services.port_for('weaviate', 8080)}"
        services.wait_until_responsive(
            check=lambda: _is_ready(f"{url}/v1/.well-known/ready"),
            timeout=_PATIENCE_SECONDS,
            pause=0.5,
        )
        yield Server(url, services.port_for("weaviate", 50051))
    finally:
        compose.execute("down --volumes --timeout 5")


def _why_no_container() -> str:
    """Empty when there is an engine, Compose and the image; the image is asked for briefly."""
    if shutil.which("docker") is None:
        return "no docker"
    for command in (["docker", "version"], ["docker", "compose", "version"]):
        if not _succeeds(command):
            return f"{' '.join(command)} fails"
    image = compose_image()
    if _succeeds(["docker", "image", "inspect", image]):
        return ""
    return "" if _succeeds(["docker", "pull", "--quiet", image]) else f"{image} cannot be pulled"


def compose_image() -> str:
    """The image that the Compose file names."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    return str(services["weaviate"]["image"])


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PULL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _settings(folder: Path, ports: list[int]) -> dict[str, str]:
    return {
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        "CLUSTER_DATA_BIND_PORT": str(ports[3]),
        "CLUSTER_GOSSIP_BIND_PORT": str(ports[2]),
        "CLUSTER_HOSTNAME": "node1",
        "CLUSTER_IN_LOCALHOST": "true",
        "DEFAULT_VECTORIZER_MODULE": "none",
        "BACKUP_FILESYSTEM_PATH": str(folder / "backups"),
        "DISABLE_TELEMETRY": "true",
        "ENABLE_MODULES": "backup-filesystem",
        "GO_PROFILING_DISABLE": "true",
        "GRPC_PORT": str(ports[1]),
        "PERSISTENCE_DATA_PATH": str(folder / "data"),
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_INTERNAL_RPC_PORT": str(ports[5]),
        "RAFT_PORT": str(ports[4]),
    }


def _free_ports() -> list[int]:
    """HTTP, gRPC, gossip, data, Raft, internal calls; all held until all are found."""
    with ExitStack() as held:

        def bind(port: int = 0) -> int:
            opened = held.enter_context(socket.create_server(("127.0.0.1", port)))
            return int(opened.getsockname()[1])

        ports = [bind(), bind()]
        # A node finds itself by these rules: data after gossip, internal calls after Raft.
        while len(ports) < 6:
            first = bind()
            with suppress(OSError, OverflowError):
                ports += [first, bind(first + 1)]
        return ports


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not _is_ready(url):
        if process.poll() is not None or time.monotonic() > end:
            text = (folder / "weaviate.log").read_text(errors="replace")
            raise RuntimeError(f"weaviate did not start: {text[-2000:]}")
        time.sleep(0.2)  # another process has no other way to say that it is ready
