"""
Odyssey wired to the simulator: real webhooks, real git, real Redis, real Actions runs.

A scenario reads like what people do: `comment`, `approve`, `push`, `settle`.
`settle` delivers, works and runs until both sides are quiet; there are no sleeps.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from arq.worker import Worker
from pydantic import SecretStr

from odyssey.bootstrap import open_ports
from odyssey.domain.proposal import Proposal
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.setup.redis_server import start_redis
from odyssey.simulator import App, Installation, Observer, Person, Simulator
from odyssey.simulator.hosting import Host
from odyssey.web.app import create_app
from odyssey.worker import build_worker

SAMPLE = Path(__file__).parent / "sample" / "service"
"""The repository scenarios work on: a small real HTTP service with tests and a Dockerfile."""

REPOSITORY = "acme/greeter"
ACTION = "odyssey-app/odyssey@v1"

PERMISSIONS = {
    "actions": "write",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
}
EVENTS = (
    "check_run",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_thread",
    "workflow_run",
)


@dataclass(slots=True)
class Scenario:
    """
    One Odyssey beside one GitHub.

    `ada` maintains the repository, `ben` reviews (write), `eve` may only read.
    """

    simulator: Simulator
    app: App
    installation: Installation
    settings: Settings
    ports: Ports
    web: Host
    repository: str = REPOSITORY

    def person(self, login: str) -> Person:
        """Somebody who acts through GitHub's own API, with a token of their own."""
        return self.simulator.person(login)

    async def open_issue(self, title: str, *, by: str = "ada", body: str = "") -> int:
        """The number of a new issue."""
        return int((await self.person(by).open_issue(self.repository, title, body))["number"])

    async def comment(self, number: int, body: str, *, by: str = "ada") -> int:
        """The id of a new comment on an issue or pull request."""
        return int((await self.person(by).comment(self.repository, number, body))["id"])

    async def propose(self, change: str, *, title: str, by: str = "ada") -> Proposal:
        """
        A proposal asked for in a comment on a new issue, settled; *change* is Markdown.
        """
        number = await self.open_issue(title, by=by)
        await self.comment(number, f"/odyssey propose {title}\n\n{change}", by=by)
        await self.settle()
        return await self.newest()

    async def approve(self, number: int, *, by: str = "ben", commit_id: str | None = None) -> None:
        """An approving review of the head, or of *commit_id*."""
        await self.person(by).review(self.repository, number, "APPROVE", commit_id=commit_id)

    async def push(self, branch: str, files: dict[str, str | None], *, by: str = "ada") -> str:
        """The SHA of a new commit on *branch*, pushed with git."""
        return str(
            await self.person(by).push(self.repository, branch, files, message="Mend the change")
        )

    async def settle(self) -> None:
        """Delivers, works and runs until both sides are quiet."""
        await self.simulator.settle(self._work)

    async def newest(self) -> Proposal:
        """The newest proposal."""
        return (await self.ports.proposals.newest(limit=1))[0]

    async def get(self, proposal: Proposal) -> Proposal:
        """The proposal as it is now."""
        found = await self.ports.proposals.get(proposal.id)
        assert found is not None
        return found

    def worker(self) -> Worker:
        """A worker that ends when nothing is waiting."""
        return build_worker(self.settings, self.ports, burst=True)

    async def _work(self) -> bool:
        if await self.ports.inbox.is_quiet():
            return False
        worker = self.worker()
        try:
            await worker.main()
        finally:
            await worker.close()
        return True


@asynccontextmanager
async def open_scenario(
    root: Path,
    *,
    observers: Sequence[Observer] = (),
    policy: str | None = None,
    port: int = 0,
    files: dict[str, str] | None = None,
    **overrides: Any,
) -> AsyncIterator[Scenario]:
    """
    A scenario below *root*, open until the block ends.

    *policy* replaces the sample's `.github/odyssey.yml`; *files* are added to the
    sample; *overrides* are settings.
    """
    async with AsyncExitStack() as exits:
        redis = await exits.enter_async_context(start_redis(root / "redis", durable=True))
        simulator = await exits.enter_async_context(
            Simulator(
                root / "github",
                port=port,
                observers=observers,
                local_actions={ACTION: Path(__file__).parents[2]},
            )
        )
        secret = secrets.token_hex(16)
        web = Host()
        app = await _people_and_app(simulator, f"{web.url}/webhooks/github", secret)
        await simulator.add_repository(REPOSITORY, _files(policy, files or {}))
        for login, permission in (("ada", "admin"), ("ben", "write"), ("eve", "read")):
            simulator.add_collaborator(REPOSITORY, login, permission)
        installation = simulator.install(app, "acme", [REPOSITORY])
        settings = Settings(
            github_api_url=simulator.api_url,
            github_web_url=simulator.web_url,
            app_id=str(app.app_id),
            app_slug=app.slug,
            private_key=SecretStr(app.private_key),
            webhook_secret=SecretStr(secret),
            redis_url=redis.url,
            default_repository=REPOSITORY,
            data_dir=root / "odyssey",
            worker_poll_delay=timedelta(milliseconds=5),
            **overrides,
        )
        # Two sets of ports, as the two processes have them.
        web_ports = await exits.enter_async_context(open_ports(settings, embeds=False))
        work_ports = await exits.enter_async_context(open_ports(settings))
        await web.start(create_app(settings, web_ports))
        exits.push_async_callback(web.stop)
        yield Scenario(simulator, app, installation, settings, work_ports, web)


async def _people_and_app(simulator: Simulator, webhook_url: str, secret: str) -> App:
    for login in ("ada", "ben", "eve"):
        simulator.add_user(login)
    simulator.add_user("acme", kind="Organization")
    return simulator.add_app(
        "odyssey",
        permissions=PERMISSIONS,
        events=EVENTS,
        webhook_url=webhook_url,
        webhook_secret=secret,
    )


def _files(policy: str | None, more: dict[str, str]) -> dict[str, str | bytes]:
    sample: dict[str, str | bytes] = {
        str(path.relative_to(SAMPLE)): path.read_bytes()
        for path in sorted(SAMPLE.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    if policy is not None:
        sample[".github/odyssey.yml"] = policy
    return {**sample, **more}
