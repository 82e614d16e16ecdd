"""Repositories, collaborators, users and the rate limit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Caller, Scope, access, caller_of, simulator_of
from odyssey.simulator.errors import ApiError, forbidden, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.pagination import paged
from odyssey.simulator.permissions import ROLES, legacy_permission, role_of
from odyssey.simulator.state import Json, Repository, User
from odyssey.simulator.views_accounts import private_user, public_user, simple_user
from odyssey.simulator.views_repositories import full_repository, permissions_of

router = APIRouter()
Called = Annotated[Caller, Depends(caller_of)]
Sent = Annotated[Fields, Depends(fields_of)]
Reads = Annotated[Scope, Depends(access("metadata", "read"))]
Administers = Annotated[Scope, Depends(access("administration", "write"))]
_SETTINGS = (
    "allow_merge_commit", "allow_squash_merge", "allow_rebase_merge", "delete_branch_on_merge",
    "archived", "private",
)  # fmt: skip
_ROLE_NAMES = {"pull": "read", "push": "write"}


@router.get("/user")
async def get_user(caller: Called, request: Request) -> Response:
    """Get the authenticated user."""
    if caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    if caller.kind != "user":
        raise forbidden()
    return JSONResponse(private_user(simulator_of(request), caller.actor))


@router.get("/users/{username}")
async def get_user_by_name(username: str, request: Request) -> Response:
    """Get a user."""
    simulator = simulator_of(request)
    return JSONResponse(public_user(simulator, _user(request, username)))


@router.get("/rate_limit")
async def get_rate_limit(caller: Called, request: Request) -> Response:
    """Get rate limit status; asking is free. Version 2026-03-10 has no `rate` here."""
    simulator = simulator_of(request)
    shown: Json = {}
    for resource in ("core", "graphql", "search"):
        allowance = simulator.limits.of(caller, resource, simulator.clock())
        shown[resource] = {
            "limit": allowance.limit,
            "used": allowance.used,
            "remaining": allowance.limit - allowance.used,
            "reset": int(allowance.reset_at.timestamp()),
        }
    return JSONResponse({"resources": shown})


@router.get("/repos/{owner}/{repo}")
async def get_repository(scope: Reads) -> Response:
    """Get a repository."""
    return JSONResponse(full_repository(scope.simulator, scope.repository, scope.caller.user))


@router.patch("/repos/{owner}/{repo}")
async def update_repository(scope: Administers, sent: Sent) -> Response:
    """Update the merge settings, the default branch or the archived flag."""
    for name in _SETTINGS:
        chosen = sent.find_flag(name)
        if chosen is not None:
            setattr(scope.repository, name, chosen)
    branch = sent.find_text("default_branch")
    if branch is not None:
        git = scope.simulator.git(scope.repository)
        if git.find_ref(f"refs/heads/{branch}") is None:
            raise ApiError(422, f"The branch {branch} was not found.")
        scope.repository.default_branch = branch
        git.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    return JSONResponse(full_repository(scope.simulator, scope.repository, scope.caller.user))


@router.get("/repos/{owner}/{repo}/collaborators/{username}/permission")
async def get_permission(username: str, scope: Reads) -> Response:
    """Get repository permissions for a user; `none` for somebody without any."""
    user = _user(scope.request, username)
    role = role_of(user, scope.repository)
    body = {
        "permission": legacy_permission(role),
        "role_name": role,
        "user": _collaborator(scope, user),
    }
    return JSONResponse(body)


@router.get("/repos/{owner}/{repo}/collaborators")
async def list_collaborators(scope: Reads) -> Response:
    """List repository collaborators."""
    scope.need_role("write", "Must have push access to view repository collaborators.")
    users = [
        user
        for user in scope.simulator.state.users.values()
        if _is_collaborator(scope.repository, user)
    ]
    return paged(scope.request, users, lambda user: _collaborator(scope, user))


@router.get("/repos/{owner}/{repo}/collaborators/{username}")
async def check_collaborator(username: str, scope: Reads) -> Response:
    """Check if a user is a repository collaborator: 204 or 404."""
    if not _is_collaborator(scope.repository, _user(scope.request, username)):
        raise not_found()
    return Response(status_code=204)


@router.put("/repos/{owner}/{repo}/collaborators/{username}")
async def add_collaborator(username: str, scope: Administers, sent: Sent) -> Response:
    """Add a repository collaborator; without the detour of an invitation."""
    role = sent.find_text("permission") or "push"
    role = _ROLE_NAMES.get(role, role)
    if role not in ROLES[1:]:
        raise ApiError(422, "Invalid request.\n\nFor 'properties/permission', unknown role.")
    scope.repository.collaborators[_user(scope.request, username).id] = role
    return Response(status_code=204)


@router.delete("/repos/{owner}/{repo}/collaborators/{username}")
async def remove_collaborator(username: str, scope: Administers) -> Response:
    """Remove a repository collaborator."""
    scope.repository.collaborators.pop(_user(scope.request, username).id, None)
    return Response(status_code=204)


def _user(request: Request, username: str) -> User:
    found = simulator_of(request).state.find_user(username)
    if found is None:
        raise not_found()
    return found


def _is_collaborator(repository: Repository, user: User) -> bool:
    return user.id == repository.owner.id or user.id in repository.collaborators


def _collaborator(scope: Scope, user: User) -> Json:
    return {
        **simple_user(scope.simulator, user),
        "permissions": permissions_of(user, scope.repository),
        "role_name": role_of(user, scope.repository),
    }
