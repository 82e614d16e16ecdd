"""
A checkout, the Action as a program of its own, and what it left: the world of the Action's tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from odyssey_sandbox.declared import INPUTS

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action"
SAMPLE = ROOT / "app" / "odyssey" / "sample"
BASE_IMAGE = "python:3.11-slim"
VARIABLES = {each.name: each.environment_variable for each in INPUTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What one run of the Action gave; `mark` is the label of every image it built.
    """

    exit_code: int
    report: dict[str, Any]
    console: str
    summary: str
    outputs: dict[str, str]
    folder: Path
    mark: str
    duration_s: float = 0.0

    @property
    def everything(self) -> str:
        """
        All text that leaves the Action: console, summary, report and transcript.
        """
        files = [path.read_text() for path in sorted(self.folder.glob("*"))]
        return "\n".join([self.console, self.summary, *files])

    @property
    def findings(self) -> set[str]:
        """
        The findings as `source:kind`.
        """
        return {f"{each['source']}:{each['kind']}" for each in self.report["findings"]}


@dataclass(slots=True, kw_only=True)
class World:
    """
    A folder to make checkouts in, and the engine of this machine.
    """

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    def checkout(self, files: Mapping[str, str], *, name: str = "checkout") -> Path:
        """
        A checkout with *files*; in a Dockerfile `{mark}` becomes the label to count images by.
        """
        root = self.folder / name
        for path, text in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("{mark}", f"test.mark={self.mark}"))
        root.mkdir(exist_ok=True)
        return root

    def environ(self, checkout: Path, **inputs: str) -> dict[str, str]:
        """
        The environment of the Action's step, as a runner would make it.
        """
        temporary = self.folder / "runner-temp"
        temporary.mkdir(exist_ok=True)
        given = {"path": str(checkout), "report-directory": str(self.folder / "report")}
        given |= {name.replace("_", "-"): text for name, text in inputs.items()}
        return {
            **{name: os.environ[name] for name in ("PATH", "DOCKER_HOST") if name in os.environ},
            "HOME": str(self.folder),
            "PYTHONPATH": str(ACTION),
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "RUNNER_TEMP": str(temporary),
            "GITHUB_TOKEN": "ghs_0123456789abcdefghijklmnopqrstuvwxyz",
            **{VARIABLES[name]: text for name, text in given.items()},
        }

    def start(self, checkout: Path, **inputs: str) -> subprocess.Popen[str]:
        """
        The Action as a running program, started in the checkout as its working directory.
        """
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "odyssey_sandbox"],
            cwd=checkout,
            env=self.environ(checkout, **inputs),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, checkout: Path, **inputs: str) -> Outcome:
        """
        The Action on *checkout*, to its end.
        """
        for name in ("output", "summary"):
            (self.folder / name).unlink(missing_ok=True)
        process = self.start(checkout, **inputs)
        console, _ = process.communicate(timeout=180)
        return self.outcome(process.returncode, console)

    def outcome(self, exit_code: int, console: str) -> Outcome:
        """
        What a run left in the files of the runner.
        """
        report = self.folder / "report" / "report.json"
        assert report.is_file(), console
        outputs = (self.folder / "output").read_text().splitlines()
        found = json.loads(report.read_text())
        return Outcome(
            exit_code=exit_code,
            report=found,
            console=console,
            summary=(self.folder / "summary").read_text(),
            outputs=dict(line.split("=", 1) for line in outputs),
            folder=report.parent,
            mark=self.mark,
            duration_s=found["duration_s"],
        )

    def left_behind(self, outcome: Outcome | None = None) -> list[str]:
        """
        Everything that still carries this world's mark or the run's id: it must be nothing.
        """
        marked = ("--all", "--quiet", "--filter", f"label=test.mark={self.mark}")
        found = [f"image {line}" for line in docker("images", *marked)]
        found += [f"file {path}" for path in (self.folder / "runner-temp").glob("*")]
        if outcome is None:
            return found
        lines = [
            *docker("ps", "--all", "--format", "container {{.Names}} {{.Labels}}"),
            *docker("network", "ls", "--format", "network {{.Name}} {{.Labels}}"),
            *docker("images", "--format", "image {{.Repository}}:{{.Tag}}"),
            *processes(),
        ]
        found += [line for line in lines if outcome.report["run_id"] in line]
        return found


def docker(*arguments: str) -> list[str]:
    """
    The lines that docker answers.
    """
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line]


def processes() -> list[str]:
    """
    The command lines of this machine's processes.
    """
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found.append(f"process {line[:2000]}")
    return found
