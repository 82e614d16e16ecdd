"""
Evaluate: how much of what should be recalled is recalled, measured through the port.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from odyssey.domain.memory.locomo import CATEGORIES, Conversation
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.ports import Memory

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question's result: the share of its evidence that was found, and how long it took."""

    conversation: str
    category: int
    recall: float
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All questions' results at one k."""

    k: int
    asked: tuple[Asked, ...]

    def summary(self) -> dict[str, Any]:
        """
        `recall` (mean share of evidence found) and `recall_all` (share of questions with all
        of it), 0 to 1; `k`, `questions`, `p50_ms`, `p95_ms`; the same by category and
        by conversation.
        """
        times = sorted(one.milliseconds for one in self.asked)
        names = sorted({one.conversation for one in self.asked})
        return {
            **_shares(self.asked),
            "k": self.k,
            "p50_ms": round(_percentile(times, 0.5), 3),
            "p95_ms": round(_percentile(times, 0.95), 3),
            "categories": {
                CATEGORIES.get(category, str(category)): _shares(
                    [one for one in self.asked if one.category == category]
                )
                for category in sorted({one.category for one in self.asked})
            },
            "conversations": {
                name: _shares([one for one in self.asked if one.conversation == name])
                for name in names
            },
        }


async def evaluate(
    memory: Memory,
    conversations: Sequence[Conversation],
    *,
    k: int,
    tell: Callable[[str], None] = lambda _line: None,
) -> Evaluation:
    """
    Retains each conversation in a tenant of its own, asks its questions, counts.

    *tell* hears one line for each conversation. Times include embedding the question.

    Raises:
        ValueError: no conversation has a question with evidence.
    """
    asked: list[Asked] = []
    for conversation in conversations:
        tenant = tenant_of(conversation)
        started = time.perf_counter()
        for start in range(0, len(conversation.records), _BATCH):
            await memory.retain(tenant, conversation.records[start : start + _BATCH])
        tell(
            f"{conversation.name}: {len(conversation.records)} records retained in "
            f"{time.perf_counter() - started:.1f} s, {len(conversation.questions)} questions"
        )
        for question in conversation.questions:
            started = time.perf_counter()
            found = await memory.recall(tenant, question.text, limit=k, scope=REPOSITORY)
            taken = 1000 * (time.perf_counter() - started)
            ids = {one.record.id for one in found}
            asked.append(
                Asked(
                    conversation=conversation.name,
                    category=question.category,
                    recall=len(ids & question.evidence) / len(question.evidence),
                    milliseconds=taken,
                )
            )
    if not asked:
        raise ValueError("nothing to evaluate: no question of the file has evidence in its turns")
    return Evaluation(k=k, asked=tuple(asked))


def tenant_of(conversation: Conversation) -> Tenant:
    """The tenant a conversation is measured in."""
    return Tenant.of(0, f"evaluation/{conversation.name}")


def _shares(asked: Sequence[Asked]) -> dict[str, Any]:
    return {
        "recall": round(sum(one.recall for one in asked) / len(asked), 4),
        "recall_all": round(sum(one.recall == 1.0 for one in asked) / len(asked), 4),
        "questions": len(asked),
    }


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
