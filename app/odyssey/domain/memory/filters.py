"""
What structured data may be narrowed by: the status of a task, the level of a log entry.

Each has few values, and a word that is none of them finds nothing for ever: it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar


class TaskStatus(StrEnum):
    """How a task stands. What is pending is a proposal that nothing has become of yet."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class LogLevel(StrEnum):
    """How bad a log entry is."""

    CRITICAL = "CRITICAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


class UnknownFilter(ValueError):
    """No row has this value; the message names those that there are."""


_STATUSES = {
    "open": TaskStatus.PENDING,
    "in_progress": TaskStatus.PENDING,
    "done": TaskStatus.COMPLETED,
    "success": TaskStatus.COMPLETED,
    "failure": TaskStatus.FAILED,
}
_LEVELS = {
    "fatal": LogLevel.CRITICAL,
    "err": LogLevel.ERROR,
    "warn": LogLevel.WARNING,
}


def read_status(text: str) -> TaskStatus:
    """
    The status that *text* names, in any letter case and by its usual other names.

    Raises:
        UnknownFilter: it names none.
    """
    return _read("task has the status", text, TaskStatus, _STATUSES)


def read_level(text: str) -> LogLevel:
    """
    The level that *text* names, in any letter case and by its usual other names.

    Raises:
        UnknownFilter: it names none.
    """
    return _read("log entry has the level", text, LogLevel, _LEVELS)


Value = TypeVar("Value", bound=StrEnum)


def _read(what: str, text: str, known: type[Value], others: Mapping[str, Value]) -> Value:
    word = text.strip().casefold().replace("-", "_").replace(" ", "_")
    for each in known:
        if each.value.casefold() == word:
            return each
    if word in others:
        return others[word]
    raise UnknownFilter(f"no {what} {text[:40]!r}: use one of {', '.join(known)}")
