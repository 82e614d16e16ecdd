"""
Settings become ports: the only place that constructs adapters, and closes them in reverse order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from odyssey.adapters.embedding import Embedder
from odyssey.domain.errors import OdysseyError
from odyssey.ports import App, Ports
from odyssey.settings import Settings


class NotConfigured(OdysseyError):
    """A setting without which nothing works is missing; the message names it."""


@asynccontextmanager
async def open_ports(
    settings: Settings,
    *,
    embeds: bool = True,
    embedder: Embedder | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Ports]:
    """
    The ports that *settings* choose, open until the block ends.

    Without *embeds* no model is loaded (the web process): what is retained then
    gets its vectors from a worker. *embedder* is a loaded model to share; it is
    the caller's to close.

    Raises:
        NotConfigured: the App's id, its private key or the webhook secret is missing.
    """
    # Each adapter brings its client library; importing them here keeps `odyssey --help` quick
    # and the web process small.
    from odyssey.adapters.git import GitRepositories
    from odyssey.adapters.github import GitHubApp
    from odyssey.adapters.github_client import InstallationClients
    from odyssey.adapters.policy_yaml import read_policy
    from odyssey.adapters.redis_connection import connect
    from odyssey.adapters.redis_inbox import RedisInbox
    from odyssey.adapters.redis_proposals import RedisProposalStore
    from odyssey.adapters.sqlite import SqliteMemory

    bot_login = f"{settings.app_slug}[bot]"
    async with AsyncExitStack() as exits:
        redis = connect(settings.redis_url)
        exits.push_async_callback(redis.aclose)
        clients = InstallationClients(
            app_id=_needed(settings.app_id, "ODYSSEY_APP_ID", "the App's id or client id"),
            private_key=_private_key(settings),
            api_url=settings.github_api_url,
            timeout=settings.github_timeout,
            now=now,
        )
        github = GitHubApp(clients, bot_login=bot_login)
        exits.push_async_callback(github.close)
        if embeds and embedder is None:
            embedder = await _own_embedder(settings, exits)
        memory = SqliteMemory(settings.data_dir / "memory", embedder if embeds else None)
        exits.push_async_callback(memory.close)
        yield Ports(
            app=App(
                bot_login=bot_login,
                approval_mode=settings.approval_mode,
                validation_artifact=settings.validation_artifact,
            ),
            github=github,
            repositories=GitRepositories(
                settings.data_dir / "git",
                web_url=settings.github_web_url,
                token=clients.token,
                author=bot_login,
            ),
            inbox=RedisInbox(redis),
            proposals=RedisProposalStore(redis),
            memory=memory,
            now=now,
            read_policy=read_policy,
        )


async def _own_embedder(settings: Settings, exits: AsyncExitStack) -> Embedder:
    from odyssey.adapters.sentence_transformers import SentenceTransformersEmbedder

    embedder = SentenceTransformersEmbedder(settings.embedding_model)
    exits.push_async_callback(embedder.close)
    # Importing torch and reading the weights takes seconds: begun now, done when it is needed.
    embedder.start()
    return embedder


def _needed(value: str, name: str, what: str) -> str:
    if not value:
        raise NotConfigured(f"{name} is not set: it takes {what}; see deploy/environment.example")
    return value


def _private_key(settings: Settings) -> str:
    text = _needed(
        settings.private_key.get_secret_value(),
        "ODYSSEY_PRIVATE_KEY",
        "the App's private key (PEM), or the path of a file with it",
    )
    if text.lstrip().startswith("-----BEGIN"):
        # Environment files cannot hold line breaks; `\n` is how people write them.
        return text.replace("\\n", "\n")
    try:
        return Path(text).read_text()
    except OSError as error:
        raise NotConfigured(
            f"ODYSSEY_PRIVATE_KEY is neither a PEM key nor a readable file: {error}"
        ) from error
