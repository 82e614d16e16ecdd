"""What happens to the jobs and artifacts of a run while it goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from odyssey.simulator.actions import announce
from odyssey.simulator.actions.act_log import COMPLETE, SETUP
from odyssey.simulator.actions.check_runs import show_check
from odyssey.simulator.actions.executor import ArtifactUploaded, Conclusion
from odyssey.simulator.actions.state import Artifact, Job, LogLine, Run, Step
from odyssey.simulator.actions.workflow import JobDefinition

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

DEFAULT_RETENTION = timedelta(days=90)  # GitHub's default for artifacts and logs


def add_job(
    simulator: Simulator, run: Run, definition: JobDefinition, *, is_announced: bool = True
) -> Job:
    """The queued job that *definition* describes, in the current attempt of *run*."""
    now = simulator.clock()
    named = [
        (SETUP, "Set up job"),
        *((step.key, step.name) for step in definition.steps),
        (COMPLETE, "Complete job"),
    ]
    job = Job(
        id=simulator.ids.next("check_run"),
        run=run,
        run_attempt=run.run_attempt,
        key=definition.key,
        name=definition.name,
        labels=definition.labels,
        timeout_minutes=definition.timeout_minutes,
        created_at=now,
        started_at=now,
        steps=[Step(key, name, number) for number, (key, name) in enumerate(named, start=1)],
    )
    run.jobs.append(job)
    show_check(simulator, job)
    if is_announced:
        announce.job_changed(simulator, job, "queued")
    return job


def start_job(simulator: Simulator, job: Job) -> None:
    """Put *job* in progress."""
    job.status, job.started_at = "in_progress", simulator.clock()
    show_check(simulator, job)
    announce.job_changed(simulator, job, "in_progress")


def log_line(simulator: Simulator, job: Job, key: str | None, text: str) -> None:
    """Write *text* into the log of *job*, under the step called *key*."""
    step = job.find_step(key)
    job.lines.append(LogLine(simulator.clock(), step.number if step else 0, text))


def finish_job(simulator: Simulator, job: Job, conclusion: Conclusion) -> None:
    """Complete *job*; a step that ran ends with it, one that never did was skipped."""
    now = simulator.clock()
    for step in job.steps:
        if step.status == "in_progress":
            step.status, step.conclusion, step.completed_at = "completed", conclusion, now
        elif step.status == "queued":
            step.status, step.conclusion = "completed", "skipped"
    if job.status == "queued":
        job.steps = []  # it never had a runner
    job.status, job.conclusion, job.completed_at = "completed", conclusion, now
    show_check(simulator, job)
    announce.job_changed(simulator, job, "completed")


def add_artifact(simulator: Simulator, run: Run, uploaded: ArtifactUploaded) -> Artifact:
    """Keep what *run* uploaded."""
    now = simulator.clock()
    retention = (
        timedelta(days=uploaded.retention_days) if uploaded.retention_days else DEFAULT_RETENTION
    )
    artifact = Artifact(
        id=simulator.ids.next("artifact"),
        run=run,
        name=uploaded.name,
        archive=uploaded.archive,
        created_at=now,
        expires_at=now + retention,
    )
    run.artifacts.append(artifact)
    return artifact
