"""
Workflow files: what `.github/workflows/*.yml` says, read as GitHub reads it before running it.

Only what the service decides is read here (triggers, inputs, run-name, permissions, concurrency,
jobs and the names of their steps); everything inside a job is act's business.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from odyssey.simulator.actions.expressions import Contexts, ExpressionInvalid, as_text, interpolate

WORKFLOW_FOLDER = ".github/workflows"
DEFAULT_TIMEOUT_MINUTES = 360.0  # https://docs.github.com/actions/reference/limits

Access = Literal["read", "write", "none"]


class WorkflowInvalid(ValueError):
    """The workflow file cannot be run; the message is what GitHub would show."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's booleans: `on` is a word, as GitHub reads it, not True."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True, slots=True)
class InputDefinition:
    """One input of `workflow_dispatch`."""

    name: str
    is_required: bool
    default: str
    kind: str  # string | choice | boolean | number | environment
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """One step of a job: the key act reports it by, and the name GitHub shows."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """One job of a workflow file, one for each combination of its matrix."""

    id: str
    name: str
    matrix: Mapping[str, Any]
    labels: tuple[str, ...]
    needs: tuple[str, ...]
    timeout_minutes: float
    steps: tuple[StepDefinition, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What act's lines carry to tell jobs apart: the job's id and its matrix values."""
        return job_key(self.id, self.matrix)


@dataclass(frozen=True, slots=True)
class Concurrency:
    """The `concurrency` of a workflow, its expressions not yet evaluated."""

    group: str
    cancel_in_progress: str


@dataclass(frozen=True, slots=True)
class WorkflowFile:
    """A parsed workflow file at one commit."""

    path: str
    name: str
    run_name: str | None
    triggers: Mapping[str, Any]
    inputs: tuple[InputDefinition, ...]
    permissions: Mapping[str, Access]
    concurrency: Concurrency | None
    jobs: Mapping[str, Any]

    def expand_jobs(self, contexts: Contexts) -> list[JobDefinition]:
        """The jobs with their names and matrices worked out; reusable workflows are left out."""
        return [
            job
            for job_id, given in self.jobs.items()
            if "uses" not in given
            for job in _expand(job_id, given, contexts)
        ]


def job_key(job_id: str, matrix: Mapping[str, Any]) -> tuple[str, str]:
    """The identity of a job within a run."""
    return job_id, json.dumps(matrix, sort_keys=True)


def parse_workflow(path: str, text: str) -> WorkflowFile:
    """
    The workflow that *text*, found at *path*, describes.

    Raises:
        WorkflowInvalid: not YAML, no `on`, no jobs, or a part of the wrong shape.
    """
    try:
        given = yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader with YAML 1.2 booleans
    except yaml.YAMLError as error:
        raise WorkflowInvalid(f"{path}: not valid YAML: {error}") from error
    if not isinstance(given, dict):
        raise WorkflowInvalid(f"{path}: a workflow must be a mapping")
    jobs = given.get("jobs")
    if (
        not isinstance(jobs, dict)
        or not jobs
        or not all(isinstance(j, dict) for j in jobs.values())
    ):
        raise WorkflowInvalid(f"{path}: no jobs defined in `jobs`")
    triggers = _triggers(path, given.get("on"))
    return WorkflowFile(
        path=path,
        name=as_text(given.get("name")) or path,
        run_name=as_text(given.get("run-name")) or None,
        triggers=triggers,
        inputs=_inputs(path, triggers.get("workflow_dispatch")),
        permissions=_permissions(given, jobs),
        concurrency=_concurrency(given.get("concurrency")),
        jobs=jobs,
    )


def _triggers(path: str, given: Any) -> dict[str, Any]:
    match given:
        case str():
            return {given: None}
        case list():
            return {str(event): None for event in given}
        case dict():
            return {str(event): detail for event, detail in given.items()}
        case _:
            raise WorkflowInvalid(f"{path}: no event triggers defined in `on`")


def _inputs(path: str, dispatch: Any) -> tuple[InputDefinition, ...]:
    given = dispatch.get("inputs") if isinstance(dispatch, dict) else None
    if given is None:
        return ()
    if not isinstance(given, dict):
        raise WorkflowInvalid(f"{path}: `on.workflow_dispatch.inputs` must be a mapping")
    return tuple(
        InputDefinition(
            name=str(name),
            is_required=bool((detail or {}).get("required", False)),
            default=as_text((detail or {}).get("default")),
            kind=str((detail or {}).get("type", "string")),
            options=tuple(as_text(option) for option in (detail or {}).get("options") or ()),
        )
        for name, detail in given.items()
    )


