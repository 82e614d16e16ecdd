"""
What stands in front of every API route: credentials, limits, caching headers, faults, records.

Git over HTTP and paths that begin with `/_` pass by untouched.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from odyssey.simulator.auth import Caller, authenticate, credential_of
from odyssey.simulator.errors import ApiError

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

API_VERSIONS = ("2022-11-28", "2026-03-10")
_GIT_PATHS = ("/info/refs", "/git-upload-pack", "/git-receive-pack")


@dataclass(frozen=True, slots=True)
class ExchangeRequest:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ExchangeResponse:
    status: int
    headers: dict[str, str]
    body: bytes


class Observer(Protocol):
    """Sees every exchange and every webhook; raises to make a test fail."""

    def exchange(self, request: ExchangeRequest, response: ExchangeResponse) -> None: ...

    def webhook(self, event: str, payload: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One API request that was answered; `duration` is the simulator's own time in seconds."""

    method: str
    template: str
    path: str
    status: int
    actor: str
    duration: float
    at: datetime


@dataclass(slots=True)
class Answer:
    """A response that is still being put together."""

    status: int = 500
    headers: MutableHeaders = field(default_factory=MutableHeaders)
    body: bytes = b""


@dataclass(slots=True)
class Allowance:
    """The primary rate limit of one actor in its running hour."""

    limit: int
    reset_at: datetime
    used: int = 0


class Limits:
    """Primary rate limits: 5,000 an hour for a person or an installation, 60 without a name."""

    def __init__(self) -> None:
        self.per_hour = 5000
        self.anonymous_per_hour = 60
        self.allowances: dict[tuple[str, str], Allowance] = {}

    def of(self, caller: Caller, resource: str, now: datetime) -> Allowance:
        """The allowance of *caller*; begun anew when its hour is over."""
        key = (actor_name(caller), resource)
        current = self.allowances.get(key)
        if current is None or current.reset_at <= now:
            limit = self.anonymous_per_hour if caller.kind == "anonymous" else self.per_hour
            current = Allowance(limit, now + timedelta(hours=1))
            self.allowances[key] = current
        return current


def actor_name(caller: Caller) -> str:
    """How a caller is shown in `Call.actor`: a login, `app:<slug>` or `anonymous`."""
    if caller.kind == "app" and caller.app is not None:
        return f"app:{caller.app.slug}"
    return caller.user.login if caller.user else "anonymous"


class Gateway:
    """The ASGI middleware; one for each simulator."""

    def __init__(self, app: ASGIApp, simulator: Simulator) -> None:
        self._app = app
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith("/_") or path.endswith(_GIT_PATHS):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        started = time.perf_counter()
        answer = await self._answer(scope, body)
        duration = time.perf_counter() - started
        self._record(scope, body, answer, duration)
        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": answer.headers.raw,
            }
        )
        content = b"" if scope["method"] == "HEAD" or answer.status == 304 else answer.body
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        simulator, now = self._simulator, self._simulator.clock()
        simulator.serial += 1
        method, path = scope["method"], scope["path"]
        headers = Headers(scope=scope)
        if simulator.faults.take(method, path, "expire_token"):
            _expire(simulator, headers, now)
        scope["stale_read"] = simulator.faults.take(method, path, "stale_read") is not None
        scope["caller"] = Caller("anonymous")
        resource = "graphql" if path == "/graphql" else "core"
        try:
            _check_headers(headers)
            caller = authenticate(headers, simulator.state, now)
            scope["caller"] = caller
            allowance = simulator.limits.of(caller, resource, now)
            if path != "/rate_limit":
                _spend(allowance, caller)
            answer = await self._with_faults(scope, body)
        except ApiError as error:
            answer = await _rendered(error.response(), scope)
            allowance = simulator.limits.of(scope["caller"], resource, now)
        _conditional(scope, headers, answer)
        if answer.status == 304:
            allowance.used -= 1
        _decorate(scope, headers, answer, allowance, resource)
        return answer

    async def _with_faults(self, scope: Scope, body: bytes) -> Answer:
        faults, method, path = self._simulator.faults, scope["method"], scope["path"]
        before = faults.take(method, path, "meanwhile")
        if before is not None and before.until is not None:
            await before.until()
        late = faults.take(method, path, "late_answer")
        if late is not None and late.until is not None:
            answer = await _call(self._app, scope, body)
            await late.until()
            return answer
        fault = faults.take(method, path, "answer")
        if fault is None:
            return await _call(self._app, scope, body)
        if fault.when == "after_effect":
            await _call(self._app, scope, body)
        raise ApiError(fault.status, fault.message, headers=fault.headers)

    def _record(self, scope: Scope, body: bytes, answer: Answer, duration: float) -> None:
        route = scope.get("route")
        caller: Caller = scope["caller"]
        self._simulator.calls.append(
            Call(
                method=scope["method"],
                template=str(getattr(route, "path", scope["path"])),
                path=scope["path"],
                status=answer.status,
                actor=actor_name(caller),
                duration=duration,
                at=self._simulator.clock(),
            )
        )
        request = ExchangeRequest(
            scope["method"],
            scope["path"],
            scope["query_string"].decode(),
            dict(Headers(scope=scope)),
            body,
        )
        response = ExchangeResponse(answer.status, dict(answer.headers), answer.body)
        for observer in self._simulator.observers:
            observer.exchange(request, response)


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _call(app: ASGIApp, scope: Scope, body: bytes) -> Answer:
    answer = Answer()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = MutableHeaders(raw=list(message.get("headers", [])))
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    return answer


