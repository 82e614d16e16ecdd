"""
Settings become ports: the only place that constructs adapters, and closes them in reverse order.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey.adapters.embedding import AsksQueries, Embedder
from odyssey.domain.errors import OdysseyError
from odyssey.domain.memory.scoring import Scoring
from odyssey.ports import App, Ports
from odyssey.ports.derived import Deriving, Language, MemoryPorts
from odyssey.settings import EmbeddingProvider, MemoryStore, Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from odyssey.adapters.ranking import Reranker
    from odyssey.adapters.sqlite import SqliteMemory
    from odyssey.adapters.weaviate import WeaviateMemory

log = logging.getLogger("odyssey")

AUDIT = "audit"
"""The audit log's folder below `data_dir`."""

NOTEBOOKS = "notes"
"""The notebooks' folder below the memory's."""


class NotConfigured(OdysseyError):
    """A setting without which nothing works is missing; the message names it."""


@asynccontextmanager
async def open_ports(
    settings: Settings,
    *,
    embeds: bool = True,
    embedder: Embedder | None = None,
    shares_model: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[Ports]:
    """
    The ports that *settings* choose, open until the block ends.

    Without *embeds* no model is loaded (the web process): what is retained then
    gets its vectors from a worker. *embedder* is a loaded model to share; it is
    the caller's to close. With *shares_model* questions are embedded over Redis: for
    others by a process that embeds, by others for one that does not.

    Raises:
        NotConfigured: the App's id, its private key or the webhook secret is missing.
    """
    # Each adapter brings its client library; importing them here keeps `odyssey --help` quick
    # and the web process small.
    from odyssey.adapters.audit_file import AuditFile
    from odyssey.adapters.audited import (
        audited_deliveries,
        audited_github,
        audited_repositories,
    )
    from odyssey.adapters.git import GitRepositories
    from odyssey.adapters.github import GitHubApp
    from odyssey.adapters.github_client import InstallationClients
    from odyssey.adapters.github_deliveries import GitHubDeliveries
    from odyssey.adapters.github_overview import GitHubOverview
    from odyssey.adapters.github_pages import ConditionalPages
    from odyssey.adapters.noted_memory import NotedMemory
    from odyssey.adapters.policy_yaml import read_policy
    from odyssey.adapters.redis_budget import RedisBudget
    from odyssey.adapters.redis_connection import connect
    from odyssey.adapters.redis_heart import Heart
    from odyssey.adapters.redis_inbox import OPEN, RedisInbox
    from odyssey.adapters.redis_notes import RedisNotes
    from odyssey.adapters.redis_proposals import RedisProposalStore

    bot_login = f"{settings.app_slug}[bot]"
    async with AsyncExitStack() as exits:
        redis = connect(settings.redis_url)
        exits.push_async_callback(redis.aclose)
        heart = Heart(redis, open_key=OPEN)
        budget = RedisBudget(redis, reserve=settings.rate_limit_reserve, now=now)
        clients = InstallationClients(
            app_id=_needed(settings.app_id, "ODYSSEY_APP_ID", "the App's id or client id"),
            private_key=_private_key(settings),
            api_url=settings.github_api_url,
            timeout=settings.github_timeout,
            now=now,
            budget=budget,
        )
        audit = AuditFile(settings.data_dir / AUDIT, now=now)
        exits.callback(audit.close)
        github = GitHubApp(clients, bot_login=bot_login)
        exits.push_async_callback(github.close)
        if embeds and embedder is None and settings.embedding_model:
            embedder = await _own_embedder(settings, exits)
        queries: AsksQueries | None = None
        if shares_model:
            queries = await _share_model(settings, redis, embedder if embeds else None, exits)
        memory = make_memory(settings, embedder if embeds else None, queries=queries)
        exits.push_async_callback(memory.close)
        log.info("memory: %s", memory.name)
        derived = await _open_derived(settings, exits)
        yield Ports(
            app=App(
                bot_login=bot_login,
                approval_mode=settings.approval_mode,
                validation_artifact=settings.validation_artifact,
            ),
            github=audited_github(github, audit, now=now),
            repositories=audited_repositories(
                GitRepositories(
                    settings.data_dir / "git",
                    web_url=settings.github_web_url,
                    token=clients.token,
                    author=bot_login,
                ),
                audit,
                now=now,
            ),
            inbox=RedisInbox(
                redis, lease=settings.lease, places=settings.repository_places, heart=heart
            ),
            proposals=RedisProposalStore(redis, lock_ttl=settings.lease, heart=heart),
            budget=budget,
            memory=NotedMemory(memory, derived.learning, now=now),
            derived=derived,
            deliveries=audited_deliveries(GitHubDeliveries(clients), audit, now=now),
            overview=GitHubOverview(clients, ConditionalPages(redis), bot_login=bot_login),
            notes=RedisNotes(redis),
            now=now,
            read_policy=read_policy,
            witness=audit.witness,
        )


def make_memory(
    settings: Settings,
    embedder: Embedder | None,
    *,
    queries: AsksQueries | None = None,
    embed_within: timedelta = timedelta(seconds=5),
) -> SqliteMemory | WeaviateMemory:
    """
    The memory that *settings* choose, the caller's to close; nothing is connected to yet.

    *queries* embeds questions where there is no *embedder*.
    """
    scoring = Scoring(
        recency=settings.memory_recency_boost,
        importance=settings.memory_importance_boost,
        half_life=settings.memory_recency_half_life,
        recall_threshold=settings.memory_recall_threshold,
        composite_threshold=settings.memory_composite_threshold,
    )
    # Where nothing embeds, in the web process, nothing of torch may be loaded either.
    reranker = make_reranker(settings) if embedder is not None else None
    match settings.memory_store:
        case MemoryStore.SQLITE:
            from odyssey.adapters.sqlite import SqliteMemory

            return SqliteMemory(
                settings.memory_folder,
                embedder,
                scoring=scoring,
                reranker=reranker,
                queries=queries,
                patience=settings.memory_timeout,
                embed_within=embed_within,
            )
        case MemoryStore.WEAVIATE:
            from odyssey.adapters.weaviate import WeaviateMemory

            return WeaviateMemory(
                settings.weaviate_url,
                embedder,
                control=settings.memory_folder / "control.db",
                grpc_port=settings.weaviate_grpc_port,
                api_key=settings.weaviate_api_key.get_secret_value(),
                prefix=settings.weaviate_collections,
                scoring=scoring,
                reranker=reranker,
                queries=queries,
                patience=settings.memory_timeout,
                embed_within=embed_within,
            )


def make_embedder(settings: Settings) -> Embedder | None:
    """The embedder that *settings* choose, the caller's to close; no model is loaded yet."""
    if not settings.embedding_model:
        return None
    match settings.embedding_provider:
        case EmbeddingProvider.LOCAL:
            from odyssey.adapters.sentence_transformers import SentenceTransformersEmbedder

            return SentenceTransformersEmbedder(settings.embedding_model)
        case EmbeddingProvider.OLLAMA:
            from odyssey.adapters.ollama_embedder import OllamaEmbedder

            return OllamaEmbedder(
                settings.embedding_model,
                url=settings.ollama_url,
                api_key=settings.ollama_api_key.get_secret_value(),
            )


def make_reranker(settings: Settings) -> Reranker | None:
    """The cross-encoder that *settings* choose, not loaded yet; None without one."""
    if not settings.cross_encoder:
        return None
    from odyssey.adapters.cross_encoder import CrossEncoder

    return CrossEncoder(settings.cross_encoder, within=settings.cross_encoder_timeout)


def make_language(settings: Settings) -> Language | None:
    """The language model that *settings* choose, the caller's to close; None without one."""
    if not settings.language_model:
        return None
    from odyssey.adapters.ollama_language import OllamaLanguage

    return OllamaLanguage(
        settings.language_model,
        url=settings.language_url or settings.ollama_url,
        timeout=settings.language_timeout,
        api_key=settings.ollama_api_key.get_secret_value(),
    )


async def _open_derived(settings: Settings, exits: AsyncExitStack) -> MemoryPorts:
    from odyssey.adapters.callbacks import SignedCallbacks
    from odyssey.adapters.notebook.opening import make_notebooks, memory_ports

    notebooks = make_notebooks(settings.memory_folder / NOTEBOOKS, patience=settings.memory_timeout)
    exits.push_async_callback(notebooks.close)
    language = make_language(settings)
    if language is not None:
        exits.push_async_callback(language.close)
    return memory_ports(
        notebooks,
        language=language,
        callbacks=SignedCallbacks(
            settings.memory_callback_secret.get_secret_value(),
            allow_private=settings.memory_callback_private,
        ),
        deriving=Deriving(
            batch_size=settings.memory_batch_size,
            flush_after=settings.memory_flush_after,
            link_threshold=settings.memory_link_threshold,
            language_timeout=settings.language_timeout,
        ),
    )


async def _own_embedder(settings: Settings, exits: AsyncExitStack) -> Embedder | None:
    embedder = make_embedder(settings)
    if embedder is not None:
        exits.push_async_callback(embedder.close)
        # Importing torch and reading the weights takes seconds: begun now, done when it is needed.
        embedder.start()
    return embedder


async def _share_model(
    settings: Settings, redis: Redis, embedder: Embedder | None, exits: AsyncExitStack
) -> AsksQueries | None:
    from odyssey.adapters.redis_embedding import AskedEmbedder, answering

    if embedder is not None:
        await exits.enter_async_context(answering(redis, embedder))
        return None
    unloaded = make_embedder(settings)
    if unloaded is None:
        return None
    model = unloaded.model
    await unloaded.close()
    return AskedEmbedder(redis, model)


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
