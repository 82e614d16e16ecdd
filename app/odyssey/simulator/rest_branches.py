"""Branches and their classic protection."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Scope, access
from odyssey.simulator.errors import ApiError
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.pagination import paged
from odyssey.simulator.protection import classic_protection, find_protection, rules_for
from odyssey.simulator.state import Json
from odyssey.simulator.views_git import commit_view
from odyssey.simulator.views_repositories import repository_page, repository_url

router = APIRouter()
Reads = Annotated[Scope, Depends(access("contents", "read"))]
Administers = Annotated[Scope, Depends(access("administration", "write"))]
ReadsRules = Annotated[Scope, Depends(access("administration", "read"))]
Sent = Annotated[Fields, Depends(fields_of)]
_BRANCH = "/repos/{owner}/{repo}/branches/{branch:path}"


@router.get("/repos/{owner}/{repo}/branches")
async def list_branches(scope: Reads) -> Response:
    """List branches."""
    asked = scope.request.query_params.get("protected")
    found = [
        (ref.removeprefix("refs/heads/"), sha)
        for ref, sha in scope.simulator.git(scope.repository).refs().items()
    ]
    if asked is not None:
        wanted = asked == "true"
        found = [(n, s) for n, s in found if rules_for(scope.repository, n).is_protected == wanted]
    return paged(scope.request, found, lambda pair: _short(scope, *pair))


@router.get(_BRANCH + "/protection")
async def get_protection(branch: str, scope: ReadsRules) -> Response:
    """Get branch protection; 404 where only rulesets hold."""
    _existing(scope, branch)
    protection = find_protection(scope.repository, branch)
    if protection is None:
        raise ApiError(404, "Branch not protected")
    return JSONResponse(_protection_view(scope, branch, protection))


@router.put(_BRANCH + "/protection")
async def put_protection(branch: str, scope: Administers, sent: Sent) -> Response:
    """Update branch protection."""
    _existing(scope, branch)
    checks = sent.find_object("required_status_checks")
    reviews = sent.find_object("required_pull_request_reviews")
    required: list[tuple[str, int | None]] = []
    if checks is not None:
        required += [(str(name), None) for name in checks.get("contexts") or []]
        required += [(c["context"], c.get("app_id")) for c in checks.get("checks") or []]
    protection = classic_protection(
        approvals=(
            None if reviews is None else int(reviews.get("required_approving_review_count", 1))
        ),
        dismiss_stale=bool(reviews and reviews.get("dismiss_stale_reviews")),
        last_push_approval=bool(reviews and reviews.get("require_last_push_approval")),
        checks=required,
        strict=bool(checks and checks.get("strict")),
        conversation_resolution=sent.flag("required_conversation_resolution"),
        linear_history=sent.flag("required_linear_history"),
        enforce_admins=sent.flag("enforce_admins"),
        allow_force_pushes=sent.flag("allow_force_pushes"),
        allow_deletions=sent.flag("allow_deletions"),
    )
    scope.repository.protections[branch] = protection
    return JSONResponse(_protection_view(scope, branch, protection))


@router.delete(_BRANCH + "/protection")
async def delete_protection(branch: str, scope: Administers) -> Response:
    """Delete branch protection."""
    if scope.repository.protections.pop(branch, None) is None:
        raise ApiError(404, "Branch not protected")
    return Response(status_code=204)


@router.get(_BRANCH)
async def get_branch(branch: str, scope: Reads) -> Response:
    """Get a branch."""
    sha = _existing(scope, branch)
    base = repository_url(scope.simulator, scope.repository)
    url = f"{base}/branches/{branch}"
    commit = scope.simulator.git(scope.repository).commit(sha)
    body = {
        "name": branch,
        "commit": commit_view(scope.simulator, scope.repository, commit),
        "_links": {
            "self": url,
            "html": f"{repository_page(scope.simulator, scope.repository)}/tree/{branch}",
        },
        **_protected(scope, branch),
    }
    return JSONResponse(body)


def _existing(scope: Scope, branch: str) -> str:
    sha = scope.simulator.git(scope.repository).find_ref(f"refs/heads/{branch}")
    if sha is None:
        raise ApiError(404, "Branch not found")
    return sha


def _short(scope: Scope, branch: str, sha: str) -> Json:
    base = repository_url(scope.simulator, scope.repository)
    return {
        "name": branch,
        "commit": {"sha": sha, "url": f"{base}/commits/{sha}"},
        **_protected(scope, branch),
    }


def _protected(scope: Scope, branch: str) -> Json:
    rules = rules_for(scope.repository, branch)
    protection = find_protection(scope.repository, branch)
    checks = protection["checks"] if protection else []
    base = repository_url(scope.simulator, scope.repository)
    return {
        "protected": rules.is_protected,
        "protection": {
            "enabled": protection is not None,
            "required_status_checks": {
                "enforcement_level": "non_admins" if checks else "off",
                "contexts": [name for name, _ in checks],
                "checks": [{"context": name, "app_id": app_id} for name, app_id in checks],
            },
        },
        "protection_url": f"{base}/branches/{branch}/protection",
    }


def _protection_view(scope: Scope, branch: str, protection: Json) -> Json:
    base = repository_url(scope.simulator, scope.repository)
    url = f"{base}/branches/{branch}/protection"
    shown: dict[str, Any] = {
        "url": url,
        "enforce_admins": {
            "url": f"{url}/enforce_admins",
            "enabled": protection["enforce_admins"],
        },
        "required_signatures": {"url": f"{url}/required_signatures", "enabled": False},
        "required_linear_history": {"enabled": protection["linear_history"]},
        "allow_force_pushes": {"enabled": protection["allow_force_pushes"]},
        "allow_deletions": {"enabled": protection["allow_deletions"]},
        "block_creations": {"enabled": False},
        "required_conversation_resolution": {"enabled": protection["conversation_resolution"]},
        "lock_branch": {"enabled": False},
        "allow_fork_syncing": {"enabled": False},
    }
    if protection["checks"]:
        shown["required_status_checks"] = {
            "url": f"{url}/required_status_checks",
            "strict": protection["strict"],
            "contexts": [name for name, _ in protection["checks"]],
            "contexts_url": f"{url}/required_status_checks/contexts",
            "checks": [
                {"context": name, "app_id": app_id} for name, app_id in protection["checks"]
            ],
        }
    if protection["approvals"] is not None:
        shown["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": protection["dismiss_stale"],
            "require_code_owner_reviews": False,
            "require_last_push_approval": protection["last_push_approval"],
            "required_approving_review_count": protection["approvals"],
        }
    return shown
