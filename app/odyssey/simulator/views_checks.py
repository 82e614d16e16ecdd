"""Check runs, check suites and commit statuses as the API and the webhooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey.simulator.ids import node_id, optional_timestamp, timestamp
from odyssey.simulator.state import (
    Annotation,
    CheckRun,
    CheckSuite,
    CommitStatus,
    Json,
    Repository,
)
from odyssey.simulator.views_accounts import integration, optional_integration, simple_user
from odyssey.simulator.views_git import commit_view
from odyssey.simulator.views_pulls import pull_reference
from odyssey.simulator.views_repositories import (
    minimal_repository,
    repository_page,
    repository_url,
)

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator


def _pulls_at(simulator: Simulator, repository: Repository, sha: str) -> list[Json]:
    return [
        pull_reference(simulator, repository, pull)
        for pull in repository.pulls.values()
        if pull.head_sha == sha and pull.issue.state == "open"
    ]


def check_run_view(simulator: Simulator, repository: Repository, run: CheckRun) -> Json:
    """The `check-run` schema."""
    url = f"{repository_url(simulator, repository)}/check-runs/{run.id}"
    page = f"{repository_page(simulator, repository)}/runs/{run.id}"
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("CheckRun", run.id),
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": page,
        "details_url": run.details_url or page,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": optional_timestamp(run.started_at),
        "completed_at": optional_timestamp(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": run.suite.id},
        "app": optional_integration(simulator, run.app),
        "pull_requests": _pulls_at(simulator, repository, run.head_sha),
    }


def check_run_event(simulator: Simulator, repository: Repository, run: CheckRun) -> Json:
    """The check run of a webhook: as in the API, with its suite spelt out."""
    suite = run.suite
    return {
        **check_run_view(simulator, repository, run),
        "check_suite": {
            "id": suite.id,
            "node_id": node_id("CheckSuite", suite.id),
            "head_branch": suite.head_branch,
            "head_sha": suite.head_sha,
            "status": suite_status(repository, suite)[0],
            "conclusion": suite_status(repository, suite)[1],
            "url": f"{repository_url(simulator, repository)}/check-suites/{suite.id}",
            "before": None,
            "after": suite.head_sha,
            "pull_requests": _pulls_at(simulator, repository, suite.head_sha),
            "app": integration(simulator, suite.app),
            "created_at": timestamp(suite.created_at),
            "updated_at": timestamp(suite.updated_at),
        },
    }


def suite_status(repository: Repository, suite: CheckSuite) -> tuple[str, str | None]:
    """Status and conclusion of a suite, derived from its runs."""
    runs = [run for run in repository.check_runs.values() if run.suite is suite]
    if not runs:
        return "queued", None
    if any(run.status != "completed" for run in runs):
        return "in_progress", None
    worst = ("failure", "timed_out", "cancelled", "action_required", "success", "neutral")
    conclusions = {run.conclusion for run in runs}
    return "completed", next((c for c in worst if c in conclusions), "skipped")


def check_suite_view(simulator: Simulator, repository: Repository, suite: CheckSuite) -> Json:
    """The `check-suite` schema."""
    url = f"{repository_url(simulator, repository)}/check-suites/{suite.id}"
    status, conclusion = suite_status(repository, suite)
    commit = simulator.git(repository).commit(suite.head_sha)
    runs = [run for run in repository.check_runs.values() if run.suite is suite]
    return {
        "id": suite.id,
        "node_id": node_id("CheckSuite", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": url,
        "before": None,
        "after": suite.head_sha,
        "pull_requests": _pulls_at(simulator, repository, suite.head_sha),
        "app": optional_integration(simulator, suite.app),
        "created_at": timestamp(suite.created_at),
        "updated_at": timestamp(suite.updated_at),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": len(runs),
        "check_runs_url": f"{url}/check-runs",
        "head_commit": {
            "id": commit.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": commit.committer.date,
            "author": {"name": commit.author.name, "email": commit.author.email},
            "committer": {"name": commit.committer.name, "email": commit.committer.email},
        },
        "repository": minimal_repository(simulator, repository),
    }


def annotation_view(
    simulator: Simulator, repository: Repository, run: CheckRun, annotation: Annotation
) -> Json:
    """The `check-annotation` schema."""
    base = repository_url(simulator, repository)
    return {
        "path": annotation.path,
        "blob_href": f"{base}/contents/{annotation.path}?ref={run.head_sha}",
        "start_line": annotation.start_line,
        "start_column": annotation.start_column,
        "end_line": annotation.end_line,
        "end_column": annotation.end_column,
        "annotation_level": annotation.annotation_level,
        "title": annotation.title,
        "message": annotation.message,
        "raw_details": annotation.raw_details,
    }


def status_view(simulator: Simulator, repository: Repository, status: CommitStatus) -> Json:
    """The `status` schema."""
    creator = simple_user(simulator, status.creator)
    return {
        **simple_status_view(simulator, repository, status),
        "creator": creator,
    }


def simple_status_view(simulator: Simulator, repository: Repository, status: CommitStatus) -> Json:
    """The `simple-commit-status` schema: an entry of the combined status."""
    base = repository_url(simulator, repository)
    return {
        "url": f"{base}/statuses/{status.sha}",
        "avatar_url": simple_user(simulator, status.creator)["avatar_url"],
        "id": status.id,
        "node_id": node_id("StatusContext", status.id),
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": timestamp(status.created_at),
        "updated_at": timestamp(status.created_at),
    }


def status_event(simulator: Simulator, repository: Repository, status: CommitStatus) -> Json:
    """The payload of the `status` event, without repository, sender and installation."""
    git = simulator.git(repository)
    commit = commit_view(simulator, repository, git.commit(status.sha))
    base = repository_url(simulator, repository)
    heads = [ref for ref, sha in git.refs().items() if sha == status.sha]
    return {
        "id": status.id,
        "sha": status.sha,
        "name": repository.full_name,
        "avatar_url": simple_user(simulator, status.creator)["avatar_url"],
        "target_url": status.target_url,
        "context": status.context,
        "description": status.description,
        "state": status.state,
        "commit": commit,
        "branches": [
            {
                "name": ref.removeprefix("refs/heads/"),
                "commit": {"sha": status.sha, "url": f"{base}/commits/{status.sha}"},
                "protected": ref.removeprefix("refs/heads/") in repository.protections,
            }
            for ref in heads
        ],
        "created_at": timestamp(status.created_at),
        "updated_at": timestamp(status.created_at),
    }
