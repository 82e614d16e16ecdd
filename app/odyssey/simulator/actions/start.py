"""How a run comes to be: which workflow at which commit, with which inputs, under which name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from odyssey.simulator.actions import git_reads
from odyssey.simulator.actions.executor import JobKey
from odyssey.simulator.actions.expressions import (
    Contexts,
    ExpressionInvalid,
    as_text,
    interpolate,
)
from odyssey.simulator.actions.state import Run, Workflow
from odyssey.simulator.actions.workflow import (
    DEFAULT_TIMEOUT_MINUTES,
    InputDefinition,
    JobDefinition,
    WorkflowFile,
    WorkflowInvalid,
    parse_workflow,
)
from odyssey.simulator.errors import ApiError
from odyssey.simulator.state import Repository, User

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

MOST_INPUTS = 25  # https://docs.github.com/en/rest/actions/workflows
LONGEST_INPUTS = 65_535  # characters of JSON; the same page


async def refresh_workflows(
    simulator: Simulator, known: dict[int, Workflow], repository: Repository
) -> list[Workflow]:
    """The workflows on the default branch of *repository*; new ones are added to *known*."""
    head = await git_reads.find_ref(repository.git_dir, f"refs/heads/{repository.default_branch}")
    found = []
    for path in await git_reads.list_workflow_paths(repository.git_dir, head[1]) if head else ():
        text = await git_reads.find_file(repository.git_dir, head[1], path) if head else None
        try:
            name = parse_workflow(path, text or "").name
        except WorkflowInvalid:
            name = path  # GitHub lists a broken workflow by its path
        workflow = _known_or_new(simulator, known, repository, path)
        if workflow.name != name:
            workflow.name, workflow.updated_at = name, simulator.clock()
        found.append(workflow)
    return found


def _known_or_new(
    simulator: Simulator, known: dict[int, Workflow], repository: Repository, path: str
) -> Workflow:
    for workflow in known.values():
        if workflow.repository.id == repository.id and workflow.path == path:
            return workflow
    now = simulator.clock()
    workflow = Workflow(simulator.ids.next("workflow"), repository, path, path, now, now)
    known[workflow.id] = workflow
    return workflow


async def new_dispatch_run(
    simulator: Simulator,
    repository: Repository,
    workflow: Workflow,
    ref: str,
    inputs: Mapping[str, object],
    *,
    actor: User,
) -> Run:
    """
    A run of *workflow* as it stands at *ref*, not begun yet.

    Raises:
        ApiError: 422 with GitHub's sentence.
    """
    found = await git_reads.find_ref(repository.git_dir, ref)
    if found is None:
        raise ApiError(422, f"No ref found for: {ref}")
    full_ref, head_sha = found
    text = await git_reads.find_file(repository.git_dir, head_sha, workflow.path)
    if text is None:
        raise ApiError(422, f"Workflow file '{workflow.path}' does not exist on '{ref}'")
    try:
        file = parse_workflow(workflow.path, text)
    except WorkflowInvalid as error:
        raise ApiError(422, f"Failed to parse workflow: {error}") from error
    if "workflow_dispatch" not in file.triggers:
        raise ApiError(422, "Workflow does not have 'workflow_dispatch' trigger")
    given = check_inputs(file.inputs, inputs)
    head_commit = await git_reads.read_head_commit(repository.git_dir, head_sha)

    workflow.last_run_number += 1
    now = simulator.clock()
    run = Run(
        id=simulator.ids.next("run"),
        repository=repository,
        workflow=workflow,
        file=file,
        definitions=[],
        run_number=workflow.last_run_number,
        event="workflow_dispatch",
        ref=full_ref,
        head_sha=head_sha,
        head_commit=head_commit,
        display_title=file.name,
        actor=actor,
        triggering_actor=actor,
        inputs=given,
        check_suite_id=simulator.ids.next("check_suite"),
        created_at=now,
        updated_at=now,
        run_started_at=now,
    )
    _evaluate(run, file)
    return run


def _evaluate(run: Run, file: WorkflowFile) -> None:
    contexts = _contexts(run)
    try:
        run.definitions = file.expand_jobs(contexts)
        if file.run_name:
            run.display_title = interpolate(file.run_name, contexts).strip() or file.name
        if file.concurrency:
            run.group = interpolate(file.concurrency.group, contexts)
            answer = interpolate(file.concurrency.cancel_in_progress, contexts)
            run.cancels_in_progress = answer == "true"
    except ExpressionInvalid as error:
        raise ApiError(422, f"Failed to parse workflow: {file.path}: {error}") from error


def check_inputs(
    definitions: tuple[InputDefinition, ...], given: Mapping[str, object]
) -> dict[str, str]:
    """
    The inputs a run gets: what was *given*, and the defaults of the rest.

    Raises:
        ApiError: 422 for an unknown input, a required one that is missing, a wrong choice.
    """
    if len(given) > MOST_INPUTS:
        raise ApiError(422, f"Invalid request.\n\nNo more than {MOST_INPUTS} inputs are allowed.")
    if len(json.dumps(given)) > LONGEST_INPUTS:
        raise ApiError(422, "inputs are too large.")
    unexpected = [name for name in given if name not in {d.name for d in definitions}]
    if unexpected:
        raise ApiError(422, f"Unexpected inputs provided: {json.dumps(unexpected)}")
    inputs: dict[str, str] = {}
    for definition in definitions:
        value = as_text(given[definition.name]) if definition.name in given else ""
        if not value and definition.is_required and not definition.default:
            raise ApiError(422, f"Required input '{definition.name}' not provided")
        value = value if definition.name in given else definition.default
        if definition.kind == "choice" and value and value not in definition.options:
            raise ApiError(
                422,
                f"Provided value '{value}' for input '{definition.name}' not in the list of "
                "allowed values",
            )
        if definition.kind == "boolean" and value.lower() not in ("", "true", "false"):
            raise ApiError(422, f"Input '{definition.name}' must be a boolean, not '{value}'")
        inputs[definition.name] = value
    return inputs


def definition_for(run: Run, key: JobKey, name: str) -> JobDefinition:
    """The definition of job *key* of *run*; made up from *name* when the file has none."""
    for definition in run.definitions:
        if definition.key == key:
            return definition
    matrix: dict[str, Any] = json.loads(key[1])
    return JobDefinition(key[0], name, matrix, (), (), DEFAULT_TIMEOUT_MINUTES, ())


def _contexts(run: Run) -> Contexts:
    kinds = {definition.name: definition.kind for definition in run.file.inputs}
    typed: dict[str, Any] = {
        name: value.lower() == "true" if kinds[name] == "boolean" else value
        for name, value in run.inputs.items()
    }
    return {
        "inputs": typed,
        "vars": {},
        "github": {
            "event_name": run.event,
            "event": {"inputs": dict(run.inputs), "ref": run.ref},
            "ref": run.ref,
            "ref_name": run.head_branch,
            "sha": run.head_sha,
            "actor": run.actor.login,
            "triggering_actor": run.triggering_actor.login,
            "repository": run.repository.full_name,
            "repository_owner": run.repository.owner.login,
            "run_id": float(run.id),
            "run_number": float(run.run_number),
            "run_attempt": float(run.run_attempt),
            "workflow": run.file.name,
        },
    }
