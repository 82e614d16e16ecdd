"""The check run that every job has, by GitHub Actions, on the head SHA of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey.simulator.actions.state import Job, Run
from odyssey.simulator.state import Annotation, CheckRun, CheckSuite

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

_WHOLE_RUN = ".github"  # where GitHub puts an annotation that names no file


def show_check(simulator: Simulator, job: Job) -> None:
    """Make the check run of *job*, or bring it up to date."""
    run = job.run
    check = run.repository.check_runs.get(job.id)
    if check is None:
        check = CheckRun(
            id=job.id,
            name=job.name,
            head_sha=run.head_sha,
            suite=_suite(simulator, run),
            status="queued",
            conclusion=None,
            started_at=job.started_at,
            completed_at=None,
            details_url=f"{simulator.web_url}/{run.repository.full_name}"
            f"/actions/runs/{run.id}/job/{job.id}",
        )
        run.repository.check_runs[job.id] = check
    check.status, check.conclusion = job.status, job.conclusion
    check.started_at, check.completed_at = job.started_at, job.completed_at
    check.suite.updated_at = simulator.clock()
    check.annotations = [
        Annotation(
            path=made.path or _WHOLE_RUN,
            start_line=made.line or 1,
            end_line=made.line or 1,
            annotation_level=made.level,
            message=made.message,
            title=made.title,
        )
        for made in job.annotations
    ]


def _suite(simulator: Simulator, run: Run) -> CheckSuite:
    suites = run.repository.check_suites
    if run.check_suite_id not in suites:
        suites[run.check_suite_id] = CheckSuite(
            id=run.check_suite_id,
            app=simulator.actions_app,
            head_sha=run.head_sha,
            head_branch=run.head_branch,
            created_at=run.created_at,
            updated_at=run.created_at,
        )
    return suites[run.check_suite_id]
