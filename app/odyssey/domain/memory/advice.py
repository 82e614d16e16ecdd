"""
What memory advises for a new task, in sentences that say how much they rest on.

The sentences are ours; of what others wrote they hold only single words and ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from odyssey.domain.memory.patterns import Pattern, PatternType
from odyssey.domain.memory.tasks import SimilarTask

_FEW = 5
"""Samples under which a sentence says that it rests on few."""
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """What is known that bears on a new task: most similar first, most trusted first."""

    similar_tasks: tuple[SimilarTask, ...]
    matching_patterns: tuple[Pattern, ...]
    recommendations: tuple[str, ...]


def advise(similar: Sequence[SimilarTask], patterns: Sequence[Pattern]) -> tuple[str, ...]:
    """The recommendations, most general first; none where nothing is known."""
    return (*_of_similar(similar), *map(_of_pattern, patterns))


def _of_similar(similar: Sequence[SimilarTask]) -> list[str]:
    if not similar:
        return []
    won = [one for one in similar if one.memory.success]
    lost = [one for one in similar if not one.memory.success]
    share = round(100 * len(won) / len(similar))
    told = [
        f"Similar tasks have {share}% success rate ({len(won)} of {len(similar)})"
        + (". Consider following similar approaches" if len(won) > len(lost) else "")
        + _caution(len(similar))
    ]
    if won:
        told.append(f"What worked is in {_tasks(won)}.")
    if lost:
        told.append(f"What failed is in {_tasks(lost)}: see their errors before you begin.")
    return told


def _of_pattern(pattern: Pattern) -> str:
    belief = pattern.belief
    count = belief.samples_for + belief.samples_against
    votes = "" if not (belief.helpful or belief.unhelpful) else " and feedback"
    won = _words([one.word for one in pattern.success_indicators])
    lost = _words([one.word for one in pattern.failure_indicators])
    match pattern.pattern_type:
        case PatternType.SUCCESS:
            said = f"Tasks of this kind mostly succeed when they are about {won}" if won else (
                "Tasks of this kind mostly succeed"
            )  # fmt: skip
        case PatternType.FAILURE:
            said = f"Tasks of this kind failed over {lost}; look at these first" if lost else (
                "Tasks of this kind have failed; look at why first"
            )  # fmt: skip
        case PatternType.OPTIMIZATION:
            said = f"What made the difference for tasks of this kind: {won}"
    return f"{said} (confidence {pattern.confidence:.2f} from {count} samples{votes})" + _caution(
        count
    )


def _caution(samples: int) -> str:
    return f"; this rests on few samples ({samples})." if samples < _FEW else "."


def _tasks(found: Sequence[SimilarTask]) -> str:
    return ", ".join(dict.fromkeys(one.memory.task_id for one in found[:_NAMED]))


def _words(words: Sequence[str]) -> str:
    return ", ".join(words[:_NAMED])
