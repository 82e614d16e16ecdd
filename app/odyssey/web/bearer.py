"""
Who calls the REST API: a person by a GitHub user token, or a service by a token of the settings.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.types import Message

from odyssey.adapters.audited import on_behalf_of
from odyssey.domain.errors import NotFound, PermissionDenied
from odyssey.domain.identifiers import RepositoryRef
from odyssey.domain.pull_request import Permission
from odyssey.ports import GitHub

REMEMBER_VIEWER = timedelta(minutes=1)
MOST_VIEWERS = 1_000
MOST_QUESTIONS = 10
"""Unknown tokens asked of GitHub at one time: a flood of them must not become GitHub's."""
LONGEST_TOKEN = 1_000
"""Installation tokens of the new form have about 520 characters."""

UNAUTHORIZED = {"WWW-Authenticate": 'Bearer realm="odyssey"'}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """
    Whoever a bearer token belongs to; *user_token* is None for a service.

    A service's name holds a colon, so it is nobody's login.
    """

    name: str
    user_token: str | None = field(repr=False)

    @property
    def is_service(self) -> bool:
        """Whether a token of the settings was used; it may do everything the API offers."""
        return self.user_token is None


class Bearers:
    """
    Finds the caller of a request, and what the caller may do.
    """

    def __init__(
        self,
        github: GitHub,
        service_tokens: Mapping[str, SecretStr],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._github = github
        self._services = {
            name: token.get_secret_value().encode() for name, token in service_tokens.items()
        }
        self._now = now
        self._viewers: OrderedDict[bytes, tuple[str, datetime]] = OrderedDict()
        self._questions = asyncio.Semaphore(MOST_QUESTIONS)

    async def identify(self, authorization: str) -> Caller:
        """
        The caller by the header `Authorization`.

        Raises:
            HTTPException: 401; the header is missing, or nobody knows the token.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
            raise _unauthorized(
                "send `Authorization: Bearer <token>` with a GitHub user token or a service token"
            )
        if not (token.isascii() and token.isprintable()):
            raise _unauthorized("the bearer token holds characters that no token has")
        service = self._service(token)
        if service is not None:
            return Caller(name=f"api_user:{service}", user_token=None)
        return Caller(name=await self._viewer(token), user_token=token)

    async def permission(self, caller: Caller, repository: RepositoryRef) -> Permission:
        """
        What *caller* may do in *repository*.
        """
        if caller.is_service:
            return Permission.WRITE
        return await self._github.permission(repository, caller.name)

    async def require_read(self, caller: Caller, repository: RepositoryRef, what: str) -> None:
        """
        Returns if *caller* may see *what*, a sentence's subject.

        Raises:
            NotFound: not even that it exists may be told.
        """
        if await self.permission(caller, repository) is Permission.NONE:
            raise NotFound(f"{what} does not exist, or you may not see it.")

    async def require_write(self, caller: Caller, repository: RepositoryRef, what: str) -> None:
        """
        Returns if *caller* may change *what*, a sentence's subject.

        Raises:
            NotFound: not even that it exists may be told.
            PermissionDenied: it may be seen, but not changed.
        """
        permission = await self.permission(caller, repository)
        if permission is Permission.NONE:
            raise NotFound(f"{what} does not exist, or you may not see it.")
        if not permission.can_write:
            raise PermissionDenied(
                f"{caller.name} has {permission} permission on {repository}; this takes write."
            )

    def _service(self, token: str) -> str | None:
        found = None
        # All are compared, so that the time taken tells nothing about which fits.
        for name, known in self._services.items():
            if hmac.compare_digest(known, token.encode()) and known:
                found = name
        return found

    async def _viewer(self, token: str) -> str:
        key = hashlib.sha256(token.encode()).digest()
        login, until = self._viewers.get(key, ("", self._now()))
        if until > self._now():
            return login
        async with self._questions:
            try:
                login = await self._github.viewer(token)
            except PermissionDenied as error:
                self._viewers.pop(key, None)
                raise _unauthorized("nobody knows this bearer token") from error
        self._viewers[key] = (login, self._now() + REMEMBER_VIEWER)
        self._viewers.move_to_end(key)
        while len(self._viewers) > MOST_VIEWERS:
            self._viewers.popitem(last=False)
        return login


def route_with_caller(bearers: Bearers, *, max_body_bytes: int) -> type[APIRoute]:
    """
    A class of routes that know their caller, as `request.state.caller`, before they read a body.

    Who is nobody cannot make the server read and parse anything.
    """

    class RouteWithCaller(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def answer_caller(request: Request) -> Response:
                authorization = request.headers.get("authorization", "")
                request.state.caller = await bearers.identify(authorization)
                length = request.headers.get("content-length", "")
                if length.isdecimal() and int(length[:20]) > max_body_bytes:
                    raise _too_large(max_body_bytes)
                receive = _limited(request.receive, max_body_bytes)
                with on_behalf_of(request.state.caller.name):
                    return await answer(Request(request.scope, receive))

            return answer_caller

    return RouteWithCaller


def _limited(
    receive: Callable[[], Awaitable[Message]], max_bytes: int
) -> Callable[[], Coroutine[Any, Any, Message]]:
    size = 0

    async def receive_some() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > max_bytes:
            raise _too_large(max_bytes)
        return message

    return receive_some


def _unauthorized(detail: str) -> HTTPException:
    return HTTPException(401, detail, headers=UNAUTHORIZED)


def _too_large(max_bytes: int) -> HTTPException:
    detail = f"the body is over {max_bytes} bytes; propose the change in parts"
    return HTTPException(413, detail, headers={"Connection": "close"})
