"""
A check run as GitHub's REST API takes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from odyssey.domain.change import CheckRun
from odyssey.domain.report import TestFailure

NAME = "Odyssey validation"
"""The name a ruleset can require, with the App as its expected source."""

MAX_ANNOTATIONS = 50
"""GitHub's limit for one request; docs.github.com/rest/checks/runs."""
MAX_TEXT = 65_535
"""GitHub's limit for a check run's summary and for its text."""


def has_annotations(check_run: CheckRun) -> bool:
    """Whether any failure names the place it is about."""
    return any(each.path for each in check_run.failures)


def requests(check_run: CheckRun, *, after: int = 0) -> Iterator[dict[str, Any]]:
    """
    The bodies that bring the check run up to date: the first with all, the others append.

    The first *after* annotations are there already.
    """
    annotations = [_annotation(each) for each in check_run.failures if each.path][after:]
    yield {**_state(check_run), "output": _output(check_run, annotations[:MAX_ANNOTATIONS])}
    for start in range(MAX_ANNOTATIONS, len(annotations), MAX_ANNOTATIONS):
        yield {"output": _output(check_run, annotations[start : start + MAX_ANNOTATIONS])}


def _state(check_run: CheckRun) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": NAME,
        "external_id": check_run.external_id,
        "status": "queued",
    }
    if check_run.details_url:
        data["details_url"] = check_run.details_url
    if check_run.started_at:
        data["started_at"] = check_run.started_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        data["status"] = "in_progress"
    if check_run.conclusion:
        data["status"] = "completed"
        data["conclusion"] = check_run.conclusion
        if check_run.completed_at:
            data["completed_at"] = check_run.completed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return data


def _output(check_run: CheckRun, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    output: dict[str, Any] = {
        "title": check_run.title[:255],
        "summary": check_run.summary[:MAX_TEXT],
        "annotations": annotations,
    }
    if check_run.text:
        output["text"] = check_run.text[:MAX_TEXT]
    return output


def _annotation(failure: TestFailure) -> dict[str, Any]:
    line = failure.line or 1
    return {
        "path": failure.path,
        "start_line": line,
        "end_line": line,
        "annotation_level": "failure",
        "title": failure.name[:255],
        # 64 KB is GitHub's limit; a report's messages are far below it.
        "message": failure.message[:4_000] or failure.name,
    }
