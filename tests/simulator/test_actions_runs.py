"""Workflow runs, executed by act: what is dispatched, what it concludes, how it is stopped."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from odyssey.simulator.actions.state import Job, Run
from simulator.actions_world import Meeting, world

TWO_JOBS = """
name: CI
run-name: "CI ${{ inputs.head_sha }} (${{ inputs.nonce || 'none' }})"
on:
  workflow_dispatch:
    inputs:
      head_sha: {required: true}
      nonce: {}
      level: {type: choice, options: [low, high], default: low}
jobs:
  test:
    name: Test
    runs-on: ubuntu-latest
    steps:
      - name: Say it
        run: |
          echo "level is ${{ inputs.level }} at $GITHUB_SHA on $GITHUB_REF"
          echo "::error file=app.py,line=7,title=Broken::seven is wrong"
          echo "## Seven" >> "$GITHUB_STEP_SUMMARY"
      - run: test "${{ inputs.level }}" = low
      - if: failure()
        run: echo only after a failure
  after:
    needs: test
    runs-on: ubuntu-latest
    steps: [{run: echo done}]
"""

WAITS = """
name: Waits
on: {workflow_dispatch: {inputs: {now: {type: boolean, default: false}}}}
concurrency:
  group: deploy-${{ github.ref }}
  cancel-in-progress: ${{ inputs.now }}
jobs:
  wait:
    runs-on: ubuntu-latest
    timeout-minutes: MINUTES
    steps:
      - run: |
          echo "$HOME" > MEETING
          env -i setsid sleep 61 & sleep 62
      - if: always()
        run: echo tidied up
