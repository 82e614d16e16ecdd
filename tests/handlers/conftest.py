"""
The handlers over real parts: git, Redis, SQLite, and the simulated GitHub behind its real API.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from pydantic import SecretStr

from odyssey.bootstrap import open_ports
from odyssey.domain.change import Change
from odyssey.domain.events import IssueCommented
from odyssey.domain.identifiers import InstallationId, RepositoryRef
from odyssey.handlers.propose import ProposalRequest
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.setup.redis_server import RedisServer
from odyssey.simulator import Person, Simulator
from redis_fixture import redis, redis_server
from schedules.executor import ScriptedExecutor

__all__ = ["redis", "redis_server"]

REPOSITORY = "acme/greeter"
FILES: dict[str, str | bytes] = {
    "README.md": "# Greeter\n",
    "src/app.py": "one\ntwo\nthree\n",
    ".github/workflows/odyssey-validate.yml": (
        "on:\n  workflow_dispatch:\n    inputs:\n      proposal_id: {type: string}\n"
        "      head_sha: {type: string}\n      nonce: {type: string}\n"
        "run-name: ${{ inputs.nonce }}\njobs: {}\n"
    ),
}
PERMISSIONS = {
    "actions": "write", "checks": "write", "contents": "write", "issues": "write",
    "metadata": "read", "pull_requests": "write", "statuses": "read",
}  # fmt: skip


@dataclass(slots=True)
class Desk:
    """
    One repository with Odyssey installed. `ada` maintains it, `ben` may write.

    Runs are refused, as the workflow has no job; those of one that has wait for `executor`.
    """

    simulator: Simulator
    executor: ScriptedExecutor
    ports: Ports
    repository: RepositoryRef

    def person(self, login: str) -> Person:
        """Somebody who acts through GitHub's own API."""
        return self.simulator.person(login)

    def request(self, change: Change, **more: Any) -> ProposalRequest:
        """Ada asks for *change*."""
        wanted: dict[str, Any] = {
            "message": "Mend the greeting",
            "requester": "ada",
            "requested_via": "api",
            "source_url": "https://github.com/acme/greeter",
            "issue_number": None,
            "seed": ("test",),
        }
        return ProposalRequest(repository=self.repository, change=change, **{**wanted, **more})

    async def commented(self, body: str, *, by: str = "ada") -> IssueCommented:
        """The event of a new comment on a new issue."""
        author = self.person(by)
        number = (await author.open_issue(REPOSITORY, "Greeting"))["number"]
        comment = await author.comment(REPOSITORY, number, body)
        return IssueCommented(
            repository=self.repository,
            default_branch="main",
            number=number,
            is_pull_request=False,
            is_open=True,
            is_locked=False,
            comment_id=comment["id"],
            author=by,
            author_is_person=True,
            body=body,
            url=comment["html_url"],
            created_at=self.ports.now(),
        )

    async def read(self, path: str) -> Any:
        """What GitHub's API answers below the repository."""
        return await self.person("ada").request("GET", f"/repos/{REPOSITORY}/{path}")

    async def answers(self, number: int) -> list[str]:
        """What Odyssey wrote on an issue or pull request."""
        comments = await self.read(f"issues/{number}/comments")
        return [each["body"] for each in comments if each["user"]["login"] == "odyssey[bot]"]

    async def branches(self) -> list[str]:
        """The names of all branches."""
        return [each["name"] for each in await self.read("branches")]


@pytest_asyncio.fixture
async def desk(tmp_path: Path, redis: Any, redis_server: RedisServer) -> AsyncIterator[Desk]:
    """
    A new GitHub, an empty Redis, and a memory without a model.
    """
    executor = ScriptedExecutor()
    executor.hold()
    async with Simulator(tmp_path / "github", executor=executor) as simulator:
        for login in ("ada", "ben"):
            simulator.add_user(login)
        simulator.add_user("acme", kind="Organization")
        await simulator.add_repository(REPOSITORY, FILES)
        simulator.add_collaborator(REPOSITORY, "ada", "admin")
        simulator.add_collaborator(REPOSITORY, "ben", "write")
        # Nothing is delivered here: the tests call the handlers themselves.
        app = simulator.add_app(
            "odyssey",
            permissions=PERMISSIONS,
            events=(),
            webhook_url="http://127.0.0.1:9/",
            webhook_secret="hush",
        )
        installation = simulator.install(app, "acme", [REPOSITORY])
        settings = Settings(
            _env_file=None,
            github_api_url=simulator.api_url,
            github_web_url=simulator.web_url,
            app_id=str(app.app_id),
            app_slug=app.slug,
            private_key=SecretStr(app.private_key),
            webhook_secret=SecretStr("hush"),
            redis_url=redis_server.url,
            data_dir=tmp_path / "odyssey",
        )
        owner, name = REPOSITORY.split("/")
        where = RepositoryRef(InstallationId(installation.installation_id), owner, name)
        async with open_ports(settings, embeds=False) as ports:
            yield Desk(simulator, executor, ports, where)
