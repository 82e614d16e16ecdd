"""A repository with workflows on a simulator, and a client that speaks for its owner."""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from contract.github.checker import ContractChecker
from odyssey.simulator import Simulator
from odyssey.simulator.actions.state import Run
from odyssey.simulator.state import Repository


@dataclass(slots=True)
class Webhooks:
    """Every webhook that was generated, delivered or not."""

    seen: list[tuple[str, dict[str, Any]]]

    def exchange(self, request: object, response: object) -> None:
        """Not looked at."""

    def webhook(self, event: str, payload: dict[str, Any]) -> None:
        """Keep it."""
        self.seen.append((event, payload))

    def names(self) -> list[str]:
        """`event.action` of each workflow webhook, in order."""
        return [f"{event}.{p['action']}" for event, p in self.seen if event.startswith("workflow")]


@dataclass(slots=True)
class World:
    """What a test holds."""

    simulator: Simulator
    repository: Repository
    client: httpx.AsyncClient
    webhooks: Webhooks

    @property
    def head_sha(self) -> str:
        """The head of main."""
        found = self.simulator.git(self.repository).find_ref("refs/heads/main")
        assert found is not None
        return found

    async def post(self, path: str, body: object = None) -> httpx.Response:
        """POST below `/actions`."""
        return await self.client.post(path, json=body)

    async def get(self, path: str) -> dict[str, Any]:
        """GET below `/actions`; the answer must be 200."""
        response = await self.client.get(path)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def dispatch(self, workflow: str = "ci.yml", /, **inputs: str) -> Run:
        """The run that a dispatch on main began."""
        response = await self.post(
            f"/workflows/{workflow}/dispatches", {"ref": "main", "inputs": inputs}
        )
        assert response.status_code == 200, response.text
        return self.simulator.actions.runs[response.json()["workflow_run_id"]]

    async def run(self, workflow: str = "ci.yml", /, **inputs: str) -> Run:
        """The completed run of a dispatch on main."""
        run = await self.dispatch(workflow, **inputs)
        await self.simulator.actions.wait_until_idle()
        return run

    async def download(self, path: str) -> zipfile.ZipFile:
        """The zip that GET *path* redirects to, fetched without credentials."""
        redirect = await self.client.get(path)
        assert redirect.status_code == 302, redirect.text
        async with httpx.AsyncClient() as stranger:
            response = await stranger.get(redirect.headers["location"])
        assert response.status_code == 200
        return zipfile.ZipFile(io.BytesIO(response.content))


@asynccontextmanager
async def world(
    root: Path,
    workflows: Mapping[str, str],
    *,
    files: Mapping[str, str] | None = None,
    local_actions: Mapping[str, Path] | None = None,
) -> AsyncIterator[World]:
    """octo/widgets with *workflows* by name and *files* on main, held to GitHub's contract."""
    webhooks, checker = Webhooks([]), ContractChecker()
    async with Simulator(
        root, observers=[webhooks, checker], local_actions=local_actions or {}
    ) as simulator:
        simulator.add_user("octo")
        tree = {f".github/workflows/{name}": text for name, text in workflows.items()}
        repository = await simulator.add_repository("octo/widgets", {**tree, **(files or {})})
        # GitHub generates webhooks only for Apps that asked for them.
        app = simulator.add_app(
            "watcher",
            permissions={"actions": "read", "contents": "read", "metadata": "read"},
            events=["workflow_run", "workflow_job"],
            webhook_url="http://127.0.0.1:9/never-delivered",
            webhook_secret="secret",
        )
        simulator.install(app, "octo")
        headers = {
            "authorization": f"Bearer {simulator.user_token('octo')}",
            "x-github-api-version": "2026-03-10",
        }
        base_url = f"{simulator.api_url}/repos/octo/widgets/actions"
        async with httpx.AsyncClient(base_url=base_url, headers=headers) as client:
            yield World(simulator, repository, client, webhooks)
    checker.assert_clean()


class Meeting:
    """A named pipe at which a step of a workflow and a test wait for each other."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "meeting"
        os.mkfifo(self.path)

    async def arrive(self) -> str:
        """What the step wrote, once it is there."""
        return await asyncio.to_thread(self.path.read_text)
