"""Webhooks of the Actions service: `workflow_run` and `workflow_job`, and the event a run gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from odyssey.simulator.actions.payloads import job_json, run_json, workflow_json
from odyssey.simulator.actions.state import Job, Run
from odyssey.simulator.state import Json
from odyssey.simulator.views_accounts import simple_user
from odyssey.simulator.views_repositories import webhook_repository

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator


def run_changed(
    simulator: Simulator, run: Run, action: Literal["requested", "in_progress", "completed"]
) -> None:
    """Tell the Apps that *run* was requested, began or completed."""
    shown = run_json(simulator, run)
    shown["repository"] = shown["head_repository"] = _lite(shown["repository"])
    if action == "in_progress":
        del shown["display_title"]  # the one schema of the three that does not have it
    simulator.emit(
        "workflow_run",
        action,
        run.repository,
        {"workflow_run": shown, "workflow": workflow_json(simulator, run.workflow)},
        sender=run.triggering_actor,
    )


_LITE = {
    "id", "node_id", "name", "full_name", "owner", "private", "description", "fork", "url",
}  # fmt: skip
_CLONE_URLS = {"git_url", "ssh_url", "clone_url", "svn_url", "mirror_url"}


def _lite(repository: Json) -> Json:
    # The `repository-lite` that stands inside a `workflow_run`: identity and links.
    return {
        name: value
        for name, value in repository.items()
        if name in _LITE or (name.endswith("_url") and name not in _CLONE_URLS)
    }


def job_changed(
    simulator: Simulator, job: Job, action: Literal["queued", "in_progress", "completed"]
) -> None:
    """Tell the Apps that *job* was queued, began or completed."""
    shown = job_json(simulator, job)
    if action == "in_progress":
        # GitHub lists at least the step that is under way, and x-webhooks asks for one.
        shown["steps"] = shown["steps"][:1]
    simulator.emit(
        "workflow_job",
        action,
        job.run.repository,
        {"workflow_job": shown},
        sender=job.run.triggering_actor,
    )


def event_payload(simulator: Simulator, run: Run) -> Json:
    """What a run finds in `$GITHUB_EVENT_PATH`."""
    return {
        "inputs": dict(run.inputs),
        "ref": run.ref,
        "repository": webhook_repository(simulator, run.repository),
        "sender": simple_user(simulator, run.actor),
        "workflow": run.file.path,
    }
