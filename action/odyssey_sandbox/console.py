"""
What the job's log shows: one group for each phase, with nothing in it that the runner obeys.
"""

from __future__ import annotations

import secrets
import sys
from typing import TextIO

from odyssey_sandbox.report import Phase, PhaseName, Report

_MARKS = {"passed": "ok", "skipped": "--"}


class Console:
    """
    Writes to *out*; with *is_runner* in the commands of GitHub's runner.
    """

    def __init__(self, *, is_runner: bool, out: TextIO | None = None) -> None:
        self._is_runner = is_runner
        self._out = out or sys.stdout

    def started(self, name: PhaseName) -> None:
        """
        One line, so that a long phase is seen to be at work.
        """
        self._line(f"{name} ...")

    def ended(self, phase: Phase, report: Report) -> None:
        """
        One line with the outcome, and the log where there is one.
        """
        mark = _MARKS.get(phase.outcome, phase.outcome)
        detail = report.safe(phase.detail).replace("\n", " ")
        self._line(f"{phase.name}: {mark} in {phase.duration_s:.1f} s  {detail}")
        if phase.log is not None and phase.log.size:
            self.quote(f"{phase.name} log", phase.log.text(report.masks))

    def quote(self, title: str, text: str) -> None:
        """
        Untrusted *text* under *title*: the runner is told to obey nothing until a random word
        comes, and no line begins as a command.
        """
        word = secrets.token_hex(16)
        if self._is_runner:
            self._line(f"::group::{title}")
            self._line(f"::stop-commands::{word}")
        for line in text.splitlines():
            self._line("| " + line.replace("##[", "# #["))
        if self._is_runner:
            self._line(f"::{word}::")
            self._line("::endgroup::")

    def command(self, line: str) -> None:
        """
        A workflow command of our own; nothing outside a runner.
        """
        if self._is_runner:
            self._line(line)

    def say(self, text: str) -> None:
        """
        A sentence of our own.
        """
        self._line(text)

    def _line(self, text: str) -> None:
        self._out.write(text.encode("utf-8", "replace").decode() + "\n")
        self._out.flush()
