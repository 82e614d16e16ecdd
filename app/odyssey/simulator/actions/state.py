"""What the Actions service knows: workflows, runs, jobs, steps and artifacts; all in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from odyssey.simulator.actions.executor import Annotated, Conclusion, JobKey
from odyssey.simulator.actions.git_reads import HeadCommit
from odyssey.simulator.actions.workflow import JobDefinition, WorkflowFile
from odyssey.simulator.state import Repository, User

Status = Literal["queued", "pending", "in_progress", "completed"]


@dataclass(slots=True)
class Workflow:
    """A workflow file as the API lists it: known by its path on the default branch."""

    id: int
    repository: Repository
    path: str
    name: str
    created_at: datetime
    updated_at: datetime
    last_run_number: int = 0


@dataclass(slots=True)
class Step:
    """One step of a job; *key* is what the executor calls it."""

    key: str
    name: str
    number: int
    status: Literal["queued", "in_progress", "completed"] = "queued"
    conclusion: Conclusion | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(slots=True)
class LogLine:
    """A line of a job's log; *step* is the step's number, 0 outside of any."""

    at: datetime
    step: int
    text: str

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%dT%H:%M:%S.%f}0Z {self.text}"


@dataclass(slots=True)
class Job:
    """One job of one attempt; its id is also the id of its check run."""

    id: int
    run: Run
    run_attempt: int
    key: JobKey
    name: str
    labels: tuple[str, ...]
    timeout_minutes: float
    created_at: datetime
    started_at: datetime
    steps: list[Step]
    status: Status = "queued"
    conclusion: Conclusion | None = None
    completed_at: datetime | None = None
    lines: list[LogLine] = field(default_factory=list)
    annotations: list[Annotated] = field(default_factory=list)
    summary: str = ""

    def find_step(self, key: str | None) -> Step | None:
        """The step the executor calls *key*."""
        return next((step for step in self.steps if step.key == key), None)

    @property
    def log(self) -> str:
        """The whole log, one line each."""
        return "".join(f"{line}\n" for line in self.lines)


@dataclass(slots=True)
class Artifact:
    """An uploaded artifact; the zip is as it was uploaded."""

    id: int
    run: Run
    name: str
    archive: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime

    @property
    def digest(self) -> str:
        """`sha256:` and the hash of the zip."""
        return f"sha256:{hashlib.sha256(self.archive).hexdigest()}"


@dataclass(slots=True)
class Run:
    """A workflow run with everything of all its attempts; the fields speak of the last one."""

    id: int
    repository: Repository
    workflow: Workflow
    file: WorkflowFile
    definitions: list[JobDefinition]
    run_number: int
    event: str
    ref: str
    head_sha: str
    head_commit: HeadCommit
    display_title: str
    actor: User
    triggering_actor: User
    inputs: Mapping[str, str]
    check_suite_id: int
    created_at: datetime
    updated_at: datetime
    run_started_at: datetime
    run_attempt: int = 1
    status: Status = "queued"
    conclusion: Conclusion | None = None
    jobs: list[Job] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    log: str = ""
    group: str | None = None
    cancels_in_progress: bool = False
    is_stopping: bool = False
    turn: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def head_branch(self) -> str:
        """The short name of the ref."""
        return self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")

    @property
    def current_jobs(self) -> list[Job]:
        """The jobs of the last attempt, in the order they came up."""
        return [job for job in self.jobs if job.run_attempt == self.run_attempt]

    @property
    def is_completed(self) -> bool:
        """Whether the last attempt has ended."""
        return self.status == "completed"
