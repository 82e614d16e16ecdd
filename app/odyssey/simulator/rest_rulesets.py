"""Repository rulesets, and the rules that hold for one branch."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.ids import node_id, timestamp
from odyssey.simulator.pagination import paged
from odyssey.simulator.protection import active_rulesets
from odyssey.simulator.state import Json, Ruleset
from odyssey.simulator.views_repositories import repository_page, repository_url

router = APIRouter()
Reads = Annotated[Scope, Depends(access("metadata", "read"))]
Administers = Annotated[Scope, Depends(access("administration", "write"))]
Sent = Annotated[Fields, Depends(fields_of)]
_RULESETS = "/repos/{owner}/{repo}/rulesets"
# The rules that are enforced; GitHub has 23: https://docs.github.com/rest/repos/rules
ENFORCED = (
    "creation", "update", "deletion", "required_linear_history", "pull_request",
    "required_status_checks", "non_fast_forward",
)  # fmt: skip


@router.get("/repos/{owner}/{repo}/rules/branches/{branch:path}")
async def get_branch_rules(branch: str, scope: Reads) -> Response:
    """Get the active rules of a branch, from all its rulesets."""
    rules = [
        {
            **rule,
            "ruleset_source_type": "Repository",
            "ruleset_source": scope.repository.full_name,
            "ruleset_id": ruleset.id,
        }
        for ruleset in active_rulesets(scope.repository, branch)
        for rule in ruleset.rules
    ]
    return paged(scope.request, rules, lambda rule: rule)


@router.get(_RULESETS)
async def list_rulesets(scope: Reads) -> Response:
    """Get all repository rulesets, without their rules."""
    return paged(
        scope.request, list(scope.repository.rulesets.values()), lambda r: _short(scope, r)
    )


@router.post(_RULESETS)
async def create_ruleset(scope: Administers, sent: Sent) -> Response:
    """Create a repository ruleset."""
    now = scope.simulator.clock()
    ruleset = Ruleset(
        id=scope.simulator.ids.next("ruleset"),
        name=sent.text("name"),
        target=sent.choice("target", ("branch", "tag", "push"), default="branch"),
        enforcement=sent.choice("enforcement", ("disabled", "active", "evaluate")),
        rules=_rules(sent),
        conditions=sent.find_object("conditions") or {},
        bypass_actors=sent.find_list("bypass_actors") or [],
        created_at=now,
        updated_at=now,
    )
    scope.repository.rulesets[ruleset.id] = ruleset
    return JSONResponse(_shown(scope, ruleset), status_code=201)


@router.get(_RULESETS + "/{ruleset_id}")
async def get_ruleset(scope: Reads) -> Response:
    """Get a repository ruleset."""
    return JSONResponse(_shown(scope, _ruleset(scope)))


@router.put(_RULESETS + "/{ruleset_id}")
async def update_ruleset(scope: Administers, sent: Sent) -> Response:
    """Update a repository ruleset: what is sent replaces what was there."""
    ruleset = _ruleset(scope)
    ruleset.name = sent.find_text("name") or ruleset.name
    ruleset.enforcement = sent.choice(
        "enforcement", ("disabled", "active", "evaluate"), default=ruleset.enforcement
    )
    if "rules" in sent:
        ruleset.rules = _rules(sent)
    ruleset.conditions = sent.find_object("conditions") or ruleset.conditions
    if "bypass_actors" in sent:
        ruleset.bypass_actors = sent.find_list("bypass_actors") or []
    ruleset.updated_at = scope.simulator.clock()
    return JSONResponse(_shown(scope, ruleset))


@router.delete(_RULESETS + "/{ruleset_id}")
async def delete_ruleset(scope: Administers) -> Response:
    """Delete a repository ruleset."""
    del scope.repository.rulesets[_ruleset(scope).id]
    return Response(status_code=204)


def _ruleset(scope: Scope) -> Ruleset:
    found = scope.repository.rulesets.get(scope.number("ruleset_id"))
    if found is None:
        raise not_found()
    return found


def _rules(sent: Fields) -> list[Json]:
    rules: list[Json] = sent.find_list("rules") or []
    for rule in rules:
        kind = Fields(rule).text("type")
        if kind not in ENFORCED:
            raise ApiError(501, f"the rule {kind} is not built in the simulator")
    return rules


def _short(scope: Scope, ruleset: Ruleset) -> Json:
    url = f"{repository_url(scope.simulator, scope.repository)}/rulesets/{ruleset.id}"
    page = f"{repository_page(scope.simulator, scope.repository)}/rules/{ruleset.id}"
    return {
        "id": ruleset.id,
        "name": ruleset.name,
        "target": ruleset.target,
        "source_type": "Repository",
        "source": scope.repository.full_name,
        "enforcement": ruleset.enforcement,
        "node_id": node_id("RepositoryRuleset", ruleset.id),
        "_links": {"self": {"href": url}, "html": {"href": page}},
        "created_at": timestamp(ruleset.created_at),
        "updated_at": timestamp(ruleset.updated_at),
    }


def _shown(scope: Scope, ruleset: Ruleset) -> Json:
    shown = _short(scope, ruleset) | {
        "conditions": ruleset.conditions,
        "rules": ruleset.rules,
    }
    # Only those who may change a ruleset see who may go round it.
    if scope.caller.has(scope.repository, "administration", "write"):
        shown["bypass_actors"] = ruleset.bypass_actors
    return shown
