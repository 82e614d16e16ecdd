"""
How workflows, runs, jobs and artifacts look in the REST API, version 2026-03-10.

A webhook shows a run and a job in nearly the same form; the differences are made in `announce`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey.simulator.actions.state import Artifact, Job, Run, Step, Workflow
from odyssey.simulator.ids import node_id, optional_timestamp, timestamp
from odyssey.simulator.state import Json
from odyssey.simulator.views_accounts import simple_user
from odyssey.simulator.views_repositories import minimal_repository, repository_url

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

_RUNNER_ID, _RUNNER_GROUP_ID = 1, 1


def run_url(simulator: Simulator, run: Run) -> str:
    """Where the API has *run*."""
    return f"{repository_url(simulator, run.repository)}/actions/runs/{run.id}"


def run_html_url(simulator: Simulator, run: Run) -> str:
    """Where a person would look at *run*."""
    return f"{simulator.web_url}/{run.repository.full_name}/actions/runs/{run.id}"


def workflow_json(simulator: Simulator, workflow: Workflow) -> Json:
    """A `Workflow`."""
    api = repository_url(simulator, workflow.repository)
    web = f"{simulator.web_url}/{workflow.repository.full_name}"
    return {
        "id": workflow.id,
        "node_id": node_id("Workflow", workflow.id),
        "name": workflow.name,
        "path": workflow.path,
        "state": "active",
        "created_at": timestamp(workflow.created_at),
        "updated_at": timestamp(workflow.updated_at),
        "url": f"{api}/actions/workflows/{workflow.id}",
        "html_url": f"{web}/blob/{workflow.repository.default_branch}/{workflow.path}",
        "badge_url": f"{web}/actions/workflows/{workflow.path.rpartition('/')[2]}/badge.svg",
    }


def run_json(simulator: Simulator, run: Run) -> Json:
    """A `WorkflowRun`."""
    api, url = repository_url(simulator, run.repository), run_url(simulator, run)
    previous = f"{url}/attempts/{run.run_attempt - 1}" if run.run_attempt > 1 else None
    commit = run.head_commit
    repository = minimal_repository(simulator, run.repository)
    return {
        "id": run.id,
        "name": run.file.name,
        "node_id": node_id("WorkflowRun", run.id),
        "check_suite_id": run.check_suite_id,
        "check_suite_node_id": node_id("CheckSuite", run.check_suite_id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.file.path,
        "display_title": run.display_title,
        "run_number": run.run_number,
        "run_attempt": run.run_attempt,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "workflow_id": run.workflow.id,
        "url": url,
        "html_url": run_html_url(simulator, run),
        "pull_requests": [],
        "created_at": timestamp(run.created_at),
        "updated_at": timestamp(run.updated_at),
        "run_started_at": timestamp(run.run_started_at),
        "actor": simple_user(simulator, run.actor),
        "triggering_actor": simple_user(simulator, run.triggering_actor),
        "referenced_workflows": [],
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{api}/check-suites/{run.check_suite_id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": previous,
        "workflow_url": f"{api}/actions/workflows/{run.workflow.id}",
        "head_commit": {
            "id": commit.sha,
            "tree_id": commit.tree_sha,
            "message": commit.message,
            "timestamp": commit.timestamp,
            "author": {"name": commit.author[0], "email": commit.author[1]},
            "committer": {"name": commit.committer[0], "email": commit.committer[1]},
        },
        "repository": repository,
        "head_repository": repository,
    }


def job_json(simulator: Simulator, job: Job) -> Json:
    """A `Job`."""
    api, run = repository_url(simulator, job.run.repository), job.run
    has_runner = job.status == "in_progress" or any(step.started_at for step in job.steps)
    return {
        "id": job.id,
        "run_id": run.id,
        "workflow_name": run.file.name,
        "head_branch": run.head_branch,
        "run_url": run_url(simulator, run),
        "run_attempt": job.run_attempt,
        "node_id": node_id("CheckRun", job.id),
        "head_sha": run.head_sha,
        "url": f"{api}/actions/jobs/{job.id}",
        "html_url": f"{run_html_url(simulator, run)}/job/{job.id}",
        "status": "queued" if job.status == "pending" else job.status,
        "conclusion": job.conclusion,
        "created_at": timestamp(job.created_at),
        "started_at": timestamp(job.started_at),
        "completed_at": optional_timestamp(job.completed_at),
        "name": job.name,
        "steps": [_step_json(step) for step in job.steps] if job.status != "queued" else [],
        "check_run_url": f"{api}/check-runs/{job.id}",
        "labels": list(job.labels),
        "runner_id": _RUNNER_ID if has_runner else None,
        "runner_name": "local" if has_runner else None,
        "runner_group_id": _RUNNER_GROUP_ID if has_runner else None,
        "runner_group_name": "Default" if has_runner else None,
    }


def _step_json(step: Step) -> Json:
    return {
        "name": step.name,
        "status": step.status,
        "conclusion": step.conclusion,
        "number": step.number,
        "started_at": optional_timestamp(step.started_at),
        "completed_at": optional_timestamp(step.completed_at),
    }


def artifact_json(simulator: Simulator, artifact: Artifact) -> Json:
    """An `Artifact`."""
    run = artifact.run
    url = f"{repository_url(simulator, run.repository)}/actions/artifacts/{artifact.id}"
    return {
        "id": artifact.id,
        "node_id": node_id("Artifact", artifact.id),
        "name": artifact.name,
        "size_in_bytes": len(artifact.archive),
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": artifact.expires_at <= simulator.clock(),
        "digest": artifact.digest,
        "created_at": timestamp(artifact.created_at),
        "updated_at": timestamp(artifact.created_at),
        "expires_at": timestamp(artifact.expires_at),
        "workflow_run": {
            "id": run.id,
            "repository_id": run.repository.id,
            "head_repository_id": run.repository.id,
            "head_branch": run.head_branch,
            "head_sha": run.head_sha,
        },
    }
