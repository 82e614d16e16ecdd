"""
Every setting, its default and unit: the only reader of the environment.

Settings of the server are `ODYSSEY_*`; those of the validation sandbox and of
the approval mode keep the names they always had (`SANDBOX_*`, `SELF_MOD_*`).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from odyssey.domain.policy import ApprovalMode

SHORTEST_SERVICE_TOKEN = 16
"""Anything shorter can be guessed through the network."""


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
    validation_artifact: str = "odyssey-report"
    approval_mode: ApprovalMode = Field(
        default=ApprovalMode.MANUAL,
        validation_alias=AliasChoices("SELF_MOD_APPROVAL_MODE", "approval_mode"),
    )

    # Memory
    embedding_model: str = Field(
        default="all-MiniLM-L6-v2",
        validation_alias=AliasChoices("EMBEDDING_MODEL_NAME", "embedding_model"),
    )

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
