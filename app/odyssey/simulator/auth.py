"""Who calls, and whether they may: the dependencies that every REST route hangs on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from starlette.requests import Request

from odyssey.simulator.errors import ApiError, forbidden, not_found
from odyssey.simulator.permissions import (
    accepted_header,
    level_at_least,
    role_at_least,
    role_needed,
    role_of,
)
from odyssey.simulator.state import App, Installation, PullRequest, Repository, State, Token, User
from odyssey.simulator.tokens import app_of_jwt, is_jwt

if TYPE_CHECKING:
    from datetime import datetime

    from odyssey.simulator.server import Simulator


@dataclass(frozen=True, slots=True)
class Caller:
    """The bearer of a request's credential; `user` is the bot for an App."""

    kind: Literal["app", "installation", "user", "anonymous"]
    user: User | None = None
    app: App | None = None
    installation: Installation | None = None
    token: Token | None = None

    @property
    def actor(self) -> User:
        """The account that acts; 401 for an anonymous caller."""
        if self.user is None:
            raise ApiError(401, "Requires authentication")
        return self.user

    @property
    def by_actions(self) -> bool:
        """Whether this is the GITHUB_TOKEN of a workflow run, whose events start no workflow."""
        return self.token is not None and self.token.run_id is not None

    @property
    def acting_app(self) -> App | None:
        """The App on whose behalf an object is made, None for a person or GITHUB_TOKEN."""
        return self.app if self.kind == "installation" else None

    def has(self, repository: Repository, permission: str, level: str) -> bool:
        """Whether the caller holds *permission* at *level* on *repository*."""
        match self.kind:
            case "installation":
                assert self.token is not None
                return self.sees(repository) and level_at_least(
                    self.token.permissions or {}, permission, level
                )
            case "user":
                role = role_of(self.actor, repository)
                return role != "none" and role_at_least(role, role_needed(permission, level))
            case _:
                return level == "read" and not repository.private

    def sees(self, repository: Repository) -> bool:
        """Whether *repository* exists for the caller."""
        match self.kind:
            case "installation":
                assert self.token is not None and self.installation is not None
                chosen = self.token.repository_ids
                covered = self.installation.covers(repository)
                return (covered and (chosen is None or repository.id in chosen)) or (
                    not repository.private
                )
            case "user":
                return role_of(self.actor, repository) != "none"
            case "app":
                return False
            case _:
                return not repository.private


ANONYMOUS = Caller("anonymous")


def credential_of(header: str) -> str | None:
    """The secret in an Authorization header: bearer, token, or the password of Basic."""
    scheme, _, value = header.strip().partition(" ")
    match scheme.lower():
        case "bearer" | "token":
            return value.strip() or None
        case "basic":
            try:
                name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
            except (binascii.Error, ValueError):
                return None
            return password or name or None
        case _:
            return None


