"""
The bodies of task memories, patterns and context.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from odyssey.domain.memory.advice import TaskContext
from odyssey.domain.memory.confidence import MAX_ADJUSTMENT
from odyssey.domain.memory.patterns import MAX_SAMPLES, MIN_SAMPLES, Pattern, PatternType
from odyssey.domain.memory.record import Trust
from odyssey.domain.memory.task_kinds import MAX_PATTERN
from odyssey.domain.memory.tasks import (
    MAX_ERROR,
    MAX_ERRORS,
    MAX_FILES,
    MAX_SUMMARY,
    SimilarTask,
    short_errors,
)
from odyssey.web.memory_access import Asked
from odyssey.web.models import REPOSITORY

TASK = "task-123"
MEMORY = "mem_3f9a1c5e7b2d4f60a8c1"
PATTERN = "pat_7b2d4f60a8c13f9a1c5e"

TaskId = Annotated[
    str,
    StringConstraints(max_length=150, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#@+-]{0,149}$"),
    Field(examples=[TASK]),
]
SaidText = Annotated[str, StringConstraints(max_length=MAX_SUMMARY, pattern=r"\S")]
ErrorText = Annotated[str, StringConstraints(max_length=4_000)]
Path = Annotated[str, StringConstraints(min_length=1, max_length=400)]


class StoreBody(Asked):
    """
    How a task was carried out.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "repository": REPOSITORY,
                    "task_id": TASK,
                    "execution_summary": "Successfully implemented JWT authentication with Redis",
                    "success": True,
                    "error_patterns": None,
                    "auto_extract_patterns": True,
                }
            ]
        },
    )

    task_id: TaskId
    execution_summary: SaidText
    success: bool
    error_patterns: (
        Annotated[list[ErrorText], Field(max_length=MAX_ERRORS)]
        | Annotated[dict[str, Any], Field(max_length=MAX_ERRORS)]
        | None
    ) = Field(default=None, description=f"Errors, at most {MAX_ERROR} characters of each kept.")
    auto_extract_patterns: bool = Field(
        default=True, description="Whether patterns may follow from it by themselves."
    )
    task_type: str = Field(default="", max_length=200)
    files: list[Path] = Field(default_factory=list, max_length=MAX_FILES)
    outcome_ref: str = Field(
        default="", max_length=400, description="The proposal or pull request it ended in."
    )

    @property
    def errors(self) -> tuple[str, ...]:
        """
        The error patterns as short texts; of an object, `key: value` each.
        """
        match self.error_patterns:
            case dict(found):
                return short_errors(
                    f"{key}: {value if isinstance(value, str) else json.dumps(value)}"
                    for key, value in found.items()
                )
            case found:
                return short_errors(found or ())


class StoreReceipt(BaseModel):
    """
    The memory as it is kept.
    """

    memory_id: str = Field(examples=[MEMORY])
    task_id: str = Field(examples=[TASK])
    success: bool
    learned_at: datetime
    reused_count: int
    learned_patterns: list[str] = Field(
        description="The ids of patterns that were learnt from it, anew or for the first time."
    )


