"""
What a validation run reported, read from `report.json` as data.

The report is written next to untrusted code, so it is parsed tolerantly and
bounded in every field; it proves nothing by itself. The caller has already
checked that it comes from the run that was dispatched.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from odyssey.domain.errors import MalformedPayload

MAX_REPORT_BYTES = 2_000_000
MAX_FAILURES = 50
"""GitHub takes 50 annotations in one request."""
MAX_SENTENCES = 12
MAX_MESSAGE = 4_000
MAX_TRANSCRIPT = 60_000
MAX_NUMBER = 2**31 - 1
"""The largest integer that GitHub's API takes, as a line for instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFailure:
    """One failing test; `path` is relative to the repository, `line` starts at 1."""

    __test__: ClassVar[bool] = False  # pytest collects what is called Test…

    name: str
    message: str
    path: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of the sandbox: `setup`, `build`, `run`, `health`, `tests` or `measure`."""

    name: str
    outcome: str
    duration_s: float
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    The parts of `report.json` that Odyssey shows and judges.

    `measure` says in sentences what the change does to its own measure (tests,
    workflows, Dockerfile, policy); empty when it leaves that alone.
    """

    head_sha: str
    conclusion: str
    reason: str
    phases: tuple[Phase, ...]
    passed: int
    failed: int
    skipped: int
    failures: tuple[TestFailure, ...]
    measure: tuple[str, ...]
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

    Anything else that is not as the Action writes it is left out.
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
        head_sha=_text(head_sha, 100),
        conclusion=_text(conclusion, 40),
        reason=_text(root.get("reason")),
        phases=tuple(_phase(each) for each in _objects(root.get("phases"))[:20]),
        passed=_count(tests.get("passed")),
        failed=_count(tests.get("failed")),
        skipped=_count(tests.get("skipped")),
        failures=tuple(_failure(each) for each in _objects(tests.get("failures"))[:MAX_FAILURES]),
        measure=_sentences(_object(root.get("measure")).get("statements")),
        transcript=_text(root.get("transcript"), None)[-MAX_TRANSCRIPT:],
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any, limit: int | None = MAX_MESSAGE) -> str:
    """Text only; a half of a surrogate pair, which JSON can spell but UTF-8 cannot, as `?`."""
    return value[:limit].encode(errors="replace").decode() if isinstance(value, str) else ""


def _sentences(value: Any) -> tuple[str, ...]:
    texts = [_text(each, 300) for each in value[:MAX_SENTENCES]] if isinstance(value, list) else []
    return tuple(each for each in texts if each)


def _whole(value: Any, *, least: int) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and least <= value <= MAX_NUMBER else None


def _count(value: Any) -> int:
    return _whole(value, least=0) or 0


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        seconds = float(value)
    except OverflowError:  # JSON's whole numbers have no bound
        return 0.0
    return seconds if math.isfinite(seconds) and seconds >= 0 else 0.0


def _phase(value: Mapping[str, Any]) -> Phase:
    return Phase(
        name=_text(value.get("name"), 40),
        outcome=_text(value.get("outcome"), 40),
        duration_s=_seconds(value.get("duration_s")),
        exit_code=_whole(value.get("exit_code"), least=-MAX_NUMBER),
    )


def _failure(value: Mapping[str, Any]) -> TestFailure:
    return TestFailure(
        name=_text(value.get("name"), 300) or "unnamed test",
        message=_text(value.get("message")),
        path=_text(value.get("file"), 500) or None,
        line=_whole(value.get("line"), least=1),
    )
