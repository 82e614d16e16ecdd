"""The App's own endpoints: itself, its installations, access tokens and their repositories."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Caller, app_caller, caller_of, simulator_of
from odyssey.simulator.errors import ApiError, forbidden, not_found
from odyssey.simulator.fields import Fields, fields_of
from odyssey.simulator.ids import timestamp
from odyssey.simulator.pagination import paged
from odyssey.simulator.permissions import level_at_least
from odyssey.simulator.state import App, Installation, Json, Repository
from odyssey.simulator.tokens import TokenForm
from odyssey.simulator.views_accounts import installation, integration
from odyssey.simulator.views_repositories import minimal_repository, plain_repository

router = APIRouter()
AsApp = Annotated[App, Depends(app_caller)]
Called = Annotated[Caller, Depends(caller_of)]
Sent = Annotated[Fields, Depends(fields_of)]
# GitHub refuses to narrow a token to more repositories than this.
_MOST_REPOSITORIES = 500


@router.get("/app")
async def get_app(app: AsApp, request: Request) -> Response:
    """Get the authenticated app."""
    return JSONResponse(integration(simulator_of(request), app))


@router.get("/app/installations")
async def list_installations(app: AsApp, request: Request) -> Response:
    """List installations for the authenticated app."""
    simulator = simulator_of(request)
    mine = [i for i in simulator.state.installations.values() if i.app is app]
    return paged(request, mine, lambda made: installation(simulator, made))


@router.get("/app/installations/{installation_id}")
async def get_installation(installation_id: str, app: AsApp, request: Request) -> Response:
    """Get an installation for the authenticated app."""
    return JSONResponse(
        installation(simulator_of(request), _installation(request, app, installation_id))
    )


@router.post("/app/installations/{installation_id}/access_tokens")
async def create_token(installation_id: str, app: AsApp, request: Request, sent: Sent) -> Response:
    """Create an installation access token, narrowed to what was asked."""
    simulator = simulator_of(request)
    made = _installation(request, app, installation_id)
    if made.suspended_at is not None:
        raise forbidden("This installation has been suspended")
    repositories = _narrowed_repositories(request, made, sent)
    permissions = _narrowed_permissions(made, sent)
    asked = request.headers.get("x-github-stateless-s2s-token")
    forms: dict[str | None, TokenForm] = {"enabled": "stateless", "disabled": "classic"}
    token = simulator.mint_token(
        made,
        permissions=permissions,
        repository_ids=None if repositories is None else frozenset(r.id for r in repositories),
        form=forms.get(asked),
    )
    assert token.expires_at is not None
    is_selected = repositories is not None or made.repository_ids is not None
    body: Json = {
        "token": token.value,
        "expires_at": timestamp(token.expires_at),
        "permissions": {"metadata": "read", **(token.permissions or {})},
        "repository_selection": "selected" if is_selected else "all",
    }
    if repositories is not None:
        body["repositories"] = [minimal_repository(simulator, r) for r in repositories]
    return JSONResponse(body, status_code=201)


@router.get("/repos/{owner}/{repo}/installation")
async def get_repository_installation(
    owner: str, repo: str, app: AsApp, request: Request
) -> Response:
    """Get a repository installation for the authenticated app."""
    simulator = simulator_of(request)
    repository = simulator.state.find_repository(owner, repo)
    if repository is None:
        raise not_found()
    for made in simulator.state.installations_on(repository):
        if made.app is app:
            return JSONResponse(installation(simulator, made))
    raise not_found()


@router.get("/installation/repositories")
async def list_repositories(caller: Called, request: Request) -> Response:
    """List the repositories that an installation token reaches."""
    if caller.installation is None or caller.token is None:
        raise forbidden()
    simulator = simulator_of(request)
    chosen = caller.token.repository_ids
    reached = [
        repository
        for repository in simulator.state.repositories.values()
        if caller.installation.covers(repository) and (chosen is None or repository.id in chosen)
    ]
    is_all = caller.installation.repository_ids is None and chosen is None
    selection = {"repository_selection": "all" if is_all else "selected"}
    return paged(
        request,
        reached,
        lambda repository: plain_repository(simulator, repository, None),
        wrap="repositories",
        extra=selection,
    )


@router.delete("/installation/token")
async def revoke_token(caller: Called) -> Response:
    """Revoke the installation token that the request carries."""
    if caller.installation is None or caller.token is None:
        raise forbidden()
    caller.token.revoked = True
    return Response(status_code=204)


def _installation(request: Request, app: App, number: str) -> Installation:
    known = simulator_of(request).state.installations
    found = known.get(int(number)) if number.isdecimal() else None
    if found is None or found.app is not app:
        raise not_found()
    return found


def _narrowed_repositories(
    request: Request, made: Installation, sent: Fields
) -> list[Repository] | None:
    names, ids = sent.find_list("repositories"), sent.find_list("repository_ids")
    if names is None and ids is None:
        return None
    if len(names or []) + len(ids or []) > _MOST_REPOSITORIES:
        raise ApiError(422, f"Please specify at most {_MOST_REPOSITORIES} repositories.")
    known = simulator_of(request).state.repositories.values()
    covered = [repository for repository in known if made.covers(repository)]
    chosen: list[Repository] = []
    for wanted in [*(names or []), *(ids or [])]:
        found = next((r for r in covered if wanted in (r.name, r.id)), None)
        if found is None:
            raise ApiError(
                422,
                "There is at least one repository that does not exist or is not accessible to "
                "the parent installation.",
            )
        chosen.append(found)
    return chosen


def _narrowed_permissions(made: Installation, sent: Fields) -> dict[str, str] | None:
    asked = sent.find_object("permissions")
    if asked is None:
        return None
    for permission, level in asked.items():
        if level not in ("read", "write", "admin") or not level_at_least(
            made.permissions, permission, level
        ):
            raise ApiError(422, "The permissions requested are not granted to this installation.")
    return {str(permission): str(level) for permission, level in asked.items()}
