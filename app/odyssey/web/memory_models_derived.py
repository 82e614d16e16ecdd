"""
The bodies of what is derived from memory: observations, conversations, summaries, jobs.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from odyssey.domain.memory.jobs import Counters, Job, JobKind, JobState
from odyssey.domain.memory.observation import Observation, Status, Trend
from odyssey.domain.memory.summary import Message, Method
from odyssey.handlers.memory.observe import Observed
from odyssey.web.memory_access import Asked

MAX_MESSAGES = 200
MAX_CONTENT = 100_000
"""Characters of one message."""

OWN_HEADERS = frozenset(
    {
        "connection", "content-encoding", "content-length", "content-type", "expect", "host",
        "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "user-agent", "x-hub-signature-256", "x-odyssey-event",
    }
)  # fmt: skip
"""Headers that are the sender's to set."""

Role = Literal["user", "assistant", "system", "tool", "memory"]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,2000}$")]


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


class SourceBody(BaseModel):
    """
    A record an observation rests on.
    """

    record_id: str
    occurred_at: datetime


class VersionBody(BaseModel):
    """
    One version of an observation.
    """

    version: int
    text: str
    status: Status
    reason: str
    confidence: float
    proof_count: int
    is_fresh: bool
    created_at: datetime
    sources: list[SourceBody]

    @classmethod
    def of(cls, one: Observation) -> Self:
        """
        What is shown of a version.
        """
        return cls(
            version=one.version,
            text=one.text,
            status=one.status,
            reason=one.reason,
            confidence=one.confidence,
            proof_count=one.proof_count,
            is_fresh=one.is_fresh,
            created_at=one.created_at,
            sources=[
                SourceBody(record_id=each.record_id, occurred_at=each.occurred_at)
                for each in one.sources
            ],
        )


class ObservationBody(VersionBody):
    """
    An observation as it stands, or stood.
    """

    id: str
    scope: str
    trend: Trend
    score: float = Field(description="Orders this answer; means nothing across answers.")
    similarity: float
    matched: list[str] = Field(description="What found it, strongest first.")
    versions: list[VersionBody] | None = Field(
        default=None, description="Every version, the first first; where they were asked for."
    )

    @classmethod
    def found(cls, one: Observed, versions: list[Observation] | None) -> Self:
        """
        What is shown of an observation that was found.
        """
        return cls(
            **VersionBody.of(one.observation).model_dump(),
            id=one.observation.key,
            scope=one.observation.scope,
            trend=one.trend,
            score=one.score,
            similarity=one.similarity,
            matched=list(one.matched),
            versions=None if versions is None else [VersionBody.of(each) for each in versions],
        )


class InvalidateBody(Asked):
    """
    Records of one tier that turned out not to be true.
    """

    record_ids: list[str] = Field(min_length=1, max_length=500)


class Invalidated(BaseModel):
    """
    How many observations of the tier changed.
    """

    model_config = _example(changed=2)

    changed: int


class ConsolidateBody(Asked):
    """
    Asks for what is new to be learnt from, now and not when its turn comes.
    """

    again: bool = Field(default=False, description="Dead letters get their attempts again.")
    everything: bool = Field(
        default=False,
        description="Notes every event that was never noted first: those of an import, or of the "
        "time before this version.",
    )


class Consolidating(BaseModel):
    """
    The jobs that wait, one for each tier's own memory; none when there is nothing to learn.
    """

    model_config = _example(job_ids=["job_0123456789abcdef"], waits_for=None)

    job_ids: list[str]
    waits_for: str | None = Field(description="What is missing before they can be done.")


class MessageBody(BaseModel):
    """
    One message of a conversation.
    """

    model_config = ConfigDict(extra="forbid")

    role: Role = Field(description="`memory` is text that was recalled: it is never learnt from.")
    content: str = Field(min_length=1, max_length=MAX_CONTENT)


class SaidBody(MessageBody):
    """
    A message for the batcher.
    """

    id: str = Field(
        default="",
        max_length=200,
        description="Sent twice under one id, it is there once; 409 if it says something else.",
    )
    at: AwareDatetime | None = None


