"""
The Action as another repository uses it, run by act with the engine of this machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from action.act_world import run_act, sample_files
from action.sandbox_world import BASE_IMAGE


@dataclass(frozen=True, slots=True)
class Project:
    """
    A repository in one language: its files, and what the Action is told besides.
    """

    files: dict[str, str]
    inputs: dict[str, str]
    tests: int | None


def image_of(folder: Path, programs: list[str]) -> str:
    """
    A new image with nothing but *programs* of this machine and the libraries they need.
    """
    root = folder / "root"
    for program in programs:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
        for file in [program, *re.findall(r"(/\S+)(?= \(0x)", listed)]:
            target = root / Path(file).relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(file).resolve(), target)
    (root / "tmp").mkdir(mode=0o1777)
    tag = f"odyssey-test-language:{uuid.uuid4().hex[:8]}"
    archive = subprocess.run(["tar", "-C", str(root), "-c", "."], capture_output=True, check=True)
    imported = ["docker", "import", "--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin", "-", tag]
    subprocess.run(imported, input=archive.stdout, capture_output=True, check=True)
    return tag


def python_project(_: Path) -> Project:
    """
    The sample service, with its health endpoint.
    """
    return Project(sample_files(), {}, 11)


def shell_project(folder: Path) -> Project:
    """
    A script, in an image that holds a shell and nothing else: not even `sleep`.
    """
    image = image_of(folder, ["/bin/sh"])
    script = (
        "set -e\n[ $((2 + 3)) = 5 ]\necho 'ok 1 - adds'\n"
        "printf '# tests 1\\n# pass 1\\n# fail 0\\n'\n"
    )
    dockerfile = f"FROM {image}\nWORKDIR /app\nCOPY test.sh .\n"
    return Project(
        {"Dockerfile": dockerfile, "test.sh": script}, {"test-command": '["/bin/sh", "test.sh"]'}, 1
    )


def node_project(folder: Path) -> Project:
    """
    A service in Node with its health endpoint and two tests, in an image with node only.
    """
    node = str(Path(shutil.which("node") or "").resolve())
    image = image_of(folder, [node])
    server = "require('http').createServer((q, s) => s.end('ok')).listen(3000)\n"
    tests = (
        "const test = require('node:test'), assert = require('node:assert');\n"
        "test('adds', () => assert.equal(5, 2 + 3));\n"
        "const address = 'http://127.0.0.1:3000/health';\n"
        "test('answers', async () => assert.ok((await fetch(address)).ok));\n"
    )
    dockerfile = (
        f"FROM {image}\nENV PATH={Path(node).parent}\nWORKDIR /app\nCOPY . .\nEXPOSE 3000\n"
        'CMD ["node", "server.js"]\n'
    )
    return Project(
        {"Dockerfile": dockerfile, "server.js": server, "sum.test.js": tests},
        {"test-command": '["node", "--test"]'},
        2,
    )


# Node is tried where this machine holds it; the other two need nothing that is not here.
PROJECTS = [python_project, shell_project] + ([node_project] if shutil.which("node") else [])


@pytest.fixture(autouse=True)
def no_images_left() -> Iterator[None]:
    """
    Remove the images of languages, and what was kept of what was built on them.
    """
    yield
    listed = subprocess.run(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True
    )
    names = [line for line in listed.stdout.split() if line.startswith("odyssey-test-language:")]
    if names:
        subprocess.run(
            ["docker", "image", "rm", "--force", *names], capture_output=True, check=True
        )


@pytest.mark.parametrize("project", PROJECTS, ids=lambda make: make.__name__)
def test_another_repository_uses_the_action(project: object, tmp_path: Path) -> None:
    """
    A project in any language passes, with its tests counted and the report uploaded.
    """
    assert callable(project)
    made: Project = project(tmp_path)

    done = run_act(tmp_path, made.files, cache="false", build_network="none", **{
        name.replace("-", "_"): text for name, text in made.inputs.items()
    })  # fmt: skip

    assert (done.exit_code, done.report["conclusion"]) == (0, "success"), done.log
    assert made.tests == done.report["tests"]["total"]
    assert re.fullmatch("[0-9a-f]{40}", done.report["head_sha"])
    assert {"report.json", "transcript.txt"} == set(done.artifact)
    assert "## Sandbox: passed" in done.summary
    assert ("success", str(made.tests)) == (done.outputs["conclusion"], done.outputs["passed"])


def test_a_failing_test_fails_the_job_and_is_uploaded_all_the_same(tmp_path: Path) -> None:
    """
    The job is red, the failing test is annotated with its file and line, the report is there.
    """
    files = sample_files()
    files["service/answers.py"] = files["service/answers.py"].replace("Hello,", "Bye,")

    done = run_act(tmp_path, files, cache="false", build_network="none")

    failed = {(each["file"], each["line"] > 0) for each in done.report["tests"]["failures"]}
    assert (done.exit_code, done.report["failure"]) == (1, "tests_failed")
    assert {("tests/test_answers.py", True), ("tests/test_service.py", True)} == failed
    assert done.outputs["conclusion"] == "failure"


def test_without_a_dockerfile_the_ten_lines_to_add_are_shown(tmp_path: Path) -> None:
    """
    A clear failure, with what to do, in the summary.
    """
    done = run_act(tmp_path, {"app.py": "print('hello')\n"})

    assert (done.exit_code, done.report["failure"]) == (1, "no_dockerfile"), done.log
    assert "FROM python:3.11-slim" in done.summary
    assert "`image:`" in done.summary


def test_without_a_dockerfile_tests_run_in_a_given_image(tmp_path: Path) -> None:
    """
    The checkout is mounted read-only and its tests run in the image.
    """
    files = {
        "test_sum.py": "import unittest\nclass T(unittest.TestCase):\n"
        "    def test_sum(self): self.assertEqual(5, 2 + 3)\n"
    }

    done = run_act(tmp_path, files, image=BASE_IMAGE, test_command="python3 -m unittest -v")

    assert (done.exit_code, done.report["tests"]["passed"]) == (0, 1), done.log


def test_what_the_container_prints_changes_no_output(tmp_path: Path) -> None:
    """
    Commands of the runner, printed by a test, are data: outputs and annotations are ours.
    """
    attack = (
        "print('::set-output name=conclusion::success')\nprint('::error file=a.py::forged')\n"
        "print('::add-mask::conclusion')\nprint('##[error]forged')\nraise SystemExit(1)\n"
    )

    given = {"image": BASE_IMAGE, "test_command": "python3 attack.py"}
    done = run_act(tmp_path, {"attack.py": attack}, **given)

    assert (done.exit_code, done.outputs["conclusion"]) == (1, "failure")
    assert "\n::error file=a.py" not in done.log
