"""A simulator with a small repository, three people, an App and a receiver of its webhooks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from githubkit import AppAuthStrategy, GitHub, TokenAuthStrategy, webhooks
from githubkit.cache.mem_cache import MemCacheStrategy
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contract.github.checker import ContractChecker
from odyssey.simulator import App, ExchangeRequest, ExchangeResponse, Installation, Simulator
from odyssey.simulator.hosting import Host

REPOSITORY = "octo/garden"
SECRET = "hush"
PERMISSIONS = {
    "actions": "write",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "statuses": "write",
}
EVENTS = [
    "check_run", "check_suite", "create", "delete", "issue_comment", "issues", "pull_request",
    "pull_request_review", "pull_request_review_comment", "push", "status", "workflow_run",
]  # fmt: skip
FILES = {
    "README.md": "# Garden\n",
    "garden.py": "def grow():\n    return 1\n",
    ".github/workflows/ci.yml": "on: push\njobs: {}\n",
}


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Move on by the keywords of `timedelta`."""
        self.now += timedelta(**by)


class Watcher:
    """Notes every 501 and every webhook that githubkit's strict models refuse."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def exchange(self, request: ExchangeRequest, response: ExchangeResponse) -> None:
        if response.status in (500, 501):
            self.problems.append(f"{request.method} {request.path}: {response.status}")

    def webhook(self, event: str, payload: dict[str, Any]) -> None:
        try:
            webhooks.parse(event, json.dumps(payload))
        except ValueError as error:
            self.problems.append(f"{event}.{payload.get('action')}: {error}")


@dataclass
class Receiver:
    """The other end of the App's webhook: keeps what arrives and answers `status`."""

    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 202

    async def receive(self, request: Request) -> Response:
        self.received.append((dict(request.headers), await request.body()))
        return Response(status_code=self.status)

    @property
    def names(self) -> list[str]:
        """What arrived, as `event` or `event.action`."""
        names = []
        for headers, body in self.received:
            action = json.loads(body).get("action")
            event = headers["x-github-event"]
            names.append(f"{event}.{action}" if action else event)
        return names


@dataclass
class World:
    """What most tests start from."""

    simulator: Simulator
    app: App
    installation: Installation
    receiver: Receiver
    clock: Clock
    clients: list[GitHub[Any]] = field(default_factory=list)

    def _kept(self, client: GitHub[Any]) -> GitHub[Any]:
        # githubkit's namespaces hold their client weakly.
        self.clients.append(client)
        return client

    def as_app(self) -> GitHub[Any]:
        """githubkit with the App's JWT."""
        strategy = AppAuthStrategy(self.app.app_id, self.app.private_key)
        return self._kept(GitHub(strategy, **self._options()))

    def as_installation(self, **narrowed: Any) -> GitHub[Any]:
        """githubkit with an installation token."""
        github = self.as_app()
        installed = github.auth.as_installation(self.installation.installation_id, **narrowed)
        return self._kept(github.with_auth(installed))

    def as_user(self, login: str) -> GitHub[Any]:
        """githubkit with a person's token."""
        token = self.simulator.user_token(login)
        return self._kept(GitHub(TokenAuthStrategy(token), **self._options()))

    def _options(self) -> dict[str, Any]:
        return {
            "base_url": self.simulator.api_url,
            "cache_strategy": MemCacheStrategy(),
            "auto_retry": False,
            "timeout": 30,
        }


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """octo/garden, owned by octo; ann writes, bob reads; the App `gardener` is installed."""
    clock, watcher, receiver = Clock(), Watcher(), Receiver()
    checker = ContractChecker()
    host = Host()
    await host.start(Starlette(routes=[Route("/hook", receiver.receive, methods=["POST"])]))
    async with Simulator(tmp_path, clock=clock, observers=[watcher, checker]) as simulator:
        await simulator.add_repository(REPOSITORY, FILES)
        for login in ("ann", "bob", "eve"):
            simulator.add_user(login)
        simulator.add_collaborator(REPOSITORY, "ann", "write")
        simulator.add_collaborator(REPOSITORY, "bob", "read")
        app = simulator.add_app(
            "gardener",
            permissions=PERMISSIONS,
            events=EVENTS,
            webhook_url=f"{host.url}/hook",
            webhook_secret=SECRET,
        )
        installation = simulator.install(app, "octo", [REPOSITORY])
        await simulator.outbox.deliver_all()
        receiver.received.clear()
        yield World(simulator, app, installation, receiver, clock)
    await host.stop()
    assert watcher.problems == []
    checker.assert_clean()
