"""
The same with podman, on machines that have it: collected only there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from action.act_world import run_act, sample_files
from action.hostile.sample import IMAGE, SMALL
from action.sandbox_world import SAMPLE, World
from odyssey_sandbox.engine import Engine, find_engine

PODMAN = {**SMALL, "engine": "podman"}
# Name, test command, more inputs; then the conclusion, the failure, a finding.
Attempt = tuple[str, str, dict[str, str], tuple[str, str | None, str]]
ATTEMPTS: list[Attempt] = [
    (
        "memory",
        "python3 -c 'x = bytearray(256 << 20)'",
        {},
        ("failure", "out_of_memory", "engine:out_of_memory"),
    ),
    (
        "processes",
        'python3 -c "import os, time\nwhile True: os.fork() or time.sleep(20)"',
        {},
        ("failure", "too_many_processes", "engine:process_limit"),
    ),
    ("time", "sleep 1000", {"test-timeout": "2s"}, ("timed_out", "tests_timed_out", "")),
    ("root", "echo x > /x", {}, ("failure", "tests_failed", "output:read_only")),
    (
        "network",
        "python3 -c \"import socket; socket.create_connection(('192.0.2.1', 80), 1)\"",
        {},
        ("failure", "tests_failed", "output:no_network"),
    ),
]


@pytest.fixture(scope="module")
def podman() -> Iterator[Engine]:
    """
    podman with the base image in its own store.
    """
    engine = find_engine("podman", os.environ)
    if engine.inspect("image", IMAGE) is None:
        with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as saving:
            command = [*engine.program, "load", "--quiet"]
            subprocess.run(command, stdin=saving.stdout, check=True, capture_output=True)
    yield engine


if shutil.which("podman"):

    def test_podman_plays_every_phase_and_leaves_nothing(world: World, podman: Engine) -> None:
        """
        Built, started, healthy, tested; the second time from the cache.
        """
        checkout = world.folder / "sample"
        shutil.copytree(SAMPLE, checkout, ignore=shutil.ignore_patterns("__pycache__"))
        given = {"engine": "podman", "build-network": "none"}

        world.run(checkout, **given)
        outcome = world.run(checkout, **given)

        assert (outcome.report["conclusion"], outcome.report["tests"]["passed"]) == ("success", 11)
        assert outcome.report["image"]["cached_steps"] == 7
        assert left_in(podman, outcome.report["run_id"]) == []

    def test_another_repository_chooses_podman(podman: Engine, tmp_path: Path) -> None:
        """
        Through act, as a workflow says it.
        """
        done = run_act(
            tmp_path, sample_files(), engine=podman.name, cache="false", build_network="none"
        )

        assert (done.exit_code, done.report["conclusion"]) == (0, "success"), done.log
        assert done.report["engine"]["name"] == "podman"

    @pytest.mark.parametrize(
        ("command", "inputs", "expected"),
        [attempt[1:] for attempt in ATTEMPTS],
        ids=[attempt[0] for attempt in ATTEMPTS],
    )
    def test_podman_holds_and_reports_what_docker_does(
        command: str,
        inputs: dict[str, str],
        expected: tuple[str, str | None, str],
        world: World,
        podman: Engine,
    ) -> None:
        """
        Memory, processes, time, files and network: the same limits, the same words.
        """
        given = {**PODMAN, "image": IMAGE, "test-command": command, **inputs}

        outcome = world.run(world.checkout({"a": "x"}), **given)

        conclusion, failure, finding = expected
        found = (outcome.report["conclusion"], outcome.report["failure"])
        assert found == (conclusion, failure), outcome.console
        assert not finding or finding in outcome.findings
        assert left_in(podman, outcome.report["run_id"]) == []

    def test_podman_gives_side_containers_one_loopback(world: World, podman: Engine) -> None:
        """
        Reached by their names, with no device that leads anywhere else.
        """
        dockerfile = f'FROM {IMAGE}\nCMD ["python3", "-m", "http.server"]\n'
        served = world.checkout({"Dockerfile": dockerfile}, name="served")
        tag = f"localhost/odyssey-test-side:{world.mark}"
        podman.must("build", "--format", "docker", "--tag", tag, str(served))
        script = (
            "import time, urllib.request\n"
            "for _ in range(50):\n"
            "    try: print('GOT', urllib.request.urlopen('http://files:8000/').status); break\n"
            "    except OSError as error: print(error); time.sleep(0.1)\n"
            "print(open('/proc/net/route').read())\n"
        )
        given = {**PODMAN, "image": IMAGE, "test-command": "python3 a.py", "network": "isolated"}

        outcome = world.run(world.checkout({"a.py": script}), sidecars=f"files {tag}", **given)

        podman.must("image", "rm", "--force", tag)
        assert outcome.report["conclusion"] == "success", outcome.console
        assert "GOT 200" in outcome.report["transcript"], outcome.console
        assert left_in(podman, outcome.report["run_id"]) == []


def left_in(engine: Engine, run: str) -> list[str]:
    """
    What podman still has of the *run*.
    """
    lines = [
        *engine.must("ps", "--all", "--format", "{{.Names}} {{.Labels}}").splitlines(),
        *engine.must("network", "ls", "--format", "{{.Name}} {{.Labels}}").splitlines(),
        *engine.must("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines(),
    ]
    return [line for line in lines if run in line]
