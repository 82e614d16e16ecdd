"""
The bodies of core memory blocks and of the archive.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from odyssey.domain.memory.blocks import DEFAULT_LIMIT, MAX_LIMIT, Block
from odyssey.domain.memory.record import Recollection
from odyssey.domain.memory.scope import Tier
from odyssey.handlers.memory.archival import MAX_TAGS, MAX_TEXT
from odyssey.web.memory_access import Asked, Login
from odyssey.web.models import REPOSITORY, ErrorBody

LABEL = "persona"

Text = Annotated[str, StringConstraints(max_length=MAX_LIMIT)]
SomeText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LIMIT)]
Passage = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=r"\S")]
Tag = Annotated[str, StringConstraints(max_length=60, pattern=r"^\S(?:.*\S)?$")]


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"repository": REPOSITORY, **fields}]}
    )


class BlockBody(BaseModel):
    """
    One version of one block.
    """

    label: str = Field(examples=[LABEL])
    value: str
    limit: int = Field(description="Characters that the text may have.")
    characters: int = Field(description="Characters that it has.")
    read_only: bool
    description: str
    version: int
    operation: str = Field(description="What made this version of the one before.")
    updated_by: str
    updated_at: datetime
    tier: Tier

    @classmethod
    def of(cls, block: Block) -> Self:
        """
        What is shown of *block*.
        """
        return cls(
            label=block.label,
            value=block.value,
            limit=block.limit,
            characters=len(block.value),
            read_only=block.read_only,
            description=block.description,
            version=block.version,
            operation=block.operation,
            updated_by=block.updated_by,
            updated_at=block.updated_at,
            tier=block.scope.tier,
        )


class BlockConflict(ErrorBody):
    """
    The block is at another version than the one that was expected, or is read-only.
    """

    version: int | None = Field(default=None, description="The version that it is at.")


class Expecting(Asked):
    """
    A change to the version that its writer has read.
    """

    expected_version: int | None = Field(
        default=None,
        ge=0,
        le=2**53,
        description="409 unless the block is at this version; 0: it must not be there yet.",
    )


class PutBlockBody(Expecting):
    """
    A block's text and settings; what is left out stays as it is.
    """

    model_config = _example(value="Short answers. No emoji.", limit=2000, expected_version=1)

    value: Text | None = None
    limit: int | None = Field(
        default=None, ge=1, le=MAX_LIMIT, description=f"{DEFAULT_LIMIT} for a new block."
    )
    read_only: bool | None = None
    description: str | None = Field(default=None, max_length=500)


class AppendBody(Expecting):
    """
    A line more.
    """

    model_config = _example(text="Tests run with `uv run pytest`.")

    text: SomeText


class ReplaceBody(Expecting):
    """
    Other text for some of it.
    """

    model_config = _example(old="pytest", new="uv run pytest", expected_version=4)

    old: SomeText = Field(description="It must be there exactly once, unless `everywhere`.")
    new: Text
    everywhere: bool = False


class PatchBody(Expecting):
    """
    A unified diff; its line numbers are not looked at.
    """

    model_config = _example(diff="@@\n Build with make.\n-Test with tox.\n+Test with nox.\n")

    diff: Annotated[str, StringConstraints(min_length=1, max_length=3 * MAX_LIMIT)]


class RethinkBody(Expecting):
    """
    The whole text anew.
    """

    model_config = _example(value="Short answers.", expected_version=4)

    value: Text


class RestoreBody(Expecting):
    """
    The text of an older version.
    """

    model_config = _example(version=2, expected_version=4)

    version: int = Field(ge=1, le=2**53)


class InsertBody(Asked):
    """
    A text for the archive.
    """

    model_config = _example(
        text="The release of March was rolled back: the migration locked the orders table.",
        tags=["release", "migration"],
    )

    text: Passage
    tags: list[Tag] = Field(default_factory=list, max_length=MAX_TAGS)
    source: str = Field(
        default="", max_length=2_000, description="Where it is from; `forget` goes by it."
    )
    about: Login | None = Field(
        default=None, description="Whom it is about, for the tier `person` and for `forget`."
    )


class Inserted(BaseModel):
    """
    The passage is kept.
    """

    id: str
    created_at: datetime


class ArchivalSearchBody(Asked):
    """
    What to look for in the archive; the newest passages without a query.
    """

    model_config = _example(query="locked table during a migration", top_k=5)

    query: str = Field(default="", max_length=4_000)
    top_k: int = Field(default=10, ge=1, le=100)


class FoundPassage(BaseModel):
    """
    A passage of the archive. Its text is whoever's wrote it: `trust` says who vouches for it.
    """

    id: str
    text: str
    tags: list[str]
    source: str
    actor: str | None
    trust: str
    created_at: datetime
    score: float = Field(description="Orders this answer; means nothing across answers.")
    similarity: float = Field(description="The cosine of the meanings; 0 without vectors.")

    @classmethod
    def of(cls, found: Recollection) -> Self:
        """
        What is shown of *found*.
        """
        record = found.record
        return cls(
            id=record.id,
            text=record.text,
            tags=[tag for tag in record.attributes.get("title", "").split(", ") if tag],
            source=record.source,
            actor=record.actor,
            trust=record.trust.value,
            created_at=record.occurred_at,
            score=found.score,
            similarity=round(found.similarity, 4),
        )