async def _rendered(response: ASGIApp, scope: Scope) -> Answer:
    return await _call(response, scope, b"")


def _expire(simulator: Simulator, headers: Headers, now: datetime) -> None:
    token = simulator.state.tokens.get(credential_of(headers.get("authorization", "")) or "")
    if token is not None:
        token.expires_at = now


def _check_headers(headers: Headers) -> None:
    if not headers.get("user-agent"):
        raise ApiError(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a "
            "User-Agent header",
        )
    version = headers.get("x-github-api-version")
    if version is not None and version not in API_VERSIONS:
        raise ApiError(
            400, f"Invalid API version: {version}. Supported versions: {', '.join(API_VERSIONS)}"
        )


def _spend(allowance: Allowance, caller: Caller) -> None:
    if allowance.used >= allowance.limit:
        raise ApiError(403, f"API rate limit exceeded for {actor_name(caller)}.")
    allowance.used += 1


def _conditional(scope: Scope, headers: Headers, answer: Answer) -> None:
    if scope["method"] not in ("GET", "HEAD") or answer.status != 200:
        return
    etag = f'W/"{hashlib.sha256(answer.body).hexdigest()}"'
    answer.headers["etag"] = etag
    answer.headers["cache-control"] = "private, max-age=60, s-maxage=60"
    answer.headers["vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept"
    wanted = headers.get("if-none-match", "")
    if etag in wanted or (etag.removeprefix("W/") in wanted):
        answer.status, answer.body = 304, b""
        del answer.headers["content-length"]


def _decorate(
    scope: Scope, headers: Headers, answer: Answer, allowance: Allowance, resource: str
) -> None:
    put = answer.headers.__setitem__
    put("server", "github.com")
    put("x-github-request-id", hashlib.sha256(str(id(answer)).encode()).hexdigest()[:24].upper())
    put("x-github-media-type", "github.v3; format=json")
    put("x-github-api-version-selected", headers.get("x-github-api-version", API_VERSIONS[0]))
    put("x-ratelimit-limit", str(allowance.limit))
    put("x-ratelimit-remaining", str(max(0, allowance.limit - allowance.used)))
    put("x-ratelimit-used", str(allowance.used))
    put("x-ratelimit-reset", str(int(allowance.reset_at.timestamp())))
    put("x-ratelimit-resource", resource)
    accepted = scope.get("accepted_permissions")
    if accepted:
        put("x-accepted-github-permissions", accepted)
    if answer.status >= 400 and not answer.body:
        answer.body = json.dumps({"message": "Server Error"}).encode()
        put("content-length", str(len(answer.body)))
