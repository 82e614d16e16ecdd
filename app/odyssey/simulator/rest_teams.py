"""Teams of an organization: who is in them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import Caller, caller_of, simulator_of
from odyssey.simulator.errors import forbidden, not_found
from odyssey.simulator.permissions import level_at_least

router = APIRouter()
Called = Annotated[Caller, Depends(caller_of)]


@router.get("/orgs/{org}/teams/{team_slug}/memberships/{username}")
async def get_membership(
    org: str, team_slug: str, username: str, caller: Called, request: Request
) -> Response:
    """Get team membership for a user; 404 for somebody outside the team."""
    simulator = simulator_of(request)
    owner = simulator.state.find_user(org)
    if owner is None:
        raise not_found()
    _judge(caller, owner.id)
    team = simulator.state.teams.get(f"{org}/{team_slug}".lower())
    user = simulator.state.find_user(username)
    if team is None or user is None or user.id not in team.members:
        raise not_found()
    url = f"{simulator.api_url}/orgs/{org}/teams/{team.slug}/memberships/{user.login}"
    return JSONResponse({"url": url, "role": team.members[user.id], "state": "active"})


def _judge(caller: Caller, organization_id: int) -> None:
    if caller.kind == "user":
        return
    if caller.installation is None or caller.token is None:
        raise forbidden()
    granted = caller.token.permissions or {}
    is_here = caller.installation.account.id == organization_id
    if not is_here or not level_at_least(granted, "members", "read"):
        raise forbidden()
