"""
Whose memory a request asks for, and whether its caller may.

Every request names a tier. Without `tier` it is that of the name that is given, and the
repository's when there is none; a name that is missing, or one too many, is an error and
never a wider answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from odyssey.domain.errors import NotFound, PermissionDenied
from odyssey.domain.identifiers import RepositoryRef, split_full_name
from odyssey.domain.memory.record import Tenant, login_of
from odyssey.domain.memory.scope import REPOSITORY, Scope, Tier
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.web.bearer import Bearers, Caller, route_with_caller
from odyssey.web.errors import error_responses
from odyssey.web.models import FullName

PREFIX = "/api/v1/memory"
MAX_BODY_BYTES = 2 * 1024 * 1024

SCHEME = HTTPBearer(
    auto_error=False,
    description="A GitHub user token (your permission on the repository counts), "
    "or a service token of the server's settings.",
)

Login = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^@?[\w.\[\]-]+$")]
Thread = Annotated[str, Field(min_length=1, max_length=200, examples=["pull/41"])]


class Asked(BaseModel):
    """
    Whose memory: the repository, and within it a tier.
    """

    model_config = ConfigDict(extra="forbid")

    repository: FullName | None = Field(
        default=None, description="`owner/name`; may be left out where the server has a default."
    )
    tier: Tier | None = Field(
        default=None, description="Whose memory in the repository; by default that of the name."
    )
    person: Login | None = Field(default=None, description="The login of the tier `person`.")
    thread: Thread | None = Field(default=None, description="The thread of the tier `thread`.")


def asked_in_query(
    repository: Annotated[FullName | None, Query()] = None,
    tier: Annotated[Tier | None, Query()] = None,
    person: Annotated[Login | None, Query()] = None,
    thread: Annotated[Thread | None, Query()] = None,
) -> Asked:
    """
    The same from the parameters of a URL.
    """
    return Asked(repository=repository, tier=tier, person=person, thread=thread)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request may look, or write."""

    repository: RepositoryRef
    tenant: Tenant
    scope: Scope


class MemoryAccess:
    """
    Leads a caller to the memory that was asked for, or refuses.
    """

    def __init__(self, settings: Settings, ports: Ports) -> None:
        self.ports = ports
        self.settings = settings
        self.bearers = Bearers(ports.github, settings.service_tokens, now=ports.now)

    def router(self, tag: str) -> APIRouter:
        """A router below `/api/v1/memory` whose routes know their caller."""
        return APIRouter(
            prefix=PREFIX,
            tags=[tag],
            route_class=route_with_caller(self.bearers, max_body_bytes=MAX_BODY_BYTES),
            dependencies=[Security(SCHEME)],
            responses=error_responses(400, 401, 403, 404, 422, 503),
        )

    async def to_read(self, caller: Caller, asked: Asked) -> Place:
        """
        The place, if *caller* may read there.

        Raises:
            NotFound: there is no such repository, or it may not be seen.
            PermissionDenied: it is another person's own memory.
        """
        place = await self._place(caller, asked)
        what = f"Repository {place.repository}"
        await self.bearers.require_read(caller, place.repository, what)
        return place

    async def to_write(self, caller: Caller, asked: Asked) -> Place:
        """
        The place, if *caller* may write there.

        Raises:
            NotFound: there is no such repository, or it may not be seen.
            PermissionDenied: the permission on it is less than write.
        """
        place = await self._place(caller, asked)
        what = f"Repository {place.repository}"
        await self.bearers.require_write(caller, place.repository, what)
        return place

    async def _place(self, caller: Caller, asked: Asked) -> Place:
        scope = scope_of(asked)
        repository = await self._repository(asked.repository)
        if scope.tier is Tier.PERSON and not caller.is_service:
            # First, or the refusal would tell that the repository exists.
            what = f"Repository {repository}"
            await self.bearers.require_read(caller, repository, what)
            if login_of(scope.name or "") != login_of(caller.name):
                raise PermissionDenied(
                    f"{caller.name} may not use the memory of {scope.name}: it is theirs alone."
                )
        return Place(repository=repository, tenant=tenant_of(repository), scope=scope)

    async def _repository(self, full_name: str | None) -> RepositoryRef:
        name = full_name or self.settings.default_repository
        if not name:
            raise HTTPException(400, "repository: write owner/name; this server has no default")
        try:
            split_full_name(name)
        except ValueError as error:
            raise HTTPException(400, f"repository: {error}") from error
        repository = await self.ports.github.find_installation(name)
        if repository is None:
            # The same words as for one that may not be seen, or they would tell the difference.
            raise NotFound(f"Repository {name} does not exist, or you may not see it.")
        return repository


def scope_of(asked: Asked) -> Scope:
    """
    The tier that was asked for.

    Raises:
        HTTPException: 422; a name is missing, or there is one too many.
    """
    names = {Tier.PERSON: asked.person, Tier.THREAD: asked.thread}
    given = [tier for tier, name in names.items() if name is not None]
    tier = asked.tier or (given[0] if len(given) == 1 else None if given else Tier.REPOSITORY)
    if tier is None:
        raise HTTPException(422, "person and thread are both given: say with tier which one it is")
    if tier is not Tier.REPOSITORY and not (names[tier] or "").strip("@ \t\r\n"):
        raise HTTPException(422, f"tier is {tier}, and no {tier} is given: whose memory is it?")
    if any(each is not tier for each in given):
        other = ", ".join(each for each in given if each is not tier)
        raise HTTPException(422, f"tier is {tier}, and {other} is given as well: leave it out")
    match tier:
        case Tier.REPOSITORY:
            return REPOSITORY
        case Tier.PERSON:
            return Scope.of_person(login_of(asked.person or ""))
        case Tier.THREAD:
            return Scope.of_thread(asked.thread or "")
