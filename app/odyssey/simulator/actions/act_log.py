"""
What `act --json` prints, read into run events.

act writes one JSON object on each line. It reports a step by `stepID` (a list: the last entries are
steps inside a composite action) and `stage`; a step or job whose condition was false is not
mentioned at all, so skipped ones are worked out by the caller.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from odyssey.simulator.actions.executor import (
    Annotated,
    AnnotationLevel,
    Conclusion,
    JobFinished,
    JobKey,
    JobStarted,
    LineLogged,
    RunEvent,
    StepFinished,
    StepStarted,
    SummaryWritten,
)
from odyssey.simulator.actions.workflow import job_key

SETUP, COMPLETE = "--setup-job", "--complete-job"

_LEVELS: dict[str, AnnotationLevel] = {
    "error": "failure",
    "warning": "warning",
    "notice": "notice",
}
_CONCLUSIONS: dict[str, Conclusion] = {
    "success": "success",
    "failure": "failure",
    "skipped": "skipped",
    "cancelled": "cancelled",
}
_RETENTION = re.compile(r"Artifact (.+) is kept for (\d+) days")


class ActLog:
    """Turns lines into events; keeps what belongs to no job, and how long artifacts are kept."""

    def __init__(self, workflow_name: str) -> None:
        self._prefix = f"{workflow_name}/"
        self._started: set[JobKey] = set()
        self._outside: list[str] = []
        self.retention_days: dict[str, int] = {}

    @property
    def outside(self) -> str:
        """What act said outside of any job."""
        return "".join(f"{line}\n" for line in self._outside)

    @property
    def has_jobs(self) -> bool:
        """Whether any job was begun."""
        return bool(self._started)

    def read(self, line: str) -> Iterator[RunEvent]:
        """The events that *line* stands for, in their order."""
        try:
            entry = json.loads(line)
        except ValueError:
            entry = {"msg": line}
        if not isinstance(entry, dict) or "jobID" not in entry:
            self._outside.append(str(entry.get("msg", line)) if isinstance(entry, dict) else line)
            return
        job = job_key(str(entry["jobID"]), entry.get("matrix") or {})
        if job not in self._started:
            self._started.add(job)
            yield JobStarted(job, str(entry.get("job", "")).strip().removeprefix(self._prefix))
        yield from self._step(job, entry)
        if "jobResult" in entry:
            yield JobFinished(job, _CONCLUSIONS.get(entry["jobResult"], "failure"))

    def _step(self, job: JobKey, entry: dict[str, Any]) -> Iterator[RunEvent]:
        path = [str(part) for part in entry.get("stepID") or entry.get("stepid") or ()]
        text = str(entry.get("msg", ""))
        stage = entry.get("stage")
        step = path[0] if path else None
        if stage == "Pre":
            step = SETUP  # actions are fetched while GitHub says "Set up job"
        elif stage == "Post":
            step = COMPLETE
        is_whole_step = len(path) == 1 and stage in (None, "Main") and "raw_output" not in entry
        if is_whole_step and step and text.startswith("⭐ Run ") and "stepResult" not in entry:
            yield StepStarted(job, step)
        yield from self._line(job, step, entry, text)
        if stage == "Pre" and entry.get("level") == "error":  # the action could not be had
            yield StepFinished(job, SETUP, "failure")
        elif "stepResult" in entry and step:
            conclusion = _CONCLUSIONS.get(entry["stepResult"], "failure")
            if is_whole_step or (stage in ("Pre", "Post") and conclusion == "failure"):
                yield StepFinished(job, step, conclusion)

    def _line(
        self, job: JobKey, step: str | None, entry: dict[str, Any], text: str
    ) -> Iterator[RunEvent]:
        command = entry.get("command")
        if command in _LEVELS:
            where = entry.get("kvPairs") or {}
            message = str(entry.get("arg", ""))
            yield LineLogged(job, step, f"##[{command}]{message}")
            yield Annotated(
                job=job,
                level=_LEVELS[command],
                message=message,
                title=where.get("title"),
                path=where.get("file"),
                line=int(where["line"]) if str(where.get("line", "")).isdigit() else None,
            )
        elif command == "summary":
            yield SummaryWritten(job, str(entry.get("content", "")))
        elif entry.get("raw_output"):
            if kept := _RETENTION.fullmatch(text.strip()):
                self.retention_days[kept.group(1)] = int(kept.group(2))
            yield LineLogged(job, step, text.rstrip("\n"))
        elif command is None and not text.startswith("LocalRepositoryCache"):
            for part in text.strip().splitlines():
                yield LineLogged(job, step, part)
