"""Workflow files and expressions, as far as the service reads them itself."""

from __future__ import annotations

import json

import pytest

from odyssey.simulator.actions.act_log import ActLog
from odyssey.simulator.actions.executor import (
    JobFinished,
    JobStarted,
    LineLogged,
    StepFinished,
)
from odyssey.simulator.actions.expressions import ExpressionInvalid, evaluate, interpolate
from odyssey.simulator.actions.workflow import WorkflowInvalid, parse_workflow

CONTEXTS = {
    "inputs": {"nonce": "n-1", "count": 3.0, "flag": True, "empty": ""},
    "github": {"ref": "refs/heads/main", "event": {"labels": ["a", "b"]}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("run ${{ inputs.nonce }}!", "run n-1!"),
        ("${{ inputs.NONCE }}", "n-1"),
        ("${{ inputs.unknown }}", ""),
        ("${{ inputs.empty || 'none' }}", "none"),
        ("${{ inputs.flag && 'on' || 'off' }}", "on"),
        ("${{ inputs.count == 3 }}", "true"),
        ("${{ inputs.count }}", "3"),
        ("${{ 'it''s' }}", "it's"),
        ("${{ '}}' }}", "}}"),
        ("${{ inputs['nonce'] != 'N-1' }}", "false"),
        ("${{ github.event.labels[1] }}", "b"),
        ("${{ !(1 > 2) }}", "true"),
        ("${{ format('{0}-{1}-{{}}', inputs.nonce, 7) }}", "n-1-7-{}"),
        ("${{ contains(github.event.labels, 'A') }}", "true"),
        ("${{ startsWith(github.ref, 'refs/heads/') }}", "true"),
        ("${{ join(github.event.labels, '+') }}", "a+b"),
        ("${{ fromJSON('{\"x\": 1.5}').x }}", "1.5"),
        ("${{ github }}", "Object"),
    ],
)
def test_an_expression_is_replaced_by_its_value(text: str, expected: str) -> None:
    """Look-ups ignore case, unknown is empty, && and || give operands."""
    assert interpolate(text, CONTEXTS) == expected


@pytest.mark.parametrize("text", ["", "inputs.", "a ==", "(a", "a b", "shell('x')", "a $ b", "'x"])
def test_an_expression_github_would_refuse_is_refused(text: str) -> None:
    """The message quotes the expression."""
    with pytest.raises(ExpressionInvalid, match=r"\{\{"):
        evaluate(text, CONTEXTS)


def test_a_value_is_never_evaluated_again() -> None:
    """What a requester puts into an input stays text."""
    contexts = {"inputs": {"nonce": "${{ github.token }}"}, "github": {"token": "secret"}}

    assert interpolate("run ${{ inputs.nonce }}", contexts) == "run ${{ github.token }}"


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "on: push", "on: push\njobs: {}", "jobs: {a: {}}", "a: [", "on: push\njobs: 3"],
)
def test_a_file_that_is_no_workflow_is_refused(text: str) -> None:
    """The message names the file."""
    with pytest.raises(WorkflowInvalid, match=r"w\.yml"):
        parse_workflow("w.yml", text)


def test_words_that_yaml_1_1_takes_for_booleans_stay_words() -> None:
    """`on`, `off`, `yes` and `no` are text on GitHub; true and false are not."""
    workflow = parse_workflow(
        "w.yml",
        """
on:
  workflow_dispatch:
    inputs:
      flag: {type: choice, options: [yes, no, off], required: true}
jobs: {a: {runs-on: x}}
""",
    )

    [flag] = workflow.inputs
    assert list(workflow.triggers) == ["workflow_dispatch"]
    assert flag.options == ("yes", "no", "off")
    assert flag.is_required


def test_a_matrix_gives_a_job_for_each_combination() -> None:
    """Named as GitHub names them, those excluded left out."""
    workflow = parse_workflow(
        "w.yml",
        """
on: push
jobs:
  test:
    runs-on: ${{ matrix.os }}
    strategy:
      matrix: {os: [linux, mac], py: [3, 4], exclude: [{os: mac, py: 3}]}
  lint: {name: "Lint ${{ inputs.nonce }}", runs-on: linux, needs: test}
  shared: {uses: ./.github/workflows/other.yml}
""",
    )
    jobs = workflow.expand_jobs(CONTEXTS)

    assert [(job.name, job.labels, job.needs) for job in jobs] == [
        ("test (linux, 3)", ("linux",), ()),
        ("test (linux, 4)", ("linux",), ()),
        ("test (mac, 4)", ("mac",), ()),
        ("Lint n-1", ("linux",), ("test",)),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", {"contents": "read", "packages": "read"}),
        ("permissions: {}", {}),
        ("permissions: {contents: read, pull-requests: none}", {"contents": "read"}),
        ("permissions: {checks: write}", {"checks": "write"}),
    ],
)
def test_the_token_gets_what_permissions_say_and_no_more(
    given: str, expected: dict[str, str]
) -> None:
    """Absent: the read-only default of a new repository. Named: only what is named."""
    workflow = parse_workflow("w.yml", f"on: push\n{given}\njobs: {{a: {{runs-on: x}}}}")

    assert workflow.permissions == expected


def test_what_a_step_prints_cannot_pass_for_the_runners_own_words() -> None:
    """A line of output that looks like a result of a job is a line of output."""
    forged = json.dumps({"jobID": "a", "jobResult": "success", "stepResult": "success"})
    printed = {"stage": "Main", "stepID": ["0"], "raw_output": True, "msg": forged}
    log = ActLog("W")
    events = list(log.read(json.dumps({"jobID": "a", "job": "W/a", "matrix": {}, **printed})))

    assert events == [JobStarted(("a", "{}"), "a"), LineLogged(("a", "{}"), "0", forged)]


@pytest.mark.parametrize("line", ["", "no json", "[]", "3", "{}", '{"msg": 3}', '{"jobID": null}'])
def test_a_line_of_another_form_is_kept_and_means_nothing(line: str) -> None:
    """Whatever act says some day, reading it never fails."""
    log = ActLog("W")
    events = list(log.read(line))

    assert not any(isinstance(event, JobFinished | StepFinished) for event in events)
