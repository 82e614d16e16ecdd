"""
The web application over a real Redis and a GitHub on paper.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from redis.asyncio import Redis

from odyssey.adapters.notebook.opening import make_notebooks, memory_ports
from odyssey.adapters.policy_yaml import read_policy
from odyssey.adapters.redis_inbox import RedisInbox
from odyssey.adapters.redis_notes import RedisNotes
from odyssey.adapters.redis_proposals import RedisProposalStore
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.policy import ApprovalMode
from odyssey.ports import App, Ports
from odyssey.settings import Settings
from odyssey.web.app import create_app
from quiet_overview import DeliveryLog, QuietOverview
from redis_fixture import redis, redis_server
from web.github_on_paper import GitHubOnPaper, RepositoriesOnPaper

__all__ = ["redis", "redis_server"]

SECRET = "It's a Secret to Everybody"
SERVICE_TOKEN = "0123456789abcdef-service"


class Clock:
    """
    The time as the application sees it.
    """

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        """
        Lets *by* pass.
        """
        self.time += by


@pytest.fixture
def clock() -> Clock:
    """
    The application's clock, standing still.
    """
    return Clock()


@pytest.fixture
def github() -> GitHubOnPaper:
    """
    GitHub's state, for the test to write and read.
    """
    return GitHubOnPaper()


@pytest_asyncio.fixture
async def ports(
    redis: Redis, github: GitHubOnPaper, clock: Clock, tmp_path: Path
) -> AsyncIterator[Ports]:
    """
    Everything that is not GitHub is real.
    """
    memory = SqliteMemory(tmp_path / "memory")
    notebooks = make_notebooks(tmp_path / "memory" / "notes")
    yield Ports(
        app=App(
            bot_login="odyssey[bot]",
            approval_mode=ApprovalMode.MANUAL,
            validation_artifact="odyssey-report",
        ),
        github=github,
        repositories=RepositoriesOnPaper(github),
        inbox=RedisInbox(redis),
        proposals=RedisProposalStore(redis, lock_wait=timedelta(milliseconds=200)),
        memory=memory,
        derived=memory_ports(notebooks),
        deliveries=DeliveryLog(),
        overview=QuietOverview(),
        notes=RedisNotes(redis),
        now=clock,
        read_policy=read_policy,
    )
    await memory.close()
    await notebooks.close()


@pytest.fixture
def app_settings() -> Settings:
    """
    Settings with everything the web process needs.
    """
    return Settings(
        _env_file=None,
        app_id="4711",
        private_key=SecretStr("-----BEGIN PRIVATE KEY-----"),
        webhook_secret=SecretStr(SECRET),
        service_tokens={"ci": SecretStr(SERVICE_TOKEN)},
        default_repository="",
    )


@pytest_asyncio.fixture
async def client(app_settings: Settings, ports: Ports) -> AsyncIterator[httpx.AsyncClient]:
    """
    A client without credentials; a defect shows as 500, not as an exception.
    """
    transport = httpx.ASGITransport(create_app(app_settings, ports), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://odyssey") as client:
        yield client
