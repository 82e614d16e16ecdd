"""
The Actions service: from a request to run a workflow to its last webhook.

A run is one asyncio task. What changes a run is its executor's events, a cancellation or a time
limit; each change that GitHub announces is announced here, after the state has changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from odyssey.simulator.actions import announce, start
from odyssey.simulator.actions.act import ActExecutor
from odyssey.simulator.actions.concurrency import Groups
from odyssey.simulator.actions.executor import (
    Annotated,
    ArtifactUploaded,
    Conclusion,
    JobFinished,
    JobStarted,
    LineLogged,
    RunEvent,
    RunExecutor,
    RunRequest,
    RunResult,
    StepFinished,
    StepStarted,
    SummaryWritten,
)
from odyssey.simulator.actions.places import Places
from odyssey.simulator.actions.progress import (
    add_artifact,
    add_job,
    finish_job,
    log_line,
    start_job,
)
from odyssey.simulator.actions.state import Artifact, Job, Run, Workflow
from odyssey.simulator.state import Repository, User

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

logger = logging.getLogger(__name__)

RUNS_AT_ONCE = 2  # what a machine of two cores carries


class Actions:
    """Every workflow and run of one simulator; `runs` is by id, oldest first."""

    def __init__(
        self,
        simulator: Simulator,
        *,
        executor: RunExecutor | None = None,
        runs_at_once: int = RUNS_AT_ONCE,
    ) -> None:
        self.runs: dict[int, Run] = {}
        self.workflows: dict[int, Workflow] = {}
        self._simulator = simulator
        self._executor = executor or ActExecutor()
        # Only act loads the machine, so only its runs share this machine's places.
        own = None if executor is None else simulator.root / "places"
        self._places = Places(runs_at_once, folder=own)
        self._groups = Groups()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    @property
    def artifacts(self) -> dict[int, Artifact]:
        """Every artifact that was not deleted, by id."""
        return {a.id: a for run in self.runs.values() for a in run.artifacts}

    def runs_of(self, repository: Repository) -> list[Run]:
        """The runs of *repository*, newest first."""
        return [run for run in reversed(self.runs.values()) if run.repository is repository]

    async def wait_until_idle(self) -> None:
        """Return when no run is queued or in progress."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def aclose(self) -> None:
        """Cancel every run and wait until nothing of them is left."""
        for run_id in list(self._tasks):
            self.cancel(self.runs[run_id])
        await self.wait_until_idle()

    close = aclose

    async def workflows_of(self, repository: Repository) -> list[Workflow]:
        """The workflows of *repository*, those of its default branch brought up to date."""
        return await start.refresh_workflows(self._simulator, self.workflows, repository)

    async def dispatch(
        self,
        repository: Repository,
        workflow: Workflow,
        ref: str,
        inputs: Mapping[str, object],
        *,
        actor: User,
    ) -> Run:
        """
        The new run of *workflow* as it is at *ref*, queued and announced.

        Raises:
            ApiError: 422 for an unknown ref, a workflow without the trigger, wrong inputs.
        """
        run = await start.new_dispatch_run(
            self._simulator, repository, workflow, ref, inputs, actor=actor
        )
        self.runs[run.id] = run
        self._begin(run)
        return run

    def rerun(self, run: Run, *, actor: User) -> None:
        """Start the next attempt of the completed *run*: same id, commit and inputs."""
        now = self._simulator.clock()
        run.run_attempt += 1
        run.status, run.conclusion, run.is_stopping = "queued", None, False
        run.triggering_actor, run.run_started_at, run.updated_at = actor, now, now
        run.turn = asyncio.Event()
        self._begin(run)

    def cancel(self, run: Run) -> None:
        """Ask *run* to stop; it completes as cancelled once nothing of it is left."""
        task = self._tasks.get(run.id)
        if task is not None and not run.is_stopping:  # a second time would cut the clean-up short
            run.is_stopping = True
            task.cancel()

    def _begin(self, run: Run) -> None:
        announce.run_changed(self._simulator, run, "requested")
        for definition in run.definitions:
            if not definition.needs:
                add_job(self._simulator, run, definition)
        for superseded in self._groups.enter(run):
            self.cancel(superseded)
        task = asyncio.create_task(self._drive(run), name=f"workflow run {run.id}")
        self._tasks[run.id] = task
        task.add_done_callback(partial(self._forget, run))

    def _forget(self, run: Run, task: asyncio.Task[None]) -> None:
        self._tasks.pop(run.id, None)
        if task.cancelled():  # before its first step: it could not complete itself
            self._complete(run, "cancelled")
        elif error := task.exception():
            logger.error("workflow run %s could not be driven", run.id, exc_info=error)
            run.log += f"{type(error).__name__}: {error}\n"
            self._complete(run, "startup_failure")

    async def _drive(self, run: Run) -> None:
        try:
            await run.turn.wait()
            async with self._places.take():
                result = await self._execute(run)
        except asyncio.CancelledError:
            self._complete(run, "cancelled")
            return
        run.log += result.log
        self._complete(run, result.conclusion)

    async def _execute(self, run: Run) -> RunResult:
        run.status, run.updated_at = "in_progress", self._simulator.clock()
        announce.run_changed(self._simulator, run, "in_progress")
        token = self._simulator.mint_actions_token(run.repository, run.file.permissions, run.id)
        try:
            request = self._request(run, token)
            return await self._executor.execute(request, partial(self._apply, run))
        finally:
            self._simulator.state.tokens[token].revoked = True

    def _request(self, run: Run, token: str) -> RunRequest:
        return RunRequest(
            run_id=run.id,
            run_number=run.run_number,
            run_attempt=run.run_attempt,
            repository=run.repository.full_name,
            git_dir=run.repository.git_dir,
            head_sha=run.head_sha,
            ref=run.ref,
            workflow_path=run.file.path,
            workflow_name=run.file.name,
            labels=frozenset(label for job in run.definitions for label in job.labels),
            event_name=run.event,
            event=announce.event_payload(self._simulator, run),
            actor=run.actor.login,
            token=token,
            server_url=self._simulator.web_url,
            api_url=self._simulator.api_url,
            graphql_url=f"{self._simulator.api_url}/graphql",
            local_actions=self._simulator.local_actions,
        )

    def _apply(self, run: Run, event: RunEvent) -> None:
        if isinstance(event, ArtifactUploaded):
            add_artifact(self._simulator, run, event)
            return
        job = self._job_of(run, event)
        match event:
            case JobStarted():
                start_job(self._simulator, job)
                self._timers[job.id] = asyncio.get_running_loop().call_later(
                    job.timeout_minutes * 60, self._time_out, run, job
                )
            case StepStarted(step=key):
                if (step := job.find_step(key)) and step.status == "queued":
                    step.status, step.started_at = "in_progress", self._simulator.clock()
            case StepFinished(step=key, conclusion=conclusion):
                if step := job.find_step(key):
                    step.status, step.conclusion = "completed", _told(run, conclusion)
                    step.completed_at = self._simulator.clock()
            case LineLogged(step=key, text=text):
                log_line(self._simulator, job, key, text)
            case Annotated():
                job.annotations.append(event)
            case SummaryWritten(text=text):
                job.summary += text
            case JobFinished(conclusion=conclusion):
                self._finish(job, _told(run, conclusion))

    def _job_of(self, run: Run, event: RunEvent) -> Job:
        assert not isinstance(event, ArtifactUploaded)
        for job in run.current_jobs:
            if job.key == event.job:
                return job
        name = event.name if isinstance(event, JobStarted) else event.job[0]
        return add_job(self._simulator, run, start.definition_for(run, event.job, name))

    def _finish(self, job: Job, conclusion: Conclusion) -> None:
        if timer := self._timers.pop(job.id, None):
            timer.cancel()
        finish_job(self._simulator, job, conclusion)

    def _time_out(self, run: Run, job: Job) -> None:
        minutes = f"{job.timeout_minutes:g}"
        message = f"The job has exceeded the maximum execution time of {minutes} minutes."
        log_line(self._simulator, job, None, f"##[error]{message}")
        job.annotations.append(Annotated(job.key, "failure", message, None, None, None))
        self.cancel(run)

    def _complete(self, run: Run, conclusion: Conclusion) -> None:
        unfinished: Conclusion = "failure" if conclusion == "startup_failure" else "cancelled"
        for job in run.current_jobs:
            if job.status == "in_progress":
                self._finish(job, unfinished)
            elif job.status == "queued":
                self._finish(job, "skipped" if conclusion in ("success", "failure") else unfinished)
        begun = {job.key for job in run.current_jobs}
        for definition in run.definitions:
            if definition.key not in begun and conclusion != "startup_failure":
                left_out = add_job(self._simulator, run, definition, is_announced=False)
                self._finish(left_out, "cancelled" if conclusion == "cancelled" else "skipped")
        if conclusion == "success" and all(j.conclusion == "skipped" for j in run.current_jobs):
            conclusion = "skipped"
        run.status, run.conclusion = "completed", conclusion
        run.updated_at = self._simulator.clock()
        self._groups.leave(run)
        announce.run_changed(self._simulator, run, "completed")


def _told(run: Run, conclusion: Conclusion) -> Conclusion:
    # What fails because the run is being stopped was cancelled.
    return "cancelled" if run.is_stopping and conclusion == "failure" else conclusion