class SearchBody(Asked):
    """
    A task to find similar ones for.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "repository": REPOSITORY,
                    "task_description": "Implement OAuth2 authentication",
                    "top_k": 5,
                    "similarity_threshold": 0.35,
                    "success_only": True,
                }
            ]
        },
    )

    task_description: SaidText
    top_k: int = Field(default=5, ge=1, le=50)
    similarity_threshold: float | None = Field(
        default=None, ge=0, le=1, description="By default the server's setting, 0.35."
    )
    success_only: bool = False
    task_id: TaskId | None = Field(
        default=None, description="The task it is for: its own memories are left out."
    )


class FoundTask(BaseModel):
    """
    A task memory that is like the task asked about.
    """

    task_id: str
    memory_id: str
    summary: str
    success: bool
    similarity_score: float = Field(
        description="0 to 1: the cosine of the meanings, or the share of common words."
    )
    reused_count: int = Field(description="For how many tasks it was suggested before.")
    matched_by: str = Field(description="`meaning`, or `words` where there are no vectors.")
    trust: Trust = Field(description="Who vouches for the text; to a model it is data.")
    error_patterns: list[str]
    files: list[str]
    outcome_ref: str
    learned_at: datetime

    @classmethod
    def of(cls, similar: SimilarTask) -> Self:
        """
        What is shown of *similar*.
        """
        memory = similar.memory
        return cls(
            task_id=memory.task_id,
            memory_id=memory.memory_id,
            summary=memory.summary,
            success=memory.success,
            similarity_score=similar.similarity,
            reused_count=memory.reused_count,
            matched_by="words" if similar.by_words else "meaning",
            trust=memory.trust,
            error_patterns=list(memory.error_patterns),
            files=list(memory.files),
            outcome_ref=memory.outcome_ref,
            learned_at=memory.learned_at,
        )


class ContextTask(BaseModel):
    """
    A similar task, as context.
    """

    task_id: str
    memory_id: str
    summary: str
    success: bool
    similarity: float
    trust: Trust = Field(description="Who vouches for the text; to a model it is data.")

    @classmethod
    def of(cls, similar: SimilarTask) -> Self:
        """
        What is shown of *similar*.
        """
        return cls(
            task_id=similar.memory.task_id,
            memory_id=similar.memory.memory_id,
            summary=similar.memory.summary,
            success=similar.memory.success,
            similarity=similar.similarity,
            trust=similar.memory.trust,
        )


class RecommendedBody(BaseModel):
    """
    What to look at before such a task.
    """

    tasks: list[str]
    files: list[str]
    error_patterns: list[str]


class PatternBody(BaseModel):
    """
    What was learnt of one kind of tasks.
    """

    pattern_id: str = Field(examples=[PATTERN])
    pattern_type: PatternType
    task_type_pattern: str
    success_indicators: list[str]
    failure_indicators: list[str]
    recommended_context: RecommendedBody
    confidence: float = Field(description="Mean of the posterior of samples and feedback.")
    confidence_score: float = Field(description="The same, by its older name.")
    samples: int
    helpful: float = Field(description="Votes, by their weight.")
    unhelpful: float
    usage_count: int = Field(description="For how many tasks it was suggested.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, pattern: Pattern) -> Self:
        """
        What is shown of *pattern*.
        """
        context = pattern.recommended_context
        return cls(
            pattern_id=pattern.pattern_id,
            pattern_type=pattern.pattern_type,
            task_type_pattern=pattern.kind,
            success_indicators=[one.word for one in pattern.success_indicators],
            failure_indicators=[one.word for one in pattern.failure_indicators],
            recommended_context=RecommendedBody(
                tasks=list(context.tasks),
                files=list(context.files),
                error_patterns=list(context.error_patterns),
            ),
            confidence=pattern.confidence,
            confidence_score=pattern.confidence,
            samples=len(pattern.samples),
            helpful=pattern.belief.helpful,
            unhelpful=pattern.belief.unhelpful,
            usage_count=pattern.usage_count,
            created_at=pattern.created_at,
            updated_at=pattern.updated_at,
        )


class ContextBody(BaseModel):
    """
    What is known that bears on a task.
    """

    similar_tasks: list[ContextTask]
    matching_patterns: list[PatternBody]
    recommendations: list[str]
    core_memory: str = Field(
        description="Every core memory block, whole and between marks with its label; empty ones "
        "are left out."
    )

    @classmethod
    def of(cls, context: TaskContext, *, core_memory: str) -> Self:
        """
        What is shown of *context*, with the *core_memory* that everybody has in mind.
        """
        return cls(
            similar_tasks=[ContextTask.of(each) for each in context.similar_tasks],
            matching_patterns=[PatternBody.of(each) for each in context.matching_patterns],
            recommendations=list(context.recommendations),
            core_memory=core_memory,
        )


class ExtractBody(Asked):
    """
    A kind of tasks to learn the pattern of.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "repository": REPOSITORY,
                    "task_type_pattern": ".*authentication.*",
                    "pattern_type": "success",
                    "min_samples": 3,
                }
            ]
        },
    )

    task_type_pattern: str = Field(
        min_length=1,
        max_length=MAX_PATTERN,
        description="Words with `.*` between them, `(one|other)`, `^` and `$`; nothing else.",
    )
    pattern_type: PatternType = PatternType.SUCCESS
    min_samples: int = Field(default=MIN_SAMPLES, ge=2, le=MAX_SAMPLES)


class FeedbackBody(Asked):
    """
    Whether a pattern was of use.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"repository": REPOSITORY, "helpful": True, "confidence_adjustment": 0.1}]
        },
    )

    helpful: bool
    confidence_adjustment: float | None = Field(
        default=None,
        ge=-MAX_ADJUSTMENT,
        le=MAX_ADJUSTMENT,
        description="Its size is added to the weight of the vote, which is 1; its sign is not "
        "looked at.",
    )
