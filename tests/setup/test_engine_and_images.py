"""
The container engine and the base image, with the engine of this machine.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from odyssey.setup.base_images import build_python_image, describe_image
from odyssey.setup.engine import NoEngine, engine_version, ensure_engine


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """
    The tag of a stand-in base image built from this machine's own Python.
    """
    tag = f"odyssey-test-base:{uuid.uuid4().hex[:8]}"
    build_python_image(tag=tag)
    yield tag
    subprocess.run(["docker", "image", "rm", "--force", tag], capture_output=True, check=True)


def run_in(image: str, *command: str) -> str:
    """
    What *command* prints in a locked-down container of *image*.
    """
    confined = ["--network=none", "--read-only", "--cap-drop=ALL", "--user=65534:65534"]
    confined += ["--tmpfs=/tmp", "--workdir=/tmp"]
    done = subprocess.run(
        ["docker", "run", "--rm", *confined, image, *command],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_an_engine_that_answers_is_used_as_it_is() -> None:
    """
    Nothing is installed or started where an engine answers.
    """
    said: list[str] = []

    version = ensure_engine(said.append)

    assert version == engine_version()
    assert said == []


def test_an_engine_elsewhere_that_does_not_answer_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    DOCKER_HOST is the user's choice: it is named, and no other engine is started beside it.
    """
    address = f"unix://{tmp_path}/nobody.sock"
    monkeypatch.setenv("DOCKER_HOST", address)
    said: list[str] = []

    with pytest.raises(NoEngine, match="DOCKER_HOST"):
        ensure_engine(said.append)

    assert said == []


def test_a_stand_in_says_that_it_is_one(stand_in: str) -> None:
    """
    Nobody takes it for the official image.
    """
    assert describe_image(stand_in) == f"{stand_in}, built locally: not the official image"


def test_a_missing_image_is_none() -> None:
    """
    Missing is an answer, not an error.
    """
    assert describe_image("odyssey-test-base:never-built") is None


def test_a_stand_in_runs_python_as_the_official_image_does(stand_in: str) -> None:
    """
    `/usr/local/bin/python` with the parts of the library that need shared libraries.
    """
    imports = "import asyncio, ctypes, hashlib, json, sqlite3, ssl, unittest, zlib"

    printed = run_in(stand_in, "/usr/local/bin/python", "-c", f"{imports}; print('whole')")

    assert printed == "whole"


def test_a_stand_in_has_pip_and_a_shell(stand_in: str) -> None:
    """
    What most Dockerfiles of Python services call.
    """
    printed = run_in(stand_in, "sh", "-c", "pip --version && ls / | grep -c tmp")

    assert printed.startswith("pip ")
    assert printed.endswith("\n1")
