"""
Odyssey wired to the simulator: real webhooks, real git, real Redis, real Actions runs.

A scenario reads like what people do: `comment`, `approve`, `push`, `settle`.
`settle` delivers, works and runs until both sides are quiet; there are no sleeps.
"""

from __future__ import annotations

import base64
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from arq.worker import Worker
from pydantic import SecretStr

import odyssey_sandbox
from odyssey.adapters.embedding import Embedder
from odyssey.adapters.redis_connection import connect
from odyssey.bootstrap import open_ports
from odyssey.domain.memory import scope
from odyssey.domain.proposal import Proposal
from odyssey.handlers.recognise import OUTCOMES
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.setup.redis_server import start_redis
from odyssey.simulator import App, Installation, Observer, Person, Simulator
from odyssey.simulator.actions.executor import RunExecutor
from odyssey.simulator.hosting import Host
from odyssey.sweeper import sweep_once
from odyssey.web.app import create_app
from odyssey.worker import build_worker

SAMPLE = Path(__file__).parent / "sample"
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
    "statuses": "read",
}
EVENTS = (
    "check_run",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_thread",
    "status",
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
        await self.person(by).review(self.repository, number, "approve", commit_id=commit_id)

    async def push(self, branch: str, files: Mapping[str, str | None], *, by: str = "ada") -> str:
        """The SHA of a new commit on *branch*, pushed with git."""
        return str(
            await self.person(by).push(self.repository, branch, files, message="Mend the change")
        )

    async def settle(self) -> None:
        """Delivers, works and runs until both sides are quiet."""
        await self.simulator.settle(self._work)

    async def lose_redis(self) -> None:
        """Redis forgets everything, as after a lost disk."""
        redis = connect(self.settings.redis_url)
        await redis.flushall()
        await redis.aclose()

    async def heal(self) -> None:
        """Sweeps as a worker does after its start, and settles."""
        await sweep_once(self.ports)
        await self.settle()

    async def newest(self) -> Proposal:
        """The newest proposal."""
        return (await self.ports.proposals.newest(limit=1))[0]

    async def get(self, proposal: Proposal) -> Proposal:
        """The proposal as it is now."""
        found = await self.ports.proposals.get(proposal.id)
        assert found is not None
        return found

    async def pull(self, number: int) -> Any:
        """The pull request as GitHub's API shows it."""
        return await self._read(f"pulls/{number}")

    async def comments_of(self, login: str, number: int) -> list[str]:
        """The bodies of somebody's comments on an issue or pull request."""
        comments = await self._read(f"issues/{number}/comments?per_page=100")
        return [each["body"] for each in comments if each["user"]["login"] == login]

    async def branches(self) -> list[str]:
        """The names of all branches."""
        return [each["name"] for each in await self._read("branches?per_page=100")]

    async def read(self, path: str, *, ref: str = "main") -> str:
        """A file's text on a branch."""
        content = (await self._read(f"contents/{path}?ref={ref}"))["content"]
        return base64.b64decode(content).decode()

    async def check_run(self, proposal: Proposal) -> Any:
        """Odyssey's check run on the proposal's head; None without one."""
        runs = await self._read(f"commits/{proposal.head_sha}/check-runs")
        mine = [each for each in runs["check_runs"] if each["external_id"].startswith(proposal.id)]
        return max(mine, key=lambda each: int(each["id"]), default=None)

    async def check_conclusion(self, proposal: Proposal) -> str | None:
        """The conclusion of that check run."""
        run = await self.check_run(proposal)
        return str(run["conclusion"]) if run and run["conclusion"] else None

    async def annotations(self, proposal: Proposal) -> list[Any]:
        """The annotations of that check run."""
        run = await self.check_run(proposal)
        return list(await self._read(f"check-runs/{run['id']}/annotations")) if run else []

    async def remembered(self, proposal: Proposal) -> list[str]:
        """The outcomes that memory holds for the proposal, oldest first."""
        found = await self.ports.memory.recall(
            tenant_of(proposal.repository),
            "",
            limit=20,
            kinds=("proposal", *OUTCOMES),
            where={"proposal_id": proposal.id},
            scope=scope.REPOSITORY,
        )
        ordered = sorted(found, key=lambda each: each.record.occurred_at)
        return [each.record.attributes["outcome"] for each in ordered]

    async def _read(self, path: str) -> Any:
        return await self.person("ada").request("GET", f"/repos/{self.repository}/{path}")

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
    embedder: Embedder | None = None,
    embeds: bool = True,
    executor: RunExecutor | None = None,
    durable: bool = True,
    **overrides: Any,
) -> AsyncIterator[Scenario]:
    """
    A scenario below *root*, open until the block ends.

    *policy* replaces the sample's `.github/odyssey.yml`; *files* are added to the
    sample; *embedder* is a loaded model to share, and without *embeds* there is
    none; *executor* takes act's place; without *durable* Redis keeps nothing on
    disk; *overrides* are settings.
    """
    async with AsyncExitStack() as exits:
        redis = await exits.enter_async_context(start_redis(root / "redis", durable=durable))
        simulator = await exits.enter_async_context(
            Simulator(
                root / "github",
                port=port,
                observers=observers,
                local_actions={ACTION: _published_action(root / "published")},
                executor=executor,
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
        work_ports = await exits.enter_async_context(
            open_ports(settings, embeds=embeds, embedder=embedder)
        )
        await web.start(create_app(settings, web_ports))
        exits.push_async_callback(web.stop)
        yield Scenario(simulator, app, installation, settings, work_ports, web)


def _published_action(folder: Path) -> Path:
    """
    The Action as another repository's workflow gets it: a tree with `action/` and nothing else.
    """
    action = Path(odyssey_sandbox.__file__).parents[1]
    shutil.copytree(action, folder / "action", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


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
