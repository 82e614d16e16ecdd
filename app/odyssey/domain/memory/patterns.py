"""
Patterns: what tasks of one kind have in common when they succeed, fail, or get better.

A pattern is made from task memories and can be made again from them; it never is the
only place where anything is kept.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from odyssey.domain.memory.confidence import Belief
from odyssey.domain.memory.indicators import Indicator, carries, distinguishing
from odyssey.domain.memory.record import Record, Trust
from odyssey.domain.memory.scope import REPOSITORY, Scope, Tier
from odyssey.domain.memory.task_kinds import Kind
from odyssey.domain.memory.tasks import TaskMemory, tier_name

MIN_SAMPLES = 3
MAX_SAMPLES = 200
"""Tasks a pattern is made from, the newest; what was true of older ones is in those too."""

MAX_INDICATORS = 10
_EXAMPLES = 5
_SHARED = 2
"""Tasks that touched a file, or met an error, before it is told as usual."""


class PatternType(StrEnum):
    """
    What a pattern says of its tasks: why they succeed, why they fail, what made the difference.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    OPTIMIZATION = "optimization"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendedContext:
    """
    What to look at before such a task.

    `tasks` are ids of tasks, newest first; `files` and `error_patterns` are those that
    several of them had, most frequent first.
    """

    tasks: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    error_patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """
    What was learnt of one kind of tasks.

    `samples` are the ids of the task memories it rests on. `belief` has them by what they
    say: of a success pattern successes are for it, of a failure pattern failures; of an
    optimization, successes that have one of its indicators, and against it failures that
    have one.
    """

    pattern_type: PatternType
    kind: str
    success_indicators: tuple[Indicator, ...]
    failure_indicators: tuple[Indicator, ...]
    recommended_context: RecommendedContext
    belief: Belief
    samples: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    scope: Scope = REPOSITORY
    min_samples: int = MIN_SAMPLES
    usage_count: int = 0

    @property
    def pattern_id(self) -> str:
        """The same for the same kind and type in the same tier."""
        return pattern_id(self.scope, self.pattern_type, self.kind)

    @property
    def confidence(self) -> float:
        """The mean of the posterior, to three places."""
        return round(self.belief.mean, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEnough:
    """Why no pattern was made, as a sentence."""

    reason: str


def pattern_id(scope: Scope, pattern_type: PatternType, kind: str) -> str:
    """The id of the pattern of *kind* in *scope*."""
    name = f"{tier_name(scope)}\x1f{pattern_type}\x1f{kind}"
    return "pat_" + hashlib.sha256(name.encode()).hexdigest()[:20]


def learn(
    kind: Kind,
    pattern_type: PatternType,
    *,
    tasks: Sequence[TaskMemory],
    others: Sequence[TaskMemory],
    scope: Scope,
    min_samples: int,
    now: datetime,
) -> Pattern | NotEnough:
    """
    The pattern of *tasks*, which are all of *kind*, told apart from each other and from *others*.

    *min_samples* counts the tasks with the outcome that the pattern is about; an
    optimization needs both outcomes among so many.
    """
    tasks = sorted(tasks, key=lambda one: one.learned_at, reverse=True)[:MAX_SAMPLES]
    won = [task for task in tasks if task.success]
    lost = [task for task in tasks if not task.success]
    match pattern_type:
        case PatternType.SUCCESS:
            about, contrary = won, lost
        case PatternType.FAILURE:
            about, contrary = lost, won
        case PatternType.OPTIMIZATION:
            about, contrary = tasks, []
    if len(about) < min_samples:
        return _too_few(kind, pattern_type, len(about), min_samples=min_samples)
    if pattern_type is PatternType.OPTIMIZATION and not (won and lost):
        return NotEnough(
            reason=f"tasks of {kind.text!r} all had one outcome: what made the difference "
            "can be learnt when both have happened"
        )
    winning = _indicators(won, lost, others, kind=kind)
    losing = _indicators(lost, won, others, kind=kind)
    if pattern_type is PatternType.OPTIMIZATION:
        words = [one.word for one in winning]
        about, contrary = (
            [task for task in side if carries(task.said, words)] for side in (won, lost)
        )
        if not about:
            return NotEnough(
                reason=f"tasks of {kind.text!r}: no word is in several successes and in fewer "
                "failures; say in the summaries what was done"
            )
    return Pattern(
        pattern_type=pattern_type,
        kind=kind.text,
        success_indicators=winning,
        failure_indicators=losing,
        recommended_context=_recommended(about),
        belief=Belief(samples_for=len(about), samples_against=len(contrary)),
        samples=tuple(task.memory_id for task in tasks),
        created_at=now,
        updated_at=now,
        scope=scope,
        min_samples=min_samples,
    )


def pattern_record(pattern: Pattern) -> Record:
    """The row of the index by which *pattern* is found; its source is the row's own id."""
    scope = pattern.scope
    name = f"pattern:{pattern.pattern_id}"
    words = [one.word for one in (*pattern.success_indicators, *pattern.failure_indicators)]
    return Record(
        id=name,
        kind="pattern",
        text=f"{readable_kind(pattern.kind)}: {', '.join(words)}",
        occurred_at=pattern.updated_at,
        trust=Trust.TOOL,
        source=name,
        thread=scope.name if scope.tier is Tier.THREAD else None,
        person=scope.name if scope.tier is Tier.PERSON else None,
        tier=scope.tier,
        attributes={"outcome": pattern.pattern_type.value},
    )


def pattern_id_of(record_id: str) -> str:
    """The pattern that a row of the index is of."""
    return record_id.removeprefix("pattern:")


def readable_kind(kind: str) -> str:
    """A kind as people read it: `authentication or login`."""
    return " ".join(kind.replace(".*", " ").replace("|", " or ").strip("^$ ").split())


def _too_few(kind: Kind, pattern_type: PatternType, found: int, *, min_samples: int) -> NotEnough:
    what = {"success": "successful ", "failure": "failed "}.get(pattern_type, "")
    return NotEnough(
        reason=f"{found} {what}tasks of {kind.text!r} are remembered, and {min_samples} are "
        "needed; store more of them, or send a smaller min_samples"
    )


def _indicators(
    texts: Sequence[TaskMemory],
    contrary: Sequence[TaskMemory],
    others: Sequence[TaskMemory],
    *,
    kind: Kind,
) -> tuple[Indicator, ...]:
    # Where the kind knows one outcome only, the rest of the memory is what it is told apart from.
    against = contrary or others
    return distinguishing(
        [task.said for task in texts],
        [task.said for task in against[:MAX_SAMPLES]],
        without=kind.words,
        limit=MAX_INDICATORS,
    )


def _recommended(tasks: Sequence[TaskMemory]) -> RecommendedContext:
    return RecommendedContext(
        tasks=tuple(dict.fromkeys(task.task_id for task in tasks))[:_EXAMPLES],
        files=_several(task.files for task in tasks),
        error_patterns=_several(task.error_patterns for task in tasks),
    )


def _several(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    counts = Counter(one for group in groups for one in dict.fromkeys(group))
    return tuple(one for one, count in counts.most_common(MAX_INDICATORS) if count >= _SHARED)
