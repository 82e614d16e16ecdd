"""
The sandbox on honest code, with a real engine: phases, networks, caches, limits, the 2x2.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import jsonschema_rs
import pytest

from action.hostile.sample import SMALL
from action.sandbox_world import ACTION, BASE_IMAGE, SAMPLE, World, docker
from odyssey_sandbox import SandboxSettings, run_sandbox
from odyssey_sandbox.engine import find_engine

OFFLINE = {"build-network": "none"}


def copy_of_sample(world: World, name: str) -> Path:
    """
    A checkout of the sample service.
    """
    target = world.folder / name
    shutil.copytree(SAMPLE, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def test_the_sample_service_passes_every_phase(world: World) -> None:
    """
    Built, started, healthy, tested; and the report is what its published schema says.
    """
    outcome = world.run(copy_of_sample(world, "sample"), **OFFLINE)

    phases = [(each["name"], each["outcome"]) for each in outcome.report["phases"]]
    schema = json.loads((ACTION / "report.schema.json").read_text())
    assert [(name, "passed") for name in ("build", "run", "health", "tests")] == phases
    assert tuple(outcome.report["tests"][each] for each in ("total", "passed", "failed")) == (
        11,
        11,
        0,
    )
    assert {
        "conclusion": "success",
        "passed": "11",
        "failed": "0",
    }.items() <= outcome.outputs.items()
    jsonschema_rs.validator_for(schema).validate(outcome.report)
    assert "greeter listens on port 8000" in outcome.report["transcript"]
    assert world.left_behind(outcome) == []


def test_the_second_run_of_an_unchanged_dockerfile_comes_from_the_cache(world: World) -> None:
    """
    Every step but FROM; and a change of the code builds only what comes after it.
    """
    checkout = copy_of_sample(world, "sample")
    (checkout / "Dockerfile").write_text(
        (checkout / "Dockerfile").read_text() + f"LABEL test.mark={world.mark}\n"
    )
    world.run(checkout, **OFFLINE)
    second = world.run(checkout, **OFFLINE)
    (checkout / "tests" / "test_more.py").write_text("")
    third = world.run(checkout, **OFFLINE)

    kept = docker(
        "images",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        "--filter",
        f"label=test.mark={world.mark}",
    )
    docker("image", "rm", "--force", *kept)
    assert second.report["image"]["cached_steps"] == 8
    assert third.report["image"]["cached_steps"] == 2
    assert all(line.startswith("odyssey-sandbox-cache:") for line in kept)


def test_the_limits_are_in_force_in_the_container(world: World) -> None:
    """
    What the report says of limits is what the kernel says inside.
    """
    look = (
        "grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; id -u;"
        "cat /proc/mounts | grep -E ' (/|/tmp) '"
    )
    given = {**SMALL, "image": BASE_IMAGE, "test-command": look}

    outcome = world.run(world.checkout({"a": "x"}), **given)

    text = outcome.report["transcript"]
    privileges = ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1")
    for fact in (*privileges, "Seccomp:\t2", "\n65534\n"):
        assert fact in text
    assert " / overlay ro," in text
    assert "nosuid,nodev,noexec" in text
    limits = outcome.report["limits"]
    assert (limits["memory"], limits["memory_swap"], limits["pids"]) == (64 << 20, 64 << 20, 48)


def test_side_containers_are_reached_by_name_and_nothing_else_is(world: World) -> None:
    """
    `network: isolated` with a side container that serves a file.
    """
    script = (
        "import time, urllib.request\n"
        "for _ in range(50):\n"
        "    try: print('GOT', urllib.request.urlopen('http://files:8000/').status); break\n"
        "    except OSError: time.sleep(0.1)\n"
    )
    side = f"files {BASE_IMAGE} GREETING=hello"
    dockerfile = f'FROM {BASE_IMAGE}\nLABEL {{mark}}\nCMD ["python3", "-m", "http.server"]\n'
    served = world.checkout({"Dockerfile": dockerfile}, name="served")
    tag = f"odyssey-test-side:{world.mark}"
    subprocess.run(
        ["docker", "build", "-q", "-t", tag, str(served), "--label", f"test.mark={world.mark}"],
        check=True,
        capture_output=True,
    )
    side = f"files {tag} GREETING=hello"
    given = {"image": BASE_IMAGE, "test-command": "python3 a.py", "network": "isolated"}

    outcome = world.run(world.checkout({"a.py": script}), sidecars=side, **given)

    docker("image", "rm", "--force", tag)
    assert outcome.report["conclusion"] == "success", outcome.console
    assert "GOT 200" in outcome.report["transcript"]
    assert world.left_behind(outcome) == []


def test_bridge_is_a_choice_with_a_warning_and_a_port_on_this_machine(world: World) -> None:
    """
    The health check comes from outside, and the report warns of the way out.
    """
    given = {**OFFLINE, "network": "bridge", "host-port": "18473"}

    outcome = world.run(copy_of_sample(world, "sample"), **given)

    assert outcome.report["conclusion"] == "success", outcome.console
    assert any("bridge" in each for each in outcome.report["warnings"])
    assert "::warning title=Odyssey sandbox::network: bridge" in outcome.console


def test_a_change_of_its_own_tests_is_measured_with_the_old_ones(world: World) -> None:
    """
    The tests were bent to the change: the old ones fail on it, and the report states the loss.
    """
    base, head = copy_of_sample(world, "base"), copy_of_sample(world, "head")
    code, tests = head / "service" / "answers.py", head / "tests" / "test_answers.py"
    code.write_text(code.read_text().replace("Hello,", "Bye,"))
    (head / "tests" / "test_service.py").unlink()
    kept = tests.read_text().replace("Hello,", "Bye,").partition("class AddTest")[0]
    tests.write_text(kept + "@unittest.skip('later')\nclass Later(unittest.TestCase):\n    pass\n")

    outcome = world.run(head, base_path=str(base), **OFFLINE)
    required = world.run(head, base_path=str(base), measure="require", **OFFLINE)

    measure = outcome.report["measure"]
    cells = {(each["tests"], each["code"]): each["conclusion"] for each in measure["cells"]}
    said = "\n".join(measure["statements"])
    assert outcome.report["conclusion"] == "success"
    assert cells == {
        ("new", "new"): "success",
        ("old", "new"): "failure",
        ("old", "old"): "success",
        ("new", "old"): "failure",
    }
    assert "tests deleted: 8" in said
    assert "assertions fewer: 3, were 11" in said
    assert "skips more: 1, were 0" in said
    assert "alters its own measure" in outcome.summary
    assert required.report["failure"] == "old_tests_failed"
    assert world.left_behind(required) == []


def test_a_change_that_leaves_its_measure_alone_is_not_measured_twice(world: World) -> None:
    """
    Code alone: no 2x2, and no time for it.
    """
    base, head = copy_of_sample(world, "base"), copy_of_sample(world, "head")
    (head / "README.md").write_text("# New\n")

    outcome = world.run(head, base_path=str(base), **OFFLINE)

    assert outcome.report["measure"] is None
    assert outcome.report["phases"][-1]["outcome"] == "skipped"


def test_a_hundred_megabytes_of_output_make_a_small_report(world: World) -> None:
    """
    Report and transcript together below 1 MB, with the hash and the size of all of it.
    """
    given = {**SMALL, "image": BASE_IMAGE, "max-output": "200m", "memory": "128m"}
    script = (
        "import sys\nfor _ in range(100):\n    sys.stdout.write('0123456789abcde\\n' * 65536)\n"
    )
    given["test-command"] = "python3 noise.py; echo the end"

    outcome = world.run(world.checkout({"noise.py": script}), **given)

    log = outcome.report["phases"][-1]["log"]
    assert log["bytes"] == (100 << 20) + 8
    assert log["truncated"]
    assert sum(path.stat().st_size for path in outcome.folder.iterdir()) < 1_000_000
    assert outcome.report["transcript"].rstrip().splitlines()[-2] == "the end"


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_an_engine_that_does_not_answer_is_an_error_not_a_failure(world: World, name: str) -> None:
    """
    The change is not to blame: `error`, and what to do.
    """
    settings = SandboxSettings(engine="docker" if name == "docker" else "podman")
    environ = {"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nowhere.sock"}
    if name == "podman":
        environ["PATH"] = str(world.folder)

    report = run_sandbox(settings, world.checkout({"a": "x"}), environ=environ)

    assert (report.conclusion, report.as_json()["failure"]) == ("error", "no_engine")


def test_buildkit_is_used_where_a_client_has_it_and_missed_where_none_does(world: World) -> None:
    """
    Clients before version 23 speak to the engine's own BuildKit; newer ones need buildx.
    """
    folders = {Path(each) for each in os.environ["PATH"].split(os.pathsep)}
    clients = {(each / "docker").resolve() for each in folders if (each / "docker").is_file()}
    settings = SandboxSettings(builder="buildkit", build_network="none", cache=False)
    expected, found = {}, {}
    for number, client in enumerate(sorted(clients)):
        folder = world.folder / f"client-{number}"
        folder.mkdir()
        (folder / "docker").symlink_to(client)
        environ = {"PATH": str(folder), "HOME": str(world.folder)}
        engine = find_engine("docker", environ, builder="buildkit")
        can = engine.has_buildx or engine.has_embedded_buildkit
        expected[client] = None if can else "build_needs_buildkit"
        report = run_sandbox(settings, SAMPLE, environ=environ)
        found[client] = report.as_json()["failure"]

    assert expected == found


def test_a_token_in_the_checkout_does_not_reach_the_image(world: World) -> None:
    """
    `.git` is left out of what is built; where it is asked for, a token in it is refused.
    """
    dockerfile = f"FROM {BASE_IMAGE}\nLABEL {{mark}}\nCOPY . /all\nRUN find /all\n"
    files = {"Dockerfile": dockerfile, ".git/config": "[http]\n\textraheader = AUTHORIZATION: x\n"}
    checkout = world.checkout(files)

    without = world.run(checkout, **{**SMALL, "test-command": "true", "port": "none"})
    kept = world.run(checkout, **SMALL, keep_git="true")

    assert without.report["conclusion"] == "success", without.console
    assert "/all/Dockerfile" in without.report["transcript"]
    assert "/all/.git" not in without.report["transcript"]
    assert kept.report["failure"] == "credentials_in_checkout"