"""


def steps_of(job: Job) -> dict[str, str | None]:
    """The conclusion of each step of *job*, by name."""
    return {step.name: step.conclusion for step in job.steps}


def processes_of(run_folder: str) -> list[str]:
    """The processes that work somewhere below *run_folder*, by their working folder."""
    folders = []
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            folders.append(str(process.readlink()))
    return [folder for folder in folders if run_folder in folder]


def run_folder(home: str) -> str:
    """The temporary folder of a run, of which *home* is a part."""
    return str(Path(home.strip()).parent)


def waiting(meeting: Meeting, *, minutes: str = "5") -> dict[str, str]:
    """A workflow that arrives at *meeting* and then waits for a minute."""
    return {"ci.yml": WAITS.replace("MEETING", str(meeting.path)).replace("MINUTES", minutes)}


async def test_a_dispatched_workflow_runs_to_success(tmp_path: Path) -> None:
    """Conclusion, title, jobs, steps, log, summary and annotation all come from the execution."""
    async with world(tmp_path / "root", {"ci.yml": TWO_JOBS}) as github:
        run = await github.run(head_sha="abc", nonce="n-17")
        shown = await github.get(f"/runs/{run.id}")
        jobs = (await github.get(f"/runs/{run.id}/jobs"))["jobs"]
        log = (await github.download(f"/runs/{run.id}/logs")).read("0_Test.txt").decode()

    assert (shown["status"], shown["conclusion"]) == ("completed", "success")
    assert shown["display_title"] == "CI abc (n-17)"
    assert [(job["name"], job["conclusion"]) for job in jobs] == [
        ("Test", "success"),
        ("after", "success"),
    ]
    assert [(step["name"], step["conclusion"]) for step in jobs[0]["steps"]] == [
        ("Set up job", "success"),
        ("Say it", "success"),
        ('Run test "${{ inputs.level }}" = low', "success"),
        ("Run echo only after a failure", "skipped"),
        ("Complete job", "success"),
    ]
    assert f"level is low at {run.head_sha} on refs/heads/main" in log
    assert run.jobs[0].summary == "## Seven\n"
    [annotation] = run.jobs[0].annotations
    assert (annotation.path, annotation.line, annotation.message) == ("app.py", 7, "seven is wrong")


async def test_a_failing_step_fails_the_run_and_skips_what_needs_it(tmp_path: Path) -> None:
    """The exit status of a step decides, not a script of the simulator."""
    async with world(tmp_path / "root", {"ci.yml": TWO_JOBS}) as github:
        run = await github.run(head_sha="abc", level="high")

    test, after = run.current_jobs
    assert run.conclusion == "failure"
    assert (test.conclusion, after.conclusion) == ("failure", "skipped")
    assert steps_of(test)["Run echo only after a failure"] == "success"


async def test_webhooks_follow_the_run_from_requested_to_completed(tmp_path: Path) -> None:
    """Each change of a run and of a job is announced once, after it happened."""
    async with world(tmp_path / "root", {"ci.yml": TWO_JOBS}) as github:
        run = await github.run(head_sha="abc")
        names = github.webhooks.names()
        last = github.webhooks.seen[-1][1]["workflow_run"]

    assert names == [
        "workflow_run.requested",
        "workflow_job.queued",
        "workflow_run.in_progress",
        "workflow_job.in_progress",
        "workflow_job.completed",
        "workflow_job.queued",
        "workflow_job.in_progress",
        "workflow_job.completed",
        "workflow_run.completed",
    ]
    assert (last["id"], last["conclusion"]) == (run.id, "success")


async def test_a_dispatch_that_github_refuses_starts_nothing(tmp_path: Path) -> None:
    """Status and sentence are GitHub's."""
    unexpected = {"head_sha": "a", "x": "1"}
    many = {f"input-{number}": "1" for number in range(26)}
    refused: list[tuple[str, object, int, str]] = [
        ("none.yml", {"ref": "main"}, 404, "Not Found"),
        ("ci.yml", {"ref": "gone"}, 422, "No ref found for: gone"),
        ("ci.yml", {"ref": "main"}, 422, "Required input 'head_sha' not provided"),
        (
            "ci.yml",
            {"ref": "main", "inputs": unexpected},
            422,
            'Unexpected inputs provided: ["x"]',
        ),
        ("ci.yml", {"inputs": {}}, 422, 'Invalid request.\n\n"ref" wasn\'t supplied.'),
        (
            "ci.yml",
            {"ref": "main", "inputs": many},
            422,
            "Invalid request.\n\nNo more than 25 inputs are allowed.",
        ),
        ("push.yml", {"ref": "main"}, 422, "Workflow does not have 'workflow_dispatch' trigger"),
    ]
    workflows = {"ci.yml": TWO_JOBS, "push.yml": TWO_JOBS.replace("workflow_dispatch:", "push:")}
    async with world(tmp_path / "root", workflows) as github:
        answers = [
            await github.post(f"/workflows/{workflow}/dispatches", body)
            for workflow, body, _, _ in refused
        ]
        runs = list(github.simulator.actions.runs)

    assert [(answer.status_code, answer.json()["message"]) for answer in answers] == [
        (status, message) for _, _, status, message in refused
    ]
    assert runs == []


async def test_a_cancelled_run_tidies_up_and_leaves_no_process(tmp_path: Path) -> None:
    """The step is interrupted, `always()` steps run, background processes are gone."""
    meeting = Meeting(tmp_path)
    async with world(tmp_path / "root", waiting(meeting)) as github:
        run = await github.dispatch()
        home = await meeting.arrive()
        response = await github.post(f"/runs/{run.id}/cancel")
        await github.simulator.actions.wait_until_idle()
        again = await github.post(f"/runs/{run.id}/cancel")

    [job] = run.current_jobs
    assert (response.status_code, again.status_code) == (202, 409)
    assert (run.conclusion, job.conclusion) == ("cancelled", "cancelled")
    assert steps_of(job)["Run echo tidied up"] == "success"
    assert "tidied up" in job.log
    assert processes_of(run_folder(home)) == []


async def test_closing_the_simulator_stops_its_runs(tmp_path: Path) -> None:
    """Whoever leaves the block leaves nothing running."""
    meeting = Meeting(tmp_path)
    async with world(tmp_path / "root", waiting(meeting)) as github:
        run = await github.dispatch()
        home = await meeting.arrive()

    assert run.conclusion == "cancelled"
    assert processes_of(run_folder(home)) == []
    assert not os.path.exists(run_folder(home))  # noqa: PTH110, ASYNC240  # a look, not a wait


