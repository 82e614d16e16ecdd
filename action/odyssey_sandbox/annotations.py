"""
The lines that put a failing test beside its code: `::error file=,line=::`.
"""

from __future__ import annotations

from odyssey_sandbox.report import Report

# GitHub shows ten error annotations of one step.
_MOST = 10


def annotate(report: Report) -> list[str]:
    """
    The workflow commands for *report*: its failing tests, or else the reason of its failure.
    """
    lines = [f"::warning title=Odyssey sandbox::{_data(warning)}" for warning in report.warnings]
    if report.failure is None:
        return lines
    with_place = [each for each in report.tests.failures if each.file]
    for each in with_place[:_MOST]:
        place = f"file={_property(each.file or '')}"
        if each.line:
            place += f",line={each.line}"
        title = _property(report.safe(each.name)[:200])
        lines.append(f"::error {place},title={title}::{_data(report.safe(each.message)[:1000])}")
    if len(with_place) < _MOST:
        lines.append(f"::error title=Odyssey sandbox::{_data(report.reason[:1000])}")
    return lines


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
