"""
The step summary: what a person needs in ten seconds, then the rest.
"""

from __future__ import annotations

import re

from odyssey_sandbox.quantities import show_duration, show_size
from odyssey_sandbox.report import Phase, Report

# 1 MiB is GitHub's limit for one step's summary; this stays far below it.
_TAIL_LINES = 40
_MOST_FAILURES = 20
_SOURCES = {"engine": "", "output": " (guessed from the output)"}
_SIGNS = {
    "success": "passed",
    "failure": "failed",
    "timed_out": "timed out",
    "cancelled": "cancelled",
    "error": "could not judge",
}


def summary(report: Report) -> str:
    """
    *report* in GitHub's Markdown; nothing in it that came from the sandbox is live markup.
    """
    parts = [f"## Sandbox: {_SIGNS[report.conclusion]}", "", _text(report.reason) + ".", ""]
    if report.failure is not None:
        cause = report.failure.cause
        parts += [f"**Usual cause.** {cause.usual_cause}", "", _fenced(cause.remedy, "yaml"), ""]
    parts += _phases(report)
    parts += _failures(report)
    parts += _measure(report)
    if report.findings:
        parts += ["", "**Noticed**", ""]
        parts += [f"- {_text(each.detail)}{_SOURCES[each.source]}" for each in report.findings]
    parts += [f"> {_text(warning)}" for warning in report.warnings]
    parts += _tail(report)
    parts += ["", f"<sub>{_facts(report)}</sub>"]
    return "\n".join(parts) + "\n"


def _phases(report: Report) -> list[str]:
    lines = ["| phase | outcome | time | |", "| --- | --- | ---: | --- |"]
    for phase in report.phases:
        detail = _text(report.safe(phase.detail)[:200])
        lines.append(
            f"| {phase.name} | {phase.outcome} | {show_duration(phase.duration_s)} | {detail} |"
        )
    tests = report.tests
    if tests.total is not None:
        counted = f"{tests.passed} passed, {tests.failed} failed, {tests.skipped} skipped"
        lines += ["", f"{tests.total} tests: {counted}."]
    return lines


def _failures(report: Report) -> list[str]:
    if not report.tests.failures:
        return []
    lines = ["", "| failing test | where | message |", "| --- | --- | --- |"]
    for each in report.tests.failures[:_MOST_FAILURES]:
        place = f"{each.file}:{each.line}" if each.line else each.file or ""
        message = report.safe(each.message).splitlines()[0][:300] if each.message else ""
        lines.append(
            f"| {_text(report.safe(each.name)[:200])} | {_text(place)} | {_text(message)} |"
        )
    if len(report.tests.failures) > _MOST_FAILURES:
        lines.append(f"| and {len(report.tests.failures) - _MOST_FAILURES} more | | |")
    return lines


def _measure(report: Report) -> list[str]:
    if not report.measure:
        return []
    lines = ["", "**The change alters its own measure**", ""]
    lines += [f"- {_text(report.safe(str(each)))}" for each in report.measure.get("statements", [])]
    return lines


def _tail(report: Report) -> list[str]:
    if report.failure is None:
        return []
    decisive = [phase for phase in report.phases if phase.log is not None and phase.log.size]
    chosen: Phase | None = next((each for each in decisive if each.outcome != "passed"), None)
    if chosen is None or chosen.log is None:
        return []
    lines = chosen.log.text(report.masks).rstrip().splitlines()[-_TAIL_LINES:]
    text = "\n".join(line[:400] for line in lines)
    title = f"<details><summary>Last lines of the {chosen.name} log</summary>"
    return ["", title, "", _fenced(text), "", "</details>"]


def _facts(report: Report) -> str:
    facts = [f"{report.engine_name} {report.engine_version}".strip()]
    if report.head_sha:
        facts.append(f"head {report.head_sha[:12]}")
    if report.image.id:
        image = report.image.id.removeprefix("sha256:")[:12]
        facts.append(f"image {image} ({show_size(report.image.size)})")
    facts.append(f"network {report.limits.get('network', '')}")
    memory = report.limits.get("memory")
    if isinstance(memory, int):
        facts.append(f"memory {show_size(memory)}")
    return _text(", ".join(each for each in facts if each))


def _text(text: str) -> str:
    # Entities for what Markdown, HTML, mentions and tables would make something of.
    text = " ".join(text.split())
    return re.sub(r"[&<>\"'\\`*_{}\[\]()#!|@~]", lambda found: f"&#{ord(found[0])};", text)


def _fenced(text: str, language: str = "text") -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
