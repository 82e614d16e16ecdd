"""
Runs decided by a file of the commit they judge: a stand-in for act and the container engine.

Nothing is built, started or tested here; what a real run does has scenarios of its own
(`tests/scenarios`, `tests/action`). What comes out is shaped as the real one's: jobs, steps, an
artifact `odyssey-report` with a report that fits `action/report.schema.json`, a conclusion.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import zipfile
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from odyssey.simulator.actions.executor import (
    ArtifactUploaded,
    Conclusion,
    JobFinished,
    JobKey,
    JobStarted,
    LineLogged,
    OnEvent,
    RunRequest,
    RunResult,
    StepFinished,
    StepStarted,
)

VERDICT_FILE = "verdict.txt"
ARTIFACT = "odyssey-report"
JOB: JobKey = ("validate", "{}")
OTHER_SHA = "0123456789abcdef0123456789abcdef01234567"
_AT = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


class Verdict(StrEnum):
    """
    What the file `verdict.txt` of a commit makes of its run; after the first two come the lies.
    """

    PASS = "pass"
    FAIL = "fail"
    FORGED = "forged"
    """The run succeeds; its report praises another commit."""
    BOAST = "boast"
    """The run fails; its report says success."""
    SILENT = "silent"
    """The run succeeds and leaves no artifact."""
    GARBAGE = "garbage"
    """The run succeeds; its report is not JSON."""


class ScriptedExecutor:
    """
    The `RunExecutor` of the schedules: each run ends at once, or when `release` is called.
    """

    def __init__(self) -> None:
        self._free = asyncio.Event()
        self._free.set()

    def hold(self) -> None:
        """Runs that begin from now on wait for `release` before they report."""
        self._free.clear()

    def release(self) -> None:
        """Lets every run end."""
        self._free.set()

    async def execute(self, request: RunRequest, on_event: OnEvent) -> RunResult:
        """See `RunExecutor.execute`."""
        inputs = request.event.get("inputs") or {}
        head_sha = str(inputs.get("head_sha", ""))
        on_event(JobStarted(JOB, "validate"))
        on_event(StepStarted(JOB, "0"))
        await self._free.wait()
        verdict = await asyncio.to_thread(verdict_of, request.git_dir, head_sha)
        on_event(LineLogged(JOB, "0", f"{head_sha} is judged: {verdict}"))
        content = report_for(verdict, head_sha, str(inputs.get("proposal_id", "")))
        if content is not None:
            on_event(ArtifactUploaded(ARTIFACT, archive_of(content)))
        conclusion: Conclusion = "failure" if is_failure(verdict) else "success"
        on_event(StepFinished(JOB, "0", conclusion))
        on_event(JobFinished(JOB, conclusion))
        return RunResult(conclusion, "")


def is_failure(verdict: Verdict) -> bool:
    """Whether a run with this verdict ends as failed."""
    return verdict in (Verdict.FAIL, Verdict.BOAST)


def verdict_of(git_dir: Path, sha: str) -> Verdict:
    """What the commit's file says; a commit without a readable one fails."""
    done = subprocess.run(
        ["git", "--git-dir", str(git_dir), "cat-file", "blob", f"{sha}:{VERDICT_FILE}"],
        capture_output=True,
        check=False,
    )
    try:
        return Verdict(done.stdout.decode(errors="replace").strip())
    except ValueError:
        return Verdict.FAIL


def report_for(verdict: Verdict, head_sha: str, proposal_id: str) -> bytes | None:
    """The bytes of `report.json`; None for a run that leaves none."""
    match verdict:
        case Verdict.SILENT:
            return None
        case Verdict.GARBAGE:
            return b"{not json"
        case Verdict.FORGED:
            head_sha = OTHER_SHA
    passes = verdict is not Verdict.FAIL
    return json.dumps(_report(head_sha, proposal_id, passes=passes)).encode()


def archive_of(content: bytes) -> bytes:
    """The artifact's zip with `report.json` in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.json", content)
    return buffer.getvalue()


def _report(head_sha: str, proposal_id: str, *, passes: bool) -> dict[str, Any]:
    failure = {
        "name": "tests.test_service::test_it_answers",
        "file": VERDICT_FILE,
        "line": 1,
        "message": "assert 'fail' == 'pass'",
    }
    return {
        "schema": 1,
        "run_id": "0badcafe",
        "head_sha": head_sha,
        "proposal_id": proposal_id,
        "conclusion": "success" if passes else "failure",
        "phase": None if passes else "tests",
        "failure": None if passes else "tests_failed",
        "reason": "All tests passed." if passes else "1 of 2 tests failed.",
        "started_at": _AT,
        "finished_at": _AT,
        "duration_s": 0.1,
        "engine": {"name": "", "version": ""},
        "image": {
            "id": "", "digest": "", "tag": "", "source": "none", "size": 0, "cached_steps": 0,
        },
        "limits": {},
        "phases": [
            {
                "name": "tests",
                "outcome": "passed" if passes else "failed",
                "started_at": _AT,
                "duration_s": 0.1,
                "exit_code": 0 if passes else 1,
                "detail": "",
                "log": None,
            }
        ],
        "tests": {
            "total": 2,
            "passed": 2 if passes else 1,
            "failed": 0 if passes else 1,
            "skipped": 0,
            "source": "junit",
            "failures": [] if passes else [failure],
        },
        "findings": [],
        "warnings": [],
        "measure": None,
        "transcript": "2 passed" if passes else "1 failed, 1 passed",
    }  # fmt: skip
