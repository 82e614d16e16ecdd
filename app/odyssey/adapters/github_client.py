"""
githubkit clients for one App: one for each installation, with its token kept fresh.

githubkit's own installation auth keeps a token in a process-wide cache that a
401 does not evict, and its default retry repeats 5xx answers to writes; both
are decided here instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from githubkit import AppAuthStrategy, GitHub, TokenAuthStrategy
from githubkit.cache import MemCacheStrategy
from githubkit.exception import (
    GraphQLFailed,
    RateLimitExceeded,
    RequestError,
    RequestFailed,
    SecondaryRateLimitExceeded,
)

from odyssey.adapters.github_transport import NotingTransport, SharedTransport
from odyssey.adapters.guard import check_guards
from odyssey.domain.errors import (
    NotFound,
    OdysseyError,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from odyssey.domain.identifiers import InstallationId
from odyssey.domain.pace import Allowance

EXPIRY_MARGIN = timedelta(minutes=2)
"""A token is renewed this long before it expires, so that no call carries a dying one."""
SECONDARY_WAIT = timedelta(seconds=60)
"""GitHub's advice when a secondary limit names no time; docs.github.com, rate limits."""

T = TypeVar("T")
Client = GitHub[Any]


class Pacing(Protocol):
    """What is told of each installation's limits, and asked before each call; see `RedisBudget`."""

    def check(self, installation_id: InstallationId) -> None:
        """Raises `RateLimited` while GitHub asks for patience."""
        ...

    async def note(self, installation_id: InstallationId, allowance: Allowance) -> None:
        """What GitHub said with an answer."""
        ...

    async def pause(self, installation_id: InstallationId, wait: timedelta) -> None:
        """GitHub asked for patience."""
        ...


@dataclass(frozen=True, slots=True)
class _Installation:
    token: str
    expires_at: datetime
    client: Client


class InstallationClients:
    """
    The clients of one App.

    `call` is the one way to use them: it renews a token that GitHub no longer
    takes, once, and translates errors. Nothing is asked for an installation that
    the *budget* knows to be limited, nor by a task whose lease or lock was lost.
    """

    def __init__(
        self,
        *,
        app_id: str,
        private_key: str,
        api_url: str,
        timeout: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        budget: Pacing | None = None,
    ) -> None:
        self._budget = budget
        self._transport = SharedTransport(api_url)
        self._options: dict[str, Any] = {
            "base_url": api_url,
            "timeout": timeout.total_seconds(),
            "auto_retry": False,
            "user_agent": "odyssey",
            # What is read often is read by GraphQL, which no HTTP cache serves.
            "http_cache": False,
            "async_transport": self._transport,
        }
        self._now = now
        self._app: Client = GitHub(
            AppAuthStrategy(app_id, private_key),
            cache_strategy=MemCacheStrategy(),
            **self._options,
        )
        self._installations: dict[InstallationId, _Installation] = {}
        self._minting: dict[InstallationId, asyncio.Lock] = {}

    async def as_app(self, call: Callable[[Client], Awaitable[T]]) -> T:
        """What *call* gives with the App's own JWT."""
        return await _translated(call, self._app)

    async def as_user(self, user_token: str, call: Callable[[Client], Awaitable[T]]) -> T:
        """What *call* gives with a user's token, which is not kept."""
        await check_guards()
        return await _translated(call, GitHub(TokenAuthStrategy(user_token), **self._options))

    async def call(
        self, installation_id: InstallationId, call: Callable[[Client], Awaitable[T]]
    ) -> T:
        """What *call* gives with the installation's token."""
        if self._budget is not None:
            self._budget.check(installation_id)
        try:
            return await self._call(installation_id, call)
        except RateLimited as error:
            if self._budget is not None:
                await self._budget.pause(installation_id, error.retry_after or SECONDARY_WAIT)
            raise

    async def _call(
        self, installation_id: InstallationId, call: Callable[[Client], Awaitable[T]]
    ) -> T:
        installation = await self._installation(installation_id)
        await check_guards()
        try:
            return await _translated(call, installation.client)
        except TokenRefused:
            # Revoked or expired early: a 401 came before any effect, so once more is safe.
            if self._installations.get(installation_id) is installation:
                del self._installations[installation_id]
            return await _translated(call, (await self._installation(installation_id)).client)

    async def token(self, installation_id: InstallationId) -> str:
        """The installation access token, for git over HTTPS."""
        token = (await self._installation(installation_id)).token
        # Whoever asks is about to fetch or push.
        await check_guards()
        return token

    async def close(self) -> None:
        """Closes all connections."""
        await self._transport.end()

    async def _installation(self, installation_id: InstallationId) -> _Installation:
        lock = self._minting.setdefault(installation_id, asyncio.Lock())
        async with lock:
            known = self._installations.get(installation_id)
            if known and known.expires_at - EXPIRY_MARGIN > self._now():
                return known
            answer = await self.as_app(
                lambda app: app.rest.apps.async_create_installation_access_token(
                    int(installation_id)
                )
            )
            body = answer.json()
            fresh = _Installation(
                body["token"],
                datetime.fromisoformat(body["expires_at"]),
                self._client(installation_id, body["token"]),
            )
            self._installations[installation_id] = fresh
            return fresh

    def _client(self, installation_id: InstallationId, token: str) -> Client:
        options = self._options
        if self._budget is not None:
            note = partial(self._budget.note, installation_id)
            options = {**options, "async_transport": NotingTransport(self._transport, note)}
        return GitHub(TokenAuthStrategy(token), **options)


