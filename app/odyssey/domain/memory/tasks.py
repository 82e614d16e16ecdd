"""
Task memories: what was done, whether it worked, and what a new task has in common with it.

A task that first failed and then succeeded is remembered as both: the failure says
what to avoid, the success what helped. The same outcome told again replaces itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from odyssey.domain.memory.record import Record, Trust, login_of
from odyssey.domain.memory.scope import REPOSITORY, Scope, Tier
from odyssey.domain.memory.terms import identifiers, terms

SIMILAR = 0.35
"""
Similarity from which a task is shown as similar. all-MiniLM-L6-v2 puts tasks of one
kind at 0.35 to 0.7; a higher threshold leaves most of them out.
"""

MAX_SUMMARY = 20_000
MAX_ERRORS = 50
MAX_ERROR = 500
MAX_FILES = 200

_TASK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#@+-]{0,149}")
_CHANCE = 2
"""Shared terms that are chance: of two short texts, one common word is no likeness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMemory:
    """
    One outcome of one task.

    `scope` says to whom the memory belongs. `error_patterns` are short texts of errors;
    `outcome_ref` is the proposal or pull request; `source` the URL to read it at. `people`
    are logins of others than `actor` whose words are in it, for `forget`.
    `reused_count` counts the tasks that it was suggested for, each once.
    """

    task_id: str
    summary: str
    success: bool
    learned_at: datetime
    scope: Scope = REPOSITORY
    task_type: str = ""
    error_patterns: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    outcome_ref: str = ""
    source: str = ""
    actor: str | None = None
    people: tuple[str, ...] = ()
    trust: Trust = Trust.AGENT
    reused_count: int = 0

    def __post_init__(self) -> None:
        if not _TASK_ID.fullmatch(self.task_id):
            raise ValueError(
                f"task id {self.task_id[:40]!r}: 1 to 150 letters, digits and ._:/#@+- are needed"
            )
        if not self.summary.strip():
            raise ValueError(f"task {self.task_id}: its summary says nothing")
        if self.learned_at.tzinfo is None:
            raise ValueError(f"task {self.task_id}: learned_at has no time zone")

    @property
    def memory_id(self) -> str:
        """The same for the same outcome of the same task in the same tier."""
        name = f"{tier_name(self.scope)}\x1f{self.task_id}\x1f{self.success}"
        return "mem_" + hashlib.sha256(name.encode()).hexdigest()[:20]

    @property
    def said(self) -> str:
        """All of it that can be searched."""
        return "\n".join(filter(None, (self.task_type, self.summary, *self.error_patterns)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarTask:
    """
    A task memory that is like a new task.

    `similarity` is the cosine of their vectors, or, where `by_words`, the `likeness` of
    their words: both are 0 to 1 and compared with one threshold.
    """

    memory: TaskMemory
    similarity: float
    by_words: bool


def tier_name(scope: Scope) -> str:
    """The tier and whose it is, as part of an id; logins are alike in any letter case."""
    name = scope.name or ""
    return f"{scope.tier}\x1f{login_of(name) if scope.tier is Tier.PERSON else name}"


def task_record(memory: TaskMemory) -> Record:
    """The row of the index by which *memory* is found; its source is the row's own id."""
    scope = memory.scope
    name = f"task:{memory.memory_id}"
    return Record(
        id=name,
        kind="task",
        text=memory.said,
        occurred_at=memory.learned_at,
        trust=memory.trust,
        source=name,
        thread=scope.name if scope.tier is Tier.THREAD else None,
        person=scope.name if scope.tier is Tier.PERSON else None,
        tier=scope.tier,
        attributes={
            "task_id": memory.task_id,
            "success": "true" if memory.success else "false",
            "files": ",".join(memory.files[:50]),
            "outcome": memory.outcome_ref,
            # Not the record's actor: a name before every text would make all of them alike.
            "requester": memory.actor or "",
            "reviewer": ",".join(memory.people),
        },
    )


def memory_id_of(record_id: str) -> str:
    """The task memory that a row of the index is of."""
    return record_id.removeprefix("task:")


def likeness(one: str, other: str) -> float:
    """
    How many words two texts share, of the shorter one's, 0 to 1, where there are no vectors.

    Two shared words are put down to chance, so one common word is at most 1/3.
    """
    mine, theirs = _words(one), _words(other)
    shorter = min(len(mine), len(theirs))
    return len(mine & theirs) / (shorter + _CHANCE) if shorter else 0.0


def short_errors(errors: Iterable[str]) -> tuple[str, ...]:
    """Error texts as they are kept: each once, on one line, bounded in length and number."""
    lines = (" ".join(each.split())[:MAX_ERROR] for each in errors)
    return tuple(dict.fromkeys(filter(None, lines)))[:MAX_ERRORS]


def _words(text: str) -> frozenset[str]:
    return frozenset([*terms(text), *identifiers(text)])
