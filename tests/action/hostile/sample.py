"""
One attempt to get out, or to spoil the result, and what the report must say of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IMAGE = "python:3.11-slim"
# Small limits, so that a sample meets them quickly.
SMALL = {
    "memory": "64m",
    "pids": "48",
    "cpus": "1",
    "tmpfs": "/tmp:size=8m",
    "file-size": "4m",
    "test-timeout": "20s",
    "max-output": "4m",
    "build-network": "none",
    "cache": "false",
    "minimum-tests": "0",
    "measure": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """
    `files` make the checkout; `{mark}` in a Dockerfile is the label that its images carry.

    `failure` may hold alternatives with a bar between them, where the kernel is in a race.
    `shown` must stand in what leaves the Action, `hidden` must not; `{host}`, `{port}` and
    `{secret}` in `files` are the test's own listener and file on this machine.
    """

    name: str
    files: Mapping[str, str]
    conclusion: str
    failure: str | None = None
    phase: str | None = None
    findings: frozenset[str] = frozenset()
    shown: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    at_most_s: float = 30


def attack(
    name: str,
    script: str,
    *,
    conclusion: str = "success",
    failure: str | None = None,
    findings: str = "",
    shown: tuple[str, ...] = (),
    hidden: tuple[str, ...] = (),
    at_most_s: float = 30,
    **inputs: str,
) -> Sample:
    """
    A sample whose tests are the Python *script*, run in the base image.
    """
    return Sample(
        name=name,
        files={"attack.py": script},
        conclusion=conclusion,
        failure=failure,
        phase="tests" if failure else None,
        findings=frozenset(findings.split()),
        shown=shown,
        hidden=hidden,
        inputs={"image": IMAGE, "test-command": "python3 attack.py"}
        | {key.replace("_", "-"): text for key, text in inputs.items()},
        at_most_s=at_most_s,
    )


def built(
    name: str,
    dockerfile: str,
    *,
    conclusion: str = "failure",
    failure: str | None = None,
    phase: str | None = "build",
    files: Mapping[str, str] | None = None,
    findings: str = "",
    shown: tuple[str, ...] = (),
    hidden: tuple[str, ...] = (),
    at_most_s: float = 30,
    **inputs: str,
) -> Sample:
    """
    A sample with a *dockerfile* of its own, given without its first two lines.
    """
    text = f"FROM {IMAGE}\nLABEL {{mark}}\n{dockerfile}"
    return Sample(
        name=name,
        files={"Dockerfile": text, **(files or {})},
        conclusion=conclusion,
        failure=failure,
        phase=phase,
        findings=frozenset(findings.split()),
        shown=shown,
        hidden=hidden,
        inputs={key.replace("_", "-"): value for key, value in inputs.items()},
        at_most_s=at_most_s,
    )
