"""
The seam between the Actions service and what executes a run.

`RunExecutor` is implemented by `act.ActExecutor`; another one could run jobs in virtual machines.
The events an executor reports are all that the service knows of a run: no conclusion, log line
or artifact has another origin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

JobKey = tuple[str, str]
Conclusion = Literal["success", "failure", "cancelled", "skipped", "startup_failure"]
AnnotationLevel = Literal["notice", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Everything needed to execute one attempt of one workflow run."""

    run_id: int
    run_number: int
    run_attempt: int
    repository: str  # owner/name
    git_dir: Path  # the bare repository the workflow is taken from
    head_sha: str
    ref: str  # refs/heads/main
    workflow_path: str
    workflow_name: str
    labels: frozenset[str]  # every runs-on label of the workflow
    event_name: str
    event: Mapping[str, Any]
    actor: str
    token: str = field(repr=False)
    server_url: str
    api_url: str
    graphql_url: str
    local_actions: Mapping[str, Path] = field(default_factory=dict)  # "owner/name@ref" -> folder


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job began; *name* is the executor's own, for jobs the workflow file does not name."""

    job: JobKey
    name: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step began; *step* is its id or its index, or `--setup-job` and `--complete-job`."""

    job: JobKey
    step: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step ended."""

    job: JobKey
    step: str
    conclusion: Conclusion


@dataclass(frozen=True, slots=True)
class LineLogged:
    """One line of a job's log; *step* is None between steps."""

    job: JobKey
    step: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Annotated:
    """A `::error::`, `::warning::` or `::notice::` a step printed."""

    job: JobKey
    level: AnnotationLevel
    message: str
    title: str | None
    path: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class SummaryWritten:
    """What a step wrote to `$GITHUB_STEP_SUMMARY`, Markdown."""

    job: JobKey
    text: str


@dataclass(frozen=True, slots=True)
class JobFinished:
    """A job ended."""

    job: JobKey
    conclusion: Conclusion


@dataclass(frozen=True, slots=True)
class ArtifactUploaded:
    """An artifact, as the zip that was uploaded."""

    name: str
    archive: bytes = field(repr=False)
    retention_days: int | None = None


RunEvent = (
    JobStarted
    | StepStarted
    | StepFinished
    | LineLogged
    | Annotated
    | SummaryWritten
    | JobFinished
    | ArtifactUploaded
)
OnEvent = Callable[[RunEvent], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended; *log* is what the executor itself said, outside of any job."""

    conclusion: Conclusion
    log: str


class RunExecutor(Protocol):
    """Executes runs; one call is one attempt of one run."""

    async def execute(self, request: RunRequest, on_event: OnEvent) -> RunResult:
        """
        The outcome of running *request*, whose events went to *on_event* in their order.

        Cancelling the task stops the run: nothing it started survives, artifacts uploaded so far
        have been reported. A run that cannot start is a result (`startup_failure`), not an error.
        """
        ...
