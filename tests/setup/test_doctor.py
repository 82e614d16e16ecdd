"""
`odyssey doctor`: what is there, what is missing, and the remedy.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from odyssey.setup.doctor import Finding, State, as_table

PROGRAM = "import sys; from odyssey.setup.doctor import main; sys.exit(main(['--json']))"


def test_a_bare_machine_is_told_a_remedy_for_each_missing_thing(tmp_path: Path) -> None:
    """
    Without any program on PATH the doctor still answers, and fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    missing = [each for each in findings.values() if each["state"] == "missing"]

    assert done.returncode == 1
    assert {"git", "engine", "base image"} <= {finding["name"] for finding in missing}
    assert all(finding["remedy"] for finding in missing)
    assert findings["python"]["state"] == "ok"


def test_a_machine_that_was_set_up_lacks_nothing() -> None:
    """
    After `make setup` there is nothing left to mend.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    missing = [each for each in json.loads(done.stdout) if each["state"] == "missing"]

    assert missing == []
    assert done.returncode == 0


def test_the_remedy_stands_below_what_it_mends() -> None:
    """
    The table is read from the top: the thing, then what to do.
    """
    table = as_table(
        [
            Finding("git", State.MISSING, "no git command", "apt-get install git"),
            Finding("python", State.OK, "3.11.2"),
        ]
    ).splitlines()

    assert [line.split()[0] for line in table] == ["git", "->", "python"]
    assert table[1].endswith("apt-get install git")