def _permissions(given: Mapping[str, Any], jobs: Mapping[str, Any]) -> Mapping[str, Access]:
    # act knows one token for a whole run: jobs that ask for more each get the union.
    asked = [given["permissions"]] if "permissions" in given else []
    asked += [job["permissions"] for job in jobs.values() if "permissions" in job]
    if not asked:
        return {"contents": "read", "packages": "read"}  # the default of a new repository
    merged: dict[str, Access] = {}
    for permissions in asked:
        for name, access in _spelled_out(permissions).items():
            if merged.get(name) != "write":
                merged[name] = access
    return {name: access for name, access in merged.items() if access != "none"}


_EVERY_PERMISSION = (
    "actions", "attestations", "checks", "contents", "deployments", "discussions", "issues",
    "packages", "pages", "pull_requests", "security_events", "statuses",
)  # fmt: skip


def _spelled_out(permissions: Any) -> dict[str, Access]:
    match permissions:
        case "read-all":
            return dict.fromkeys(_EVERY_PERMISSION, "read")
        case "write-all":
            return dict.fromkeys(_EVERY_PERMISSION, "write")
        case dict():
            return {str(name).replace("-", "_"): access for name, access in permissions.items()}
        case _:
            return {}


def _concurrency(given: Any) -> Concurrency | None:
    match given:
        case None:
            return None
        case dict():
            return Concurrency(
                as_text(given.get("group")), as_text(given.get("cancel-in-progress", False))
            )
        case _:
            return Concurrency(as_text(given), "false")


def _expand(job_id: str, given: Mapping[str, Any], contexts: Contexts) -> list[JobDefinition]:
    steps = tuple(
        StepDefinition(str(step.get("id") or index), _step_name(step))
        for index, step in enumerate(given.get("steps") or ())
        if isinstance(step, dict)
    )
    needs = given.get("needs") or ()
    jobs = []
    for matrix in _matrix(given):
        local = {**contexts, "matrix": matrix}
        template = as_text(given.get("name"))
        name = _interpolate_or_keep(template, local) if template else job_id
        if matrix and "matrix." not in template:
            name += f" ({', '.join(as_text(value) for value in matrix.values())})"
        labels = given.get("runs-on") or ()
        jobs.append(
            JobDefinition(
                id=job_id,
                name=name,
                matrix=matrix,
                labels=tuple(_interpolate_or_keep(label, local) for label in _labels(labels)),
                needs=(needs,) if isinstance(needs, str) else tuple(needs),
                timeout_minutes=_minutes(given.get("timeout-minutes")),
                steps=steps,
            )
        )
    return jobs


def _matrix(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    strategy = given.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, dict) else None
    if not isinstance(matrix, dict):
        return [{}]
    axes = {k: v for k, v in matrix.items() if k not in ("include", "exclude")}
    if not axes or not all(isinstance(values, list) for values in axes.values()):
        return [{}]
    excluded = matrix.get("exclude") or []
    return [
        combination
        for values in itertools.product(*axes.values())
        if (combination := dict(zip(axes, values, strict=True)))
        and not any(rule.items() <= combination.items() for rule in excluded)
    ]


def _labels(given: Any) -> Sequence[str]:
    match given:
        case str():
            return (given,)
        case dict():
            return _labels(given.get("labels") or ())
        case _:
            return tuple(as_text(label) for label in given)


def _minutes(given: Any) -> float:
    return float(given) if isinstance(given, int | float) else DEFAULT_TIMEOUT_MINUTES


def _step_name(step: Mapping[str, Any]) -> str:
    if "name" in step:
        return as_text(step["name"])
    shown = as_text(step.get("uses")) or (as_text(step.get("run")).strip().splitlines() or [""])[0]
    return f"Run {shown}"


def _interpolate_or_keep(text: str, contexts: Contexts) -> str:
    try:
        return interpolate(text, contexts)
    except ExpressionInvalid:
        return text  # a name that needs a running job (needs., steps.) stays as written
