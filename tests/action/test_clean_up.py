"""
Nothing is left behind, however a run ends.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from action.sandbox_world import BASE_IMAGE, World, docker, processes

SLOW_BUILD = f"FROM {BASE_IMAGE}\nLABEL {{mark}}\nRUN sleep 3000\n"
SLOW_TESTS = {"image": BASE_IMAGE, "test-command": "sleep 3000", "measure": "off"}


def wait_until(is_so: Callable[[], bool], *, at_most_s: float = 20) -> bool:
    """
    Look until *is_so* holds; whether it came to hold in time.
    """
    deadline = time.monotonic() + at_most_s
    while time.monotonic() < deadline:
        if is_so():
            return True
        # What is waited for happens in other programs, which tell nobody.
        threading.Event().wait(0.05)
    return False


def ours(pid: int) -> list[str]:
    """
    The containers, networks and images of the run that the process *pid* started.
    """
    lines = [
        *docker("ps", "--all", "--format", "container {{.Names}} {{.Labels}}"),
        *docker("network", "ls", "--format", "network {{.Name}} {{.Labels}}"),
        *docker("images", "--format", "image {{.Repository}}:{{.Tag}}"),
    ]
    return [line for line in lines if f"-{pid}-" in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_run_cleans_up_and_reports(world: World, number: signal.Signals) -> None:
    """
    The signal of a cancelled job ends the tests; the report says so, and nothing is left.
    """
    process = world.start(world.checkout({"a": "x"}), **SLOW_TESTS)
    assert wait_until(lambda: bool(ours(process.pid)))

    process.send_signal(number)
    console, _ = process.communicate(timeout=30)
    outcome = world.outcome(process.returncode, console)

    assert (outcome.report["conclusion"], outcome.exit_code) == ("cancelled", 1)
    assert number.name in outcome.report["reason"]
    assert world.left_behind(outcome) + ours(process.pid) == []


def test_a_run_that_is_killed_is_cleaned_up_by_what_it_left_for_that(world: World) -> None:
    """
    After SIGKILL, which nothing can answer, containers, networks and copies are gone soon.
    """
    given = SLOW_TESTS | {"network": "isolated"}
    process = world.start(world.checkout({"a": "x"}), **given)
    assert wait_until(lambda: len(ours(process.pid)) >= 2)

    process.kill()
    process.communicate(timeout=30)

    assert wait_until(lambda: not ours(process.pid))
    assert wait_until(lambda: not list((world.folder / "runner-temp").iterdir()))


def test_a_build_that_is_killed_stops(world: World) -> None:
    """
    The build's client is ended with the run, and the engine stops building.
    """
    process = world.start(world.checkout({"Dockerfile": SLOW_BUILD}), cache="false")
    sleeping = f"sleep 300{0}"
    assert wait_until(lambda: any(sleeping in line for line in docker("ps", "--no-trunc")))

    process.kill()
    process.communicate(timeout=30)

    assert wait_until(lambda: not any(sleeping in line for line in docker("ps", "--no-trunc")))
    assert wait_until(lambda: not any(f"-{process.pid}-" in line for line in processes()))
    assert wait_until(lambda: not world.left_behind())


def test_the_next_run_sweeps_what_a_dead_run_left(world: World) -> None:
    """
    Even where the reaper was killed as well, the next run removes what belongs to nobody.
    """
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    space = Path("/proc/self/ns/pid").stat().st_ino
    run = f"{int(time.time()) + 9000:x}-{space:x}-{int(dead.stdout)}-1-0badcafe"
    alive = f"{int(time.time()) + 9000:x}-{space + 1:x}-1-1-0badcafe"
    names = {}
    for each in (run, alive):
        label = f"odyssey.run={each}"
        names[each] = docker("run", "--detach", "--label", label, BASE_IMAGE, "sleep", "60")[0]
        docker("network", "create", "--label", label, f"odyssey-test-{each[-30:]}")
    docker("tag", BASE_IMAGE, f"odyssey-sandbox:{run}")
    folder = world.folder / "runner-temp" / f"odyssey-run-{run}"
    folder.mkdir(parents=True)

    given = {"image": BASE_IMAGE, "test-command": "true"}
    outcome = world.run(world.checkout({"a": "x"}), **given)

    left = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", "label=odyssey.run")
    networks = docker("network", "ls", "--format", "{{.Labels}}", "--filter", "label=odyssey.run")
    docker("rm", "--force", names[alive])
    docker("network", "rm", f"odyssey-test-{alive[-30:]}")
    assert (names[alive] in left, names[run] in left) == (True, False)
    assert [line for line in networks if run in line] == []
    assert [line for line in docker("images", "odyssey-sandbox") if run in line] == []
    assert not folder.exists()
    assert any("leftovers" in each for each in outcome.report["warnings"])
