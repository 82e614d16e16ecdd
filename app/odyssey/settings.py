"""
Every setting, its default and unit: the only reader of the environment.

Settings of the server are `ODYSSEY_*`; those of the validation sandbox and of
the approval mode keep the names they always had (`SANDBOX_*`, `SELF_MOD_*`).
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from odyssey.domain.errors import OdysseyError
from odyssey.domain.policy import ApprovalMode

SHORTEST_SERVICE_TOKEN = 16
"""Anything shorter can be guessed through the network."""


class MemoryStore(StrEnum):
    """Where memories are kept."""

    SQLITE = "sqlite"
    WEAVIATE = "weaviate"


class EmbeddingProvider(StrEnum):
    """What turns text into vectors: sentence-transformers in this process, or an Ollama server."""

    LOCAL = "local"
    OLLAMA = "ollama"


class Settings(BaseSettings):
    """
    The process's settings, from the environment and an optional `.env` file.
    """

    model_config = SettingsConfigDict(
        env_prefix="ODYSSEY_",
        env_file=".env",
        extra="ignore",
        populate_by_name=True,
        # A value that does not fit may be a secret in the wrong place.
        hide_input_in_errors=True,
    )

    # GitHub
    github_api_url: str = "https://api.github.com"
    github_web_url: str = "https://github.com"
    app_id: str = Field(default="", description="The App's id or client id.")
    app_slug: str = "odyssey"
    private_key: SecretStr = Field(default=SecretStr(""), description="PEM, or a path to it.")
    webhook_secret: SecretStr = SecretStr("")
    github_timeout: timedelta = timedelta(seconds=15)

    # Server
    host: str = "127.0.0.1"
    port: int = 8000
    redis_url: str = "redis://127.0.0.1:6379/0"
    service_tokens: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, description="name=token pairs, comma separated, for the REST API."
    )
    default_repository: str = Field(default="", description="For REST bodies without one.")
    data_dir: Path = Path("var")
    log_level: str = "INFO"

    # Work
    worker_concurrency: int = Field(default=10, ge=1, le=200)
    worker_poll_delay: timedelta = timedelta(milliseconds=20)
    delivery_attempts: int = Field(
        default=12, ge=1, description="12 outlast 20 minutes in which GitHub does not answer."
    )
    repository_places: int = Field(
        default=4, ge=1, description="Deliveries of one repository queued or worked at a time."
    )
    lease: timedelta = Field(
        default=timedelta(seconds=1.2),
        ge=timedelta(seconds=0.5),
        description="A dead worker's deliveries and locks are free again after this time.",
    )
    recovery_interval: timedelta = Field(default=timedelta(milliseconds=150), gt=timedelta(0))
    rate_limit_reserve: float = Field(
        default=0.1, ge=0, lt=1, description="Share of GitHub's allowance kept for commands."
    )
    delivery_sweep: timedelta = Field(
        default=timedelta(minutes=5),
        ge=timedelta(0),
        description="How often lost deliveries are asked for again; 0: never.",
    )
    proposal_sweep: timedelta = Field(
        default=timedelta(minutes=15),
        ge=timedelta(0),
        description="How often every proposal is compared with GitHub; 0: never.",
    )
    validation_artifact: str = "odyssey-report"
    approval_mode: ApprovalMode = Field(
        default=ApprovalMode.MANUAL,
        validation_alias=AliasChoices("SELF_MOD_APPROVAL_MODE", "approval_mode"),
    )

    # Memory
    memory_store: MemoryStore = MemoryStore.SQLITE
    memory_dir: Path | None = Field(
        default=None,
        description="SQLite files and the outbox of Weaviate; by default memory/ in data_dir.",
        validation_alias=AliasChoices(
            "ODYSSEY_MEMORY_DIR", "VECTOR_STORE_PERSIST_PATH", "memory_dir"
        ),
    )
    memory_timeout: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0))
    memory_task_similarity: float = Field(
        default=0.35,
        ge=0,
        le=1,
        description="From which a task memory is similar; all-MiniLM-L6-v2 rarely gives over 0.7.",
    )
    weaviate_url: str = Field(
        default="http://127.0.0.1:8080",
        validation_alias=AliasChoices("ODYSSEY_WEAVIATE_URL", "WEAVIATE_URL", "weaviate_url"),
    )
    weaviate_grpc_port: int = Field(
        default=50051,
        validation_alias=AliasChoices(
            "ODYSSEY_WEAVIATE_GRPC_PORT", "WEAVIATE_GRPC_PORT", "weaviate_grpc_port"
        ),
    )
    weaviate_api_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices(
            "ODYSSEY_WEAVIATE_API_KEY", "WEAVIATE_API_KEY", "weaviate_api_key"
        ),
    )
    weaviate_collections: str = Field(
        default="Odyssey",
        pattern=r"^[A-Z][A-Za-z0-9_]{0,60}$",
        description="What the names of the collections begin with.",
        validation_alias=AliasChoices(
            "ODYSSEY_WEAVIATE_COLLECTIONS", "VECTOR_STORE_COLLECTION_NAME", "weaviate_collections"
        ),
    )
    embedding_provider: EmbeddingProvider = Field(
        default=EmbeddingProvider.LOCAL,
        validation_alias=AliasChoices(
            "EMBEDDING_PROVIDER", "ODYSSEY_EMBEDDING_PROVIDER", "embedding_provider"
        ),
    )
    embedding_model: str = Field(
        default="all-MiniLM-L6-v2",
        description="Empty: none is loaded, and memory is searched by words alone.",
        validation_alias=AliasChoices(
            "EMBEDDING_MODEL_NAME", "ODYSSEY_EMBEDDING_MODEL", "EMBEDDING_MODEL", "embedding_model"
        ),
    )
    ollama_url: str = Field(
        default="http://127.0.0.1:11434",
        validation_alias=AliasChoices("ODYSSEY_OLLAMA_URL", "OLLAMA_HOST", "ollama_url"),
    )
    ollama_api_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("ODYSSEY_OLLAMA_API_KEY", "OLLAMA_API_KEY", "ollama_api_key"),
    )

    @field_validator("memory_dir", mode="before")
    @classmethod
    def _no_folder(cls, value: Any) -> Any:
        """An empty variable is none; as a path it would be the working directory."""
        return value or None

    language_model: str = Field(
        default="",
        description="What consolidates, synthesises and summarises, by its name in Ollama. "
        "Empty: none does, and what needs one waits.",
        validation_alias=AliasChoices(
            "ODYSSEY_LANGUAGE_MODEL", "LLM_MODEL", "OLLAMA_MODEL", "language_model"
        ),
    )
    language_url: str = Field(
        default="", description="Where the language model runs; by default the ollama_url."
    )
    language_timeout: timedelta = Field(default=timedelta(minutes=2), gt=timedelta(0))
    memory_batch_size: int = Field(
        default=10,
        ge=1,
        le=50,
        description="Messages of a conversation that are learnt from together.",
        validation_alias=AliasChoices(
            "ODYSSEY_MEMORY_BATCH_SIZE", "OMNIMEMORY_DEFAULT_MAX_MESSAGES", "memory_batch_size"
        ),
    )
    memory_flush_after: timedelta = Field(
        default=timedelta(minutes=10),
        gt=timedelta(0),
        description="How long the first message of a batch waits for others.",
    )
    memory_link_threshold: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Similarity from which a note may concern an observation. all-MiniLM-L6-v2 "
        "puts a change of state (pip, then uv) at 0.55, and other matters below 0.5.",
        validation_alias=AliasChoices(
            "ODYSSEY_MEMORY_LINK_THRESHOLD", "OMNIMEMORY_LINK_THRESHOLD", "memory_link_threshold"
        ),
    )
    memory_recall_threshold: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Similarity from which meaning alone finds a memory; 0: any.",
        validation_alias=AliasChoices(
            "ODYSSEY_MEMORY_RECALL_THRESHOLD",
            "OMNIMEMORY_RECALL_THRESHOLD",
            "memory_recall_threshold",
        ),
    )
    memory_composite_threshold: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="Composite score below which nothing is recalled; 1 is best in every arm.",
        validation_alias=AliasChoices(
            "ODYSSEY_MEMORY_COMPOSITE_THRESHOLD",
            "OMNIMEMORY_COMPOSITE_SCORE_THRESHOLD",
            "memory_composite_threshold",
        ),
    )
    memory_recency_boost: float = Field(
        default=0.02, ge=0, le=1, description="The most that being new adds to relevance."
    )
    memory_recency_half_life: timedelta = Field(
        default=timedelta(days=316),
        gt=timedelta(0),
        description="Time in which a memory loses half of its recency.",
    )
    memory_importance_boost: float = Field(
        default=0.1, ge=0, le=1, description="The most that importance adds to relevance."
    )
    cross_encoder: str = Field(
        default="",
        description="A sentence-transformers model, by name or folder, that judges what was "
        "found. Empty: none does.",
    )
    cross_encoder_timeout: timedelta = Field(
        default=timedelta(seconds=2),
        gt=timedelta(0),
        description="After which the order is the one without it.",
    )
    memory_callback_secret: SecretStr = Field(
        default=SecretStr(""), description="Signs callbacks; without it there are none."
    )
    memory_callback_private: bool = Field(
        default=False, description="Callbacks may go to addresses that are not public."
    )

    @field_validator("weaviate_collections", mode="before")
    @classmethod
    def _capital(cls, value: Any) -> Any:
        """Weaviate's collections begin with a capital; older settings need not."""
        return value[:1].upper() + value[1:] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _ollama_model(self) -> Self:
        """The default model is sentence-transformers' name for it; Ollama has another."""
        is_ollama = self.embedding_provider is EmbeddingProvider.OLLAMA
        if is_ollama and "embedding_model" not in self.model_fields_set:
            # Not by assignment: that would count as set.
            self.__dict__["embedding_model"] = "all-minilm"
        return self

    @property
    def memory_folder(self) -> Path:
        """Where this machine keeps what memory needs of its disk."""
        return self.memory_dir or self.data_dir / "memory"

    @field_validator("service_tokens", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        """
        Reads `name=token,name=token`; a token may hold `=`, but no comma.
        """
        if not isinstance(value, str):
            return value
        tokens: dict[str, str] = {}
        for number, pair in enumerate(filter(None, map(str.strip, value.split(","))), start=1):
            name, separator, token = pair.partition("=")
            name, token = name.strip(), token.strip()
            # What was written is not repeated here: it may be a token.
            if not separator or not name or len(token) < SHORTEST_SERVICE_TOKEN:
                raise ValueError(
                    f"pair {number} is not name=token with a token of at least "
                    f"{SHORTEST_SERVICE_TOKEN} characters"
                )
            if name in tokens:
                raise ValueError(f"{name!r} is there twice")
            tokens[name] = token
        return tokens


def read_settings() -> Settings:
    """
    The settings of this process.

    Raises:
        OdysseyError: a value does not fit; names the setting, and not the value.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            f"setting {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        ]
        problems.append("see deploy/environment.example")
        raise OdysseyError("; ".join(problems)) from error
