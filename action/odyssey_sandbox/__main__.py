"""
`python3 -m odyssey_sandbox`: one run as the environment's inputs say; exit status 0 for success.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from odyssey_sandbox.annotations import annotate
from odyssey_sandbox.console import Console
from odyssey_sandbox.inputs import ActionSettings, BadInput, read_settings
from odyssey_sandbox.report import Report
from odyssey_sandbox.summary import summary
from odyssey_sandbox.validation import run_sandbox


def main() -> int:
    """
    Run, report, and answer the exit status: 0 only where everything passed.
    """
    console = Console(is_runner=bool(os.environ.get("GITHUB_ACTIONS")))
    try:
        settings = read_settings(os.environ)
    except BadInput as error:
        report = Report(run_id="", started_at=datetime.now(UTC))
        report.failure, report.failed_phase = error.failure, "setup"
        publish(report, _fallback(), console)
        return 1
    for mask in settings.sandbox.masks:
        console.command(f"::add-mask::{mask}")
    report = run_sandbox(
        settings.sandbox,
        Path(settings.path).resolve(),
        environ=os.environ,
        progress=console,
        temporary_folder=Path(settings.temporary_folder) if settings.temporary_folder else None,
    )
    publish(report, settings, console)
    return 0 if report.failure is None else 1


def publish(report: Report, settings: ActionSettings, console: Console) -> None:
    """
    Write the report, the summary, the annotations and the outputs.
    """
    path = report.write(Path(settings.report_directory))
    if settings.summary_file:
        _append(settings.summary_file, summary(report))
    if settings.output_file:
        tests = report.tests
        _append(
            settings.output_file,
            f"conclusion={report.conclusion}\nreport={path.resolve()}\n"
            f"passed={_shown(tests.passed)}\nfailed={_shown(tests.failed)}\n",
        )
    for line in annotate(report):
        console.command(line)
    console.say(f"Odyssey sandbox: {report.conclusion}: " + " ".join(report.reason.split()))


def _append(path: str, text: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text)


def _shown(count: int | None) -> str:
    return "" if count is None else str(count)


def _fallback() -> ActionSettings:
    given = os.environ.items()
    return read_settings({name: text for name, text in given if not name.startswith("SANDBOX_")})


if __name__ == "__main__":
    sys.exit(main())
