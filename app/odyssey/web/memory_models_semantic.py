"""
The bodies of semantic and hybrid queries, and of the list of events.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from odyssey.domain.memory.entries import METADATA, entry_id_of, metadata_of
from odyssey.domain.memory.filters import LogLevel, TaskStatus, read_level, read_status
from odyssey.domain.memory.record import Recollection, Record, Trust
from odyssey.handlers.memory.semantic import distance, matched_by
from odyssey.handlers.memory.structured import Item, Wanted
from odyssey.web.memory_access import Asked
from odyssey.web.models import REPOSITORY

ENTRY = "error_billing_001"
SAID = "A critical error occurred in the billing module during an update."
MAX_TEXT = 200_000

EntryText = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=r"\S")]
QueryText = Annotated[str, StringConstraints(max_length=10_000, pattern=r"\S")]
EntryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#@+-]{0,149}$")]
Metadata = Annotated[dict[str, Any], Field(max_length=50)]
Many = Annotated[int, Field(ge=1, le=100)]


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


class AddBody(Asked):
    """
    A text to keep.
    """

    model_config = _example(
        repository=REPOSITORY,
        text=SAID,
        metadata={"type": "system_error", "module": "billing", "year": 2024},
        id=ENTRY,
    )

    text: EntryText
    metadata: Metadata = Field(
        default_factory=dict,
        description="Any keys; a `timestamp` (ISO 8601 with zone) is when it happened.",
    )
    id: EntryId | None = Field(default=None, description="One is made if it is left out.")
    trust: Trust | None = Field(
        default=None,
        description="Who vouches for it: by default `person` for people, `agent` for services.",
    )


class AddReceipt(BaseModel):
    """
    That an entry is kept.
    """

    id: str
    message: str = "Semantic entry added successfully."
    id_checked: bool = Field(
        description="False while the store is away: if another entry has the id, that one stays. "
        "Send the same again later; 409 says that it is so."
    )


class QueryBody(Asked):
    """
    What is asked for by meaning and words.
    """

    model_config = _example(
        repository=REPOSITORY,
        query_text="recent system anomalies or errors",
        top_k=3,
        metadata_filter={"type": "system_error"},
    )

    query_text: QueryText
    top_k: Many = 5
    metadata_filter: Metadata | None = Field(
        default=None, description="Only entries whose metadata has all of these values."
    )


class Match(BaseModel):
    """
    One memory that was found. `trust` and `source` say who vouches for it and where it was said.
    """

    id: str
    text: str
    metadata: dict[str, Any]
    distance: float = Field(description="1 minus the cosine; 1 where there are no vectors.")
    trust: Trust
    source: str
    matched_by: str = Field(description="`meaning`, or `words` where there are no vectors.")

    @classmethod
    def of(cls, recollection: Recollection) -> Self:
        """
        What is shown of *recollection*.
        """
        record = recollection.record
        return cls(
            id=entry_id_of(record),
            text=record.text,
            metadata=metadata_of(record),
            distance=distance(recollection),
            trust=record.trust,
            source=record.source,
            matched_by=matched_by(recollection),
        )


class QueryAnswer(BaseModel):
    """
    The memories, best first.
    """

    results: list[Match]


class StructuredOptions(BaseModel):
    """
    What else is wanted, the newest of each.
    """

    model_config = ConfigDict(extra="forbid")

    include_tasks: bool = False
    task_status_filter: str | None = Field(
        default=None,
        max_length=100,
        description=f"One of {', '.join(TaskStatus)}; what is pending is an open proposal.",
    )
    task_limit: Many = 5
    include_db_logs: bool = False
    db_log_level_filter: str | None = Field(
        default=None, max_length=100, description=f"One of {', '.join(LogLevel)}."
    )
    db_log_limit: Many = 5
    include_plans: bool = Field(
        default=False, description="Core memory blocks whose label begins with `plan`."
    )
    plan_limit: Many = 5
    include_proposals: bool = False
    proposal_limit: Many = 5

    def wanted(self) -> Wanted:
        """
        The same as a value.

        Raises:
            UnknownFilter: a filter has a value that nothing has.
        """
        status, level = self.task_status_filter, self.db_log_level_filter
        return Wanted(
            tasks=self.task_limit if self.include_tasks else 0,
            task_status=None if status is None else read_status(status),
            logs=self.db_log_limit if self.include_db_logs else 0,
            log_level=None if level is None else read_level(level),
            plans=self.plan_limit if self.include_plans else 0,
            proposals=self.proposal_limit if self.include_proposals else 0,
        )


class Order(StrEnum):
    """How the results of a hybrid query are ordered."""

    TIMESTAMP = "timestamp"
    RELEVANCE = "relevance"


class HybridBody(Asked):
    """
    What is asked for by meaning, and which structured data with it.
    """

    model_config = _example(
        repository=REPOSITORY,
        query_text="recent agent errors and related tasks",
        semantic_top_k=3,
        semantic_metadata_filter=None,
        structured_options={"include_tasks": True, "task_limit": 2},
    )

    query_text: QueryText
    semantic_top_k: Many = 5
    semantic_metadata_filter: Metadata | None = None
    structured_options: StructuredOptions | None = None
    order: Order = Field(default=Order.TIMESTAMP, description="Newest first, or best first.")


class HybridResult(BaseModel):
    """
    One result.
    """

    source_type: str
    content: dict[str, Any]
    relevance_score: float | None
    timestamp: datetime

    @classmethod
    def of(cls, item: Item) -> Self:
        """
        What is shown of *item*.
        """
        return cls(
            source_type=item.source_type,
            content=dict(item.content),
            relevance_score=item.relevance,
            timestamp=item.at,
        )


class HybridAnswer(BaseModel):
    """
    All results, in the order that was asked for.
    """

    query_text: str
    results: list[HybridResult]


class Deleted(BaseModel):
    """
    How many rows are gone: of the thing itself and of what rested on it. `left` was counted.
    """

    deleted: int
    left: int = 0


class EventBody(BaseModel):
    """
    One thing that happened, as it is kept.
    """

    id: str
    kind: str
    text: str
    occurred_at: datetime
    actor: str | None
    trust: Trust
    source: str
    thread: str | None
    metadata: dict[str, Any]

    @classmethod
    def of(cls, record: Record) -> Self:
        """
        What is shown of *record*.
        """
        is_entry = METADATA in record.attributes
        return cls(
            id=entry_id_of(record),
            kind=record.kind,
            text=record.text,
            occurred_at=record.occurred_at,
            actor=record.actor,
            trust=record.trust,
            source=record.source,
            thread=record.thread,
            metadata=metadata_of(record) if is_entry else dict(record.attributes),
        )


class EventsPage(BaseModel):
    """
    One page of events, newest first; `next_offset` is null at the end.
    """

    events: list[EventBody]
    next_offset: int | None