def authenticate(headers: Mapping[str, str], state: State, now: datetime) -> Caller:
    """
    The caller that *headers* name; anonymous when they carry no Authorization.

    Raises:
        ApiError: 401 for an unknown, expired or revoked credential; 403 while suspended.
    """
    header = headers.get("authorization")
    if not header:
        return ANONYMOUS
    credential = credential_of(header)
    if credential is None:
        raise ApiError(401, "Bad credentials")
    if is_jwt(credential):
        app = app_of_jwt(credential, state, now)
        return Caller("app", user=app.bot, app=app)
    token = state.tokens.get(credential)
    if token is None or token.revoked or (token.expires_at and token.expires_at <= now):
        raise ApiError(401, "Bad credentials")
    if token.installation is None:
        return Caller("user", user=token.actor, token=token)
    if token.installation.suspended_at is not None:
        raise forbidden("This installation has been suspended")
    return Caller(
        "installation",
        user=token.actor,
        app=token.installation.app,
        installation=token.installation,
        token=token,
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a handler of one repository gets: the simulator, the caller and the repository."""

    simulator: Simulator
    caller: Caller
    repository: Repository
    request: Request

    def number(self, name: str) -> int:
        """The whole number in the path at *name*; 404 when it is none."""
        value: str = self.request.path_params[name]
        if not value.isdecimal():
            raise not_found()
        return int(value)

    def pull(self) -> PullRequest:
        """The pull request whose `pull_number` is in the path; 404 when there is none."""
        found = self.repository.pulls.get(self.number("pull_number"))
        if found is None:
            raise not_found()
        return found

    def need_role(self, role: str, message: str) -> None:
        """403 *message* for a person below *role*; Apps were judged by their permissions."""
        if self.caller.kind == "user" and not role_at_least(
            role_of(self.caller.actor, self.repository), role
        ):
            raise forbidden(message)


def simulator_of(request: Request) -> Simulator:
    """The simulator that answers *request* (a FastAPI dependency)."""
    found: Simulator = request.app.state.simulator
    return found


def caller_of(request: Request) -> Caller:
    """The caller that the gateway found (a FastAPI dependency)."""
    found: Caller = request.scope["caller"]
    return found


def app_caller(request: Request) -> App:
    """The App whose JWT the request carries; 401 for any other credential (a dependency)."""
    caller = caller_of(request)
    if caller.kind != "app" or caller.app is None:
        raise ApiError(401, "A JSON web token could not be decoded")
    return caller.app


def _judge(request: Request, alternatives: Sequence[tuple[str, str]]) -> Caller:
    request.scope["accepted_permissions"] = accepted_header(alternatives)
    caller = caller_of(request)
    if caller.kind == "app":
        raise forbidden()
    repository = repository_in_path(request)
    if not caller.sees(repository):
        raise not_found()
    if any(caller.has(repository, *alternative) for alternative in alternatives):
        _refuse_archived(repository, alternatives)
        return caller
    if caller.kind == "anonymous":
        raise ApiError(401, "Requires authentication")
    if caller.kind == "installation":
        raise forbidden()
    needs_admin = any(permission == "administration" for permission, _ in alternatives)
    raise forbidden(
        "Must have admin rights to Repository."
        if needs_admin
        else "Must have push access to repository"
    )


def _refuse_archived(repository: Repository, alternatives: Sequence[tuple[str, str]]) -> None:
    writes = any(level != "read" for _, level in alternatives)
    if repository.archived and writes:
        raise forbidden("Repository was archived so is read-only.")


def repository_in_path(request: Request) -> Repository:
    """The repository that `owner` and `repo` of the path name; 404 when there is none."""
    state = simulator_of(request).state
    found = state.find_repository(request.path_params["owner"], request.path_params["repo"])
    if found is None:
        raise not_found()
    return found


def require(
    permission: str, access: str, *, alternatives: Sequence[tuple[str, str]] = ()
) -> Callable[[Request], Awaitable[Caller]]:
    """
    A dependency that lets through who holds *permission* at *access* and gives the `Caller`.

    The route must name its path parameters `owner` and `repo`. *alternatives* are
    other pairs, each of which is enough. 404 when the repository does not exist
    for the caller, 403 when the permission lacks.
    """
    accepted = [(permission, access), *alternatives]

    async def dependency(request: Request) -> Caller:
        return _judge(request, accepted)

    return dependency


def access(
    permission: str, level: str, *, alternatives: Sequence[tuple[str, str]] = ()
) -> Callable[[Request], Awaitable[Scope]]:
    """The same as `require`, but gives the whole `Scope`."""
    accepted = [(permission, level), *alternatives]

    async def dependency(request: Request) -> Scope:
        caller = _judge(request, accepted)
        return Scope(simulator_of(request), caller, repository_in_path(request), request)

    return dependency


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object a request carries ({} for an empty body); 400 for bad JSON."""
    raw = await request.body()
    if not raw.strip():
        return {}
    try:
        parsed = await request.json()
    except ValueError as error:
        raise ApiError(400, "Problems parsing JSON") from error
    if not isinstance(parsed, dict):
        raise ApiError(400, "Body should be a JSON object")
    return parsed