class MessagesBody(Asked):
    """
    Messages to keep, and to learn from once there are enough.
    """

    messages: list[SaidBody] = Field(min_length=1, max_length=MAX_MESSAGES)
    session_id: str = Field(
        default="",
        max_length=200,
        description="Which conversation of the tier it is: each has ids and batches of its own.",
    )


class MessagesReceipt(BaseModel):
    """
    What became of messages.
    """

    model_config = _example(
        record_ids=["message:9f2c"], job_ids=[], waiting=1, batch_size=10, waits_for=None
    )

    record_ids: list[str]
    job_ids: list[str] = Field(description="Of the batches that are full now.")
    waiting: int = Field(description="Messages that wait for others.")
    batch_size: int
    waits_for: str | None


class SummaryBody(Asked):
    """
    A conversation to summarise: messages, or one text.
    """

    messages: (
        Annotated[list[MessageBody], Field(min_length=1, max_length=MAX_MESSAGES)]
        | Annotated[str, StringConstraints(min_length=1, max_length=MAX_CONTENT)]
    )
    callback_url: str | None = Field(
        default=None,
        max_length=2_000,
        description="Where the summary is posted; without it this request waits for it.",
    )
    callback_headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=20)

    @field_validator("callback_headers")
    @classmethod
    def _foreign(cls, value: dict[str, str]) -> dict[str, str]:
        if own := sorted(name for name in value if name.lower() in OWN_HEADERS):
            raise ValueError(f"{', '.join(own)}: set by the sender; leave it out")
        return value

    def conversation(self) -> list[Message]:
        """
        The messages; a text is one of them.
        """
        if isinstance(self.messages, str):
            return [Message("user", self.messages)]
        return [Message(one.role, one.content) for one in self.messages]


class SummaryAnswer(BaseModel):
    """
    A summary.
    """

    model_config = _example(
        content="user: The gateway keeps the retries.", method="extract", delivery="sync",
        generated_at="2026-11-20T10:30:00Z",
    )  # fmt: skip

    content: str
    method: Method = Field(
        description="`model`, or `extract`: sentences of the conversation as they were, "
        "because there is no model or it gave no answer."
    )
    delivery: Literal["sync"] = "sync"
    generated_at: datetime


class SummaryAccepted(BaseModel):
    """
    The summary follows by callback.
    """

    model_config = _example(task_id="job_0123456789abcdef", status="accepted")

    task_id: str
    status: Literal["accepted"] = "accepted"


class JobBody(BaseModel):
    """
    One job; what it works on is not shown.
    """

    id: str
    kind: JobKind
    state: JobState
    attempts: int
    reason: str
    result: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    not_before: datetime

    @classmethod
    def of(cls, job: Job) -> Self:
        """
        What is shown of *job*.
        """
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            attempts=job.attempts,
            reason=job.reason,
            result=dict(job.result),
            created_at=job.created_at,
            updated_at=job.updated_at,
            not_before=job.not_before,
        )


class CountersBody(BaseModel):
    """
    How many jobs there are, counted just now.
    """

    model_config = _example(
        jobs={"consolidate": {"waiting": 1}}, oldest_waiting_at="2026-11-20T10:30:00Z",
        unlearnt=3, failed=0, unindexed=0, dead_reasons=[], language=None, waits_for="...",
    )  # fmt: skip

    jobs: dict[str, dict[str, int]] = Field(description="By kind and state.")
    oldest_waiting_at: datetime | None
    unlearnt: int = Field(description="Records that no consolidation has seen yet.")
    failed: int = Field(description="Records of dead letters.")
    unindexed: int = Field(description="Observations whose text cannot be found yet.")
    dead_reasons: list[str]
    language: str | None = Field(description="The model.")
    waits_for: str | None

    @classmethod
    def of(cls, counters: Counters, *, language: str | None, waits_for: str | None) -> Self:
        """
        What is shown of *counters*.
        """
        return cls(
            jobs={kind: dict(states) for kind, states in counters.jobs.items()},
            oldest_waiting_at=counters.oldest_waiting_at,
            unlearnt=counters.unlearnt,
            failed=counters.failed,
            unindexed=counters.unindexed,
            dead_reasons=list(counters.dead_reasons),
            language=language,
            waits_for=waits_for,
        )
