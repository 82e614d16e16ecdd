"""
The report: what happened, as values, and as the JSON that other programs read.

`report.schema.json` beside the Action describes the JSON; `SCHEMA` changes when a field loses
its meaning, never when one is added.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from odyssey_sandbox.failures import Conclusion, Failure
from odyssey_sandbox.logs import ClippedLog, clean, masked

SCHEMA = 1
PhaseName = Literal["setup", "build", "run", "health", "tests", "measure"]
PhaseOutcome = Literal["passed", "failed", "timed_out", "skipped", "cancelled", "error"]
_TRANSCRIPT_TAIL = 60_000
_MAX_FAILURES = 50
_MAX_REASON = 500
_MAX_MESSAGE = 4_000
_MAX_TRANSCRIPT_FILE = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """
    One phase: when it ran, how it ended, and what it printed (None where nothing could print).
    """

    name: PhaseName
    outcome: PhaseOutcome
    started_at: datetime
    duration_s: float
    exit_code: int | None = None
    detail: str = ""
    log: ClippedLog | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTest:
    """
    One failing test; `file` is relative to the checkout and exists in it, `line` starts at 1.
    """

    name: str
    message: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCounts:
    """
    The tests as counted from *source*: `junit`, `output`, or `none` where they cannot be.
    """

    __test__ = False

    total: int | None = None
    passed: int | None = None
    failed: int | None = None
    skipped: int | None = None
    failures: tuple[FailedTest, ...] = ()
    source: Literal["junit", "output", "none"] = "none"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    A limit that was met or a way out that was tried.

    `source` is `engine` for what the engine or the kernel counted, and `output` for a guess
    from what the untrusted side printed.
    """

    kind: str
    source: Literal["engine", "output"]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """
    The image that ran: the engine's id, the registry's digest if it has one, and its name.
    """

    id: str = ""
    digest: str = ""
    tag: str = ""
    source: Literal["built", "given", "none"] = "none"
    size: int = 0
    cached_steps: int = 0


@dataclass(slots=True, kw_only=True)
class Report:
    """
    All that is known of one run; filled while it goes on.
    """

    run_id: str
    started_at: datetime
    head_sha: str = ""
    proposal_id: str = ""
    engine_name: str = ""
    engine_version: str = ""
    image: Image = field(default_factory=Image)
    limits: dict[str, object] = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)
    tests: TestCounts = field(default_factory=TestCounts)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    measure: dict[str, Any] | None = None
    failure: Failure | None = None
    failed_phase: PhaseName | None = None
    finished_at: datetime | None = None
    masks: tuple[str, ...] = field(default=(), repr=False)

    @property
    def conclusion(self) -> Conclusion:
        """
        `success`, or what the first failure makes of it.
        """
        return "success" if self.failure is None else self.failure.cause.conclusion

    @property
    def reason(self) -> str:
        """
        One sentence: why it is so.
        """
        if self.failure is not None:
            return " ".join(self.safe(self.failure.reason).split())[:_MAX_REASON]
        counted = self.tests.passed
        return "All phases passed" + (f"; {counted} tests passed" if counted is not None else "")

    def safe(self, text: str) -> str:
        """
        *text* cleaned and masked; for everything that came out of the sandbox.
        """
        return masked(clean(text), self.masks)

    def find(self, kind: str, source: Literal["engine", "output"], detail: str) -> None:
        """
        Add a finding, each kind once for each source.
        """
        if not any(each.kind == kind and each.source == source for each in self.findings):
            self.findings.append(Finding(kind, source, detail))

    def transcript(self) -> str:
        """
        What was done and printed, phase by phase; bounded, cleaned and masked.
        """
        parts = []
        for phase in self.phases:
            code = "" if phase.exit_code is None else f", exit code {phase.exit_code}"
            parts.append(f"=== {phase.name}: {phase.outcome} in {phase.duration_s:.1f} s{code}")
            if phase.detail:
                parts.append(self.safe(phase.detail))
            if phase.log is not None and phase.log.size:
                parts.append(phase.log.text(self.masks).rstrip("\n"))
        parts.append(f"=== {self.conclusion}: {self.reason}")
        return "\n".join(parts) + "\n"

    def as_json(self) -> dict[str, Any]:
        """
        The report as `report.schema.json` describes it.
        """
        finished = self.finished_at or datetime.now(UTC)
        return {
            "schema": SCHEMA,
            "run_id": self.run_id,
            "head_sha": self.head_sha,
            "proposal_id": self.proposal_id,
            "conclusion": self.conclusion,
            "phase": self.failed_phase,
            "failure": self.failure.cause.code if self.failure else None,
            "reason": self.reason,
            "started_at": self.started_at.isoformat(timespec="milliseconds"),
            "finished_at": finished.isoformat(timespec="milliseconds"),
            "duration_s": round((finished - self.started_at).total_seconds(), 3),
            "engine": {"name": self.engine_name, "version": self.engine_version},
            "image": {
                "id": self.image.id,
                "digest": self.image.digest,
                "tag": self.image.tag,
                "source": self.image.source,
                "size": self.image.size,
                "cached_steps": self.image.cached_steps,
            },
            "limits": self.limits,
            "phases": [self._phase(phase) for phase in self.phases],
            "tests": self._tests(),
            "findings": [
                {"kind": each.kind, "source": each.source, "detail": self.safe(each.detail)[:400]}
                for each in self.findings
            ],
            "warnings": [self.safe(warning) for warning in self.warnings],
            "measure": self.measure,
            "transcript": self.transcript()[-_TRANSCRIPT_TAIL:],
        }

    def write(self, folder: Path) -> Path:
        """
        Write `report.json` and `transcript.txt` into *folder*; gives the path of the report.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "report.json"
        text = json.dumps(self.as_json(), ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
        transcript = self.transcript().encode()[-_MAX_TRANSCRIPT_FILE:]
        (folder / "transcript.txt").write_bytes(transcript)
        return path

    def _phase(self, phase: Phase) -> dict[str, Any]:
        log = phase.log
        return {
            "name": phase.name,
            "outcome": phase.outcome,
            "started_at": phase.started_at.isoformat(timespec="milliseconds"),
            "duration_s": round(phase.duration_s, 3),
            "exit_code": phase.exit_code,
            "detail": self.safe(phase.detail)[:_MAX_MESSAGE],
            "log": None
            if log is None
            else {"sha256": log.sha256, "bytes": log.size, "truncated": log.is_truncated},
        }

    def _tests(self) -> dict[str, Any]:
        return {
            "total": self.tests.total,
            "passed": self.tests.passed,
            "failed": self.tests.failed,
            "skipped": self.tests.skipped,
            "source": self.tests.source,
            "failures": [
                {
                    "name": self.safe(each.name)[:300],
                    "file": each.file,
                    "line": each.line,
                    "message": self.safe(each.message)[:_MAX_MESSAGE],
                }
                for each in self.tests.failures[:_MAX_FAILURES]
            ],
        }