async def test_a_job_over_its_time_limit_is_cancelled(tmp_path: Path) -> None:
    """`timeout-minutes` of a job holds, and the log says so."""
    meeting = Meeting(tmp_path)
    async with world(tmp_path / "root", waiting(meeting, minutes="0.02")) as github:
        run = await github.dispatch()
        await meeting.arrive()
        await github.simulator.actions.wait_until_idle()

    [job] = run.current_jobs
    assert job.conclusion == "cancelled"
    assert "exceeded the maximum execution time of 0.02 minutes" in job.log


async def test_a_concurrency_group_keeps_one_run_and_the_newest_waiting(tmp_path: Path) -> None:
    """The run in between is cancelled without ever having begun."""
    meeting = Meeting(tmp_path)
    async with world(tmp_path / "root", waiting(meeting)) as github:
        first = await github.dispatch()
        await meeting.arrive()
        second, third = await github.dispatch(), await github.dispatch()
        before = (first.status, third.status)
        github.simulator.actions.cancel(first)
        await meeting.arrive()
        after = (first.conclusion, second.conclusion, third.status)

    assert before == ("in_progress", "pending")
    assert after == ("cancelled", "cancelled", "in_progress")


async def test_cancel_in_progress_makes_room_for_the_newest(tmp_path: Path) -> None:
    """The running one is cancelled for it."""
    meeting = Meeting(tmp_path)
    async with world(tmp_path / "root", waiting(meeting)) as github:
        first = await github.dispatch()
        await meeting.arrive()
        second = await github.dispatch(now="true")
        await meeting.arrive()
        after = (first.conclusion, second.status)

    assert after == ("cancelled", "in_progress")


async def test_a_rerun_keeps_the_id_and_counts_the_attempt(tmp_path: Path) -> None:
    """The new attempt has jobs of its own; the old ones are still listed on demand."""
    async with world(tmp_path / "root", {"ci.yml": TWO_JOBS}) as github:
        run = await github.run(head_sha="abc")
        response = await github.post(f"/runs/{run.id}/rerun")
        await github.simulator.actions.wait_until_idle()
        shown = await github.get(f"/runs/{run.id}")
        latest = await github.get(f"/runs/{run.id}/jobs")
        everything = await github.get(f"/runs/{run.id}/jobs?filter=all")

    assert response.status_code == 201
    assert (shown["run_attempt"], shown["conclusion"]) == (2, "success")
    assert {job["run_attempt"] for job in latest["jobs"]} == {2}
    assert everything["total_count"] == 4


async def test_runs_are_found_by_event_commit_branch_and_status(tmp_path: Path) -> None:
    """Each filter narrows; a conclusion is accepted where a status is."""
    async with world(tmp_path / "root", {"ci.yml": TWO_JOBS}) as github:
        run = await github.run(head_sha="abc")
        asked = [
            "event=workflow_dispatch",
            f"head_sha={run.head_sha}",
            "branch=main",
            "status=success",
            "status=completed",
            "event=push",
            "status=failure",
            "branch=other",
        ]
        counts = [(await github.get(f"/runs?{query}"))["total_count"] for query in asked]

    assert counts == [1, 1, 1, 1, 1, 0, 0, 0]


async def test_an_action_that_does_not_exist_fails_the_job_in_its_set_up(tmp_path: Path) -> None:
    """Nothing is fetched from anywhere but the simulator."""
    workflow = """
on: workflow_dispatch
jobs:
  test:
    runs-on: ubuntu-latest
    steps: [{uses: nobody/nothing@v1}]
"""
    async with world(tmp_path / "root", {"ci.yml": workflow}) as github:
        run = await github.run()

    assert run.conclusion == "failure"
    assert steps_of(run.current_jobs[0])["Set up job"] == "failure"


async def test_a_workflow_act_cannot_read_is_a_startup_failure(tmp_path: Path) -> None:
    """The reason is kept in the log of the run."""
    workflow = """
on: workflow_dispatch
jobs:
  test: {runs-on: ubuntu-latest, needs: gone, steps: [{run: echo}]}
"""
    async with world(tmp_path / "root", {"ci.yml": workflow}) as github:
        run: Run = await github.run()

    assert run.conclusion == "startup_failure"
    assert run.log != ""