class TokenRefused(Unavailable):
    """GitHub answered 401: the token is expired, revoked or nobody's."""


async def _translated(call: Callable[[Client], Awaitable[T]], client: Client) -> T:
    try:
        return await call(client)
    except (RequestError, GraphQLFailed) as error:
        raise translate(error) from error


def translate(error: RequestError[Any] | GraphQLFailed) -> OdysseyError:
    """
    githubkit's error as Odyssey's; a 4xx that means nothing in general is a `Refused`.
    """
    match error:
        case SecondaryRateLimitExceeded():
            wait = error.retry_after or SECONDARY_WAIT
            return RateLimited(f"GitHub's secondary rate limit; {_what(error)}", retry_after=wait)
        case RateLimitExceeded():
            return RateLimited(
                f"GitHub's rate limit; {_what(error)}", retry_after=error.retry_after
            )
        case RequestFailed():
            return _refused(error)
        case GraphQLFailed():
            errors = error.response.errors or []
            text = "; ".join(each.message for each in errors) or "no reason given"
            if any(each.type == "RATE_LIMITED" for each in errors) or "rate limit" in text.lower():
                # GraphQL says it with status 200; its headers tell the budget until when.
                return RateLimited(f"GitHub: {text}", retry_after=SECONDARY_WAIT)
            if any(each.type == "NOT_FOUND" for each in errors):
                return NotFound(f"GitHub: {text}")
            return Unavailable(f"GitHub's GraphQL API answered: {text}")
    return Unavailable(f"GitHub did not answer: {error.exc!r}")


class Refused(OdysseyError):
    """GitHub answered 4xx; `status` and `reason` (its message and errors) say which and why."""

    def __init__(self, status: int, reason: str, what: str) -> None:
        super().__init__(f"GitHub answered {status} to {what}: {reason}")
        self.status = status
        self.reason = reason


def _refused(error: RequestFailed) -> OdysseyError:
    response = error.response
    status, reason = response.status_code, _reason(response)
    if status == 401:
        return TokenRefused(f"GitHub does not take the token for {_what(error)}: {reason}")
    if status in (404, 410):
        return NotFound(f"GitHub: {_what(error)}: {reason}")
    if status == 403 and "rate limit" in reason.lower():
        return RateLimited(f"GitHub: {reason}", retry_after=SECONDARY_WAIT)
    if status == 403:
        return PermissionDenied(
            f"GitHub refuses `{_what(error)}`: {reason}. Check what the App's installation, or "
            "the user whose token it is, is permitted to do."
        )
    if status >= 500 or status == 429:
        return Unavailable(f"GitHub answered {status} to {_what(error)}")
    return Refused(status, reason, _what(error))


def _what(error: RequestFailed) -> str:
    return f"{error.request.method} {error.request.url.path}"


def _reason(response: Any) -> str:
    try:
        body = response.json()
    except ValueError:
        return str(response.text)[:200]
    if not isinstance(body, dict):
        return str(body)[:200]
    details = [
        each if isinstance(each, str) else str(each.get("message") or each.get("code") or each)
        for each in body.get("errors") or []
        if isinstance(each, str | dict)
    ]
    return "; ".join([str(body.get("message", "")), *details])[:1_000]
