"""Checks, and which of them a branch requires, as the GraphQL API shows them."""

from __future__ import annotations

from typing import Any

from odyssey.simulator.graphql_connections import Node, Refusal, connection, paging
from odyssey.simulator.graphql_objects import Desk
from odyssey.simulator.ids import node_id
from odyssey.simulator.mergeability import PASSING, latest_check_runs, latest_statuses
from odyssey.simulator.protection import active_rulesets, find_protection, rules_for
from odyssey.simulator.state import App, CheckRun, CommitStatus, Json, Repository

READ_CHECKS = (("checks", "read"),)
READ_STATUSES = (("statuses", "read"),)
_STATUS_CHECKS = "required_status_checks"


def rollup(desk: Desk, repository: Repository, sha: str) -> Node | None:
    """
    The `StatusCheckRollup` of *sha*: the newest check runs and statuses; None without any.
    """
    runs, statuses = latest_check_runs(repository, sha), latest_statuses(repository, sha)
    if not runs and not statuses:
        return None
    desk.need(repository, READ_CHECKS)

    contexts: list[CheckRun | CommitStatus] = [*runs, *statuses]

    def render(one: CheckRun | CommitStatus) -> Node:
        if isinstance(one, CheckRun):
            return _check_run(repository, one)
        desk.need(repository, READ_STATUSES)
        return _status(repository, one)

    return {
        "id": node_id("StatusCheckRollup", sha),
        "state": lambda: _combined(runs, statuses),
        "contexts": connection("contexts", contexts, render),
    }


def branch_rules(repository: Repository, branch: str) -> Node:
    """
    What a `Ref` says about the rules of its branch: classic protection, and those of rulesets.
    """
    protection = find_protection(repository, branch)
    listed = [
        (ruleset.id, number, rule)
        for ruleset in active_rulesets(repository, branch)
        for number, rule in enumerate(ruleset.rules)
    ]

    def rules(orderBy: Node | None = None, **page: Any) -> Node:  # noqa: N803  GitHub's argument
        return connection("rules", listed, lambda one: _rule(*one))(**paging("rules", page))

    return {
        "refUpdateRule": None
        if protection is None
        else {"requiredStatusCheckContexts": [name for name, _ in protection["checks"]]},
        "rules": rules,
    }


def _rule(ruleset: int, number: int, rule: Json) -> Node:
    told = rule.get("parameters") or {}
    parameters: Node | None = None
    if rule["type"] == _STATUS_CHECKS:
        parameters = {
            "__typename": "RequiredStatusChecksParameters",
            "strictRequiredStatusChecksPolicy": bool(
                told.get("strict_required_status_checks_policy")
            ),
            "requiredStatusChecks": [
                {"context": check["context"], "integrationId": check.get("integration_id")}
                for check in told.get(_STATUS_CHECKS, [])
            ],
        }
    return {
        "id": node_id("RepositoryRule", f"{ruleset}:{number}"),
        "type": rule["type"].upper(),
        "parameters": parameters,
    }


def _check_run(repository: Repository, run: CheckRun) -> Node:
    suite = run.suite
    return {
        "__typename": "CheckRun",
        "id": node_id("CheckRun", run.id),
        "databaseId": run.id,
        "name": run.name,
        "status": run.status.upper(),
        "conclusion": run.conclusion.upper() if run.conclusion else None,
        "isRequired": lambda **asked: _is_required(repository, asked, run.name, run.app),
        "checkSuite": {
            "id": node_id("CheckSuite", suite.id),
            "databaseId": suite.id,
            "app": {
                "id": node_id("App", suite.app.app_id),
                "databaseId": suite.app.app_id,
                "name": suite.app.slug,
                "slug": suite.app.slug,
            },
        },
    }


def _status(repository: Repository, status: CommitStatus) -> Node:
    return {
        "__typename": "StatusContext",
        "id": node_id("StatusContext", status.id),
        "context": status.context,
        "state": status.state.upper(),
        "description": status.description,
        "isRequired": lambda **asked: _is_required(repository, asked, status.context, status.app),
    }


def _is_required(repository: Repository, asked: dict[str, Any], name: str, app: App | None) -> bool:
    pull = repository.pulls.get(asked.get("pullRequestNumber") or 0)
    if pull is None:
        raise Refusal("NOT_FOUND", "Please provide either a pull request ID or number")
    return any(
        check.context == name and check.app_id in (None, app.app_id if app else None)
        for check in rules_for(repository, pull.base_branch).checks
    )


def _combined(runs: list[CheckRun], statuses: list[CommitStatus]) -> str:
    states = {status.state for status in statuses}
    if states & {"failure", "error"} or any(
        run.conclusion is not None and run.conclusion not in PASSING for run in runs
    ):
        return "FAILURE"
    is_pending = "pending" in states or any(run.conclusion is None for run in runs)
    return "PENDING" if is_pending else "SUCCESS"
