"""
What a validation run reported, read from `report.json` as data.

The report is written next to untrusted code, so it is parsed tolerantly and
bounded in every field; it proves nothing by itself. The caller has already
checked that it comes from the run that was dispatched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from odyssey.domain.errors import MalformedPayload

MAX_REPORT_BYTES = 2_000_000
MAX_FAILURES = 50
"""GitHub takes 50 annotations in one request."""
MAX_MESSAGE = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFailure:
    """One failing test; `path` is relative to the repository, `line` starts at 1."""

    name: str
    message: str
    path: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of the sandbox: `build`, `run`, `health` or `tests`."""

    name: str
    outcome: str
    duration_s: float
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The parts of `report.json` that Odyssey shows and judges."""

    head_sha: str
    conclusion: str
    reason: str
    phases: tuple[Phase, ...]
    passed: int
    failed: int
    skipped: int
    failures: tuple[TestFailure, ...]
    transcript: str

    @property
    def is_success(self) -> bool:
        """Whether every phase passed."""
        return self.conclusion == "success"


def parse_report(data: bytes) -> Report:
    """
    The report in *data*, the bytes of `report.json`.

    Raises:
        MalformedPayload: it is too large, not JSON, or lacks `head_sha` or `conclusion`.
    """
    if len(data) > MAX_REPORT_BYTES:
        raise MalformedPayload(f"report.json has {len(data)} bytes, over {MAX_REPORT_BYTES}")
    try:
        root = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedPayload("report.json is not JSON") from error
    if not isinstance(root, dict):
        raise MalformedPayload("report.json is not an object")
    head_sha, conclusion = root.get("head_sha"), root.get("conclusion")
    if not isinstance(head_sha, str) or not isinstance(conclusion, str):
        raise MalformedPayload("report.json lacks `head_sha` or `conclusion`")
    tests = _object(root.get("tests"))
    return Report(
        head_sha=head_sha,
        conclusion=conclusion[:40],
        reason=_text(root.get("reason") or root.get("message")),
        phases=tuple(_phase(each) for each in _objects(root.get("phases"))[:20]),
        passed=_count(tests.get("passed")),
        failed=_count(tests.get("failed")),
        skipped=_count(tests.get("skipped")),
        failures=tuple(_failure(each) for each in _objects(tests.get("failures"))[:MAX_FAILURES]),
        transcript=str(root.get("transcript") or "")[-60_000:],
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any, limit: int = MAX_MESSAGE) -> str:
    return str(value)[:limit] if isinstance(value, str | int | float) else ""


def _count(value: Any) -> int:
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0


def _phase(value: Mapping[str, Any]) -> Phase:
    duration, code = value.get("duration_s"), value.get("exit_code")
    return Phase(
        name=_text(value.get("name"), 40),
        outcome=_text(value.get("outcome"), 40),
        duration_s=float(duration) if isinstance(duration, int | float) else 0.0,
        exit_code=code if isinstance(code, int) else None,
    )


def _failure(value: Mapping[str, Any]) -> TestFailure:
    path, line = value.get("file"), value.get("line")
    return TestFailure(
        name=_text(value.get("name"), 300) or "unnamed test",
        message=_text(value.get("message")),
        path=path[:500] if isinstance(path, str) and path else None,
        line=line if isinstance(line, int) and line > 0 else None,
    )
