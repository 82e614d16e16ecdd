"""
`odyssey policy`: what somebody who edits a policy is told before it is pushed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from odyssey.adapters.policy_yaml import read_policy
from odyssey.domain.policy_reading import policy_schema


def odyssey(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`odyssey policy` with these arguments, in a process of its own."""
    command = [sys.executable, "-m", "odyssey", "policy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_valid_file_is_written_out_in_full(tmp_path: Path) -> None:
    """
    As a file that means the same.
    """
    file = tmp_path / "odyssey.yml"
    file.write_text("approvals: {required: 2}\nprotected_paths: [{path: a, needs: refused}]\n")
    plain, as_json = odyssey("check", str(file)), odyssey("check", str(file), "--json")

    assert (plain.returncode, as_json.returncode) == (0, 0)
    assert plain.stdout.startswith(f"# {file} is valid.")
    assert read_policy(plain.stdout) == read_policy(file.read_text())
    assert json.loads(as_json.stdout)["policy"] == yaml.safe_load(plain.stdout)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"approvals: {requried: 2}\n", "unknown key `approvals.requried`; known: api_approvals"),
        (b"limits: {files: 0}\n", "`limits.files` takes a whole number from 1 to 100"),
        (b"limits: [\n", "is not valid YAML"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_an_invalid_file_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes, words: str
) -> None:
    """
    One line on standard error, or JSON on standard output; the status is 1 both times.
    """
    file = tmp_path / "odyssey.yml"
    file.write_bytes(content)
    plain, as_json = odyssey("check", str(file)), odyssey("check", str(file), "--json")
    told: Any = json.loads(as_json.stdout)

    assert (plain.returncode, as_json.returncode) == (1, 1)
    assert plain.stderr.startswith(f"odyssey: {file}")
    assert plain.stderr.count("\n") == 1
    assert words in plain.stderr
    assert (told["valid"], words in told["problem"]) == (False, True)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """
    Not that it is valid, as a repository without one would be.
    """
    done = odyssey("check", str(tmp_path / "none.yml"))

    assert done.returncode == 1
    assert "No such file" in done.stderr


def test_the_schema_is_printed_for_editors() -> None:
    """
    As JSON, and nothing beside it.
    """
    assert json.loads(odyssey("schema").stdout) == policy_schema()
