"""
JUnit XML, as data from the untrusted side: no entities, no document type, bounded everywhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.parsers import expat

from odyssey_sandbox.report import FailedTest, TestCounts
from odyssey_sandbox.testtext import in_checkout, place_in

_MAX_TESTS = 100_000
_MAX_FAILURES = 200
_MAX_TEXT = 8_000
_MAX_DEPTH = 64


class _Refused(Exception):
    """
    The document is not one that a test runner writes.
    """


def read_junit(data: bytes, checkout: Path) -> TestCounts | None:
    """
    The tests in *data*; None where it is no JUnit XML, or more than a test runner would write.

    Counted from the `testcase` elements, never from the totals that a suite claims.
    """
    reader = _Reader(checkout)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    # An entity can only be declared in a document type: refusing that ends every entity bomb.
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, _Refused, ValueError):
        return None
    return reader.counts() if reader.saw_suite else None


class _Reader:
    def __init__(self, checkout: Path) -> None:
        self._checkout = checkout
        self._depth = 0
        self._total = self._failed = self._skipped = 0
        self._failures: list[FailedTest] = []
        self._case: dict[str, str] = {}
        self._outcome = ""
        self._message = ""
        self._text: list[str] = []
        self._text_size = 0
        self._in_problem = False
        self.saw_suite = False

    def refuse(self, *_: object) -> None:
        raise _Refused

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _Refused
        match name:
            case "testsuite" | "testsuites":
                self.saw_suite = True
            case "testcase":
                self._total += 1
                if self._total > _MAX_TESTS:
                    raise _Refused
                self._case, self._outcome, self._message = attributes, "", ""
                self._text, self._text_size = [], 0
            case "failure" | "error":
                self._outcome = "failed"
                self._message = attributes.get("message", "")[:_MAX_TEXT]
                self._in_problem = True
            case "skipped" if not self._outcome:
                self._outcome = "skipped"

    def text(self, data: str) -> None:
        if self._in_problem and self._text_size < _MAX_TEXT:
            self._text.append(data[:_MAX_TEXT])
            self._text_size += len(data)

    def end(self, name: str) -> None:
        self._depth -= 1
        match name:
            case "failure" | "error":
                self._in_problem = False
            case "testcase" if self._outcome == "failed":
                self._failed += 1
                if len(self._failures) < _MAX_FAILURES:
                    self._failures.append(self._failure())
            case "testcase" if self._outcome == "skipped":
                self._skipped += 1

    def counts(self) -> TestCounts:
        return TestCounts(
            total=self._total,
            passed=self._total - self._failed - self._skipped,
            failed=self._failed,
            skipped=self._skipped,
            failures=tuple(self._failures),
            source="junit",
        )

    def _failure(self) -> FailedTest:
        text = "".join(self._text)[:_MAX_TEXT]
        name = ".".join(
            part for part in (self._case.get("classname"), self._case.get("name")) if part
        )
        file = in_checkout(self._case.get("file", ""), self._checkout)
        line = _line(self._case.get("line", ""))
        found = place_in(text, self._checkout, prefer=file)
        if found is not None:
            file, line = found
        return FailedTest(
            name=name or "unnamed test",
            message=self._message or (text.strip().splitlines() or ["failed"])[-1],
            file=file,
            line=line if file else None,
        )


def _line(text: str) -> int | None:
    # pytest counts from 0 in its xunit1 family; a place in the traceback comes first anyway.
    return int(text) if re.fullmatch(r"[1-9]\d{0,6}", text) else None
