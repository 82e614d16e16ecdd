"""
A change as somebody sent it, before git has seen it, and the check run that shows its fate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from odyssey.domain.identifiers import HeadSha
from odyssey.domain.report import TestFailure


@dataclass(frozen=True, slots=True)
class Patch:
    """A unified diff, as `git diff` prints it."""

    text: str


@dataclass(frozen=True, slots=True)
class Files:
    """Whole files: new content by path, None to delete."""

    contents: Mapping[str, str | None]


Change = Patch | Files


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """
    What Odyssey publishes about one head SHA.

    `conclusion` None means it is not completed; `started_at` None that it is queued.
    `summary` and `text` hold at most 65,535 characters each.
    """

    head_sha: HeadSha
    external_id: str
    title: str
    summary: str
    text: str = ""
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    details_url: str | None = None
    failures: tuple[TestFailure, ...] = ()
