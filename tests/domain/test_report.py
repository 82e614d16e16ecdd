"""
`report.json`: read as the Action writes it, and as data that anybody may have written.
"""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from odyssey.domain.errors import MalformedPayload
from odyssey.domain.report import (
    MAX_FAILURES,
    MAX_NUMBER,
    MAX_REPORT_BYTES,
    MAX_TRANSCRIPT,
    Report,
    TestFailure,
    parse_report,
)
from odyssey_sandbox import failures
from odyssey_sandbox import report as action

HEAD = "1f3c9d2" + "0" * 33
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def an_action_report(**changes: Any) -> action.Report:
    """What the Action reports where everything passed."""
    report = action.Report(run_id="r1", started_at=NOON, head_sha=HEAD, proposal_id="prop_x")
    report.phases = [
        action.Phase(name="build", outcome="passed", started_at=NOON, duration_s=12.5, exit_code=0),
        action.Phase(name="health", outcome="passed", started_at=NOON, duration_s=0.25),
    ]
    report.tests = action.TestCounts(total=3, passed=3, failed=0, skipped=0, source="junit")
    report.finished_at = NOON + timedelta(seconds=20)
    for name, value in changes.items():
        setattr(report, name, value)
    return report


def read(**fields: Any) -> Report:
    """The report whose JSON holds *fields* beside what it must."""
    return parse_report(json.dumps({"head_sha": HEAD, "conclusion": "success", **fields}).encode())


def test_the_action_s_own_success_is_read(tmp_path: Path) -> None:
    """
    Every part that Odyssey shows, from the very file that the Action writes.
    """
    report = parse_report(an_action_report().write(tmp_path).read_bytes())

    assert (report.head_sha, report.conclusion, report.is_success) == (HEAD, "success", True)
    assert report.reason == "All phases passed; 3 tests passed"
    assert (report.passed, report.failed, report.skipped) == (3, 0, 0)
    assert [(each.name, each.outcome, each.duration_s, each.exit_code) for each in report.phases] \
        == [("build", "passed", 12.5, 0), ("health", "passed", 0.25, None)]  # fmt: skip
    assert "=== build: passed in 12.5 s, exit code 0" in report.transcript


def test_the_action_s_own_failure_is_read(tmp_path: Path) -> None:
    """
    With the failing test's name, place and words, and the sentence that says why.
    """
    failed = action.FailedTest(
        name="tests.test_app.test_x", message="1 != 2 \N{SNOWMAN}", file="tests/test_app.py", line=7
    )
    report = an_action_report(
        tests=action.TestCounts(total=3, passed=2, failed=1, failures=(failed,), source="junit"),
        failure=failures.failed(failures.CANCELLED, signal="SIGTERM"),
        failed_phase="tests",
    )
    written = parse_report(report.write(tmp_path).read_bytes())

    assert written.failures == (
        TestFailure(
            name=failed.name, message=failed.message, path="tests/test_app.py", line=7
        ),
    )  # fmt: skip
    assert (written.passed, written.failed, written.skipped) == (2, 1, 0)
    assert (written.conclusion, written.is_success) == ("cancelled", False)
    assert written.reason == report.reason != ""


def test_tests_that_nobody_counted_are_none(tmp_path: Path) -> None:
    """
    The Action writes null for what it could not count.
    """
    report = an_action_report(tests=action.TestCounts())
    written = parse_report(report.write(tmp_path).read_bytes())

    assert (written.passed, written.failed, written.skipped) == (0, 0, 0)
    assert written.failures == ()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"head_sha": "x"}', b'{"conclusion": "success"}',
        b'{"head_sha": 1, "conclusion": "success"}', b'{"head_sha": "x", "conclusion": null}',
        b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000, b" " * (MAX_REPORT_BYTES + 1),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_report_is_malformed(data: bytes) -> None:
    """
    Too large, too deep, not JSON, or without the two fields that matter.
    """
    with pytest.raises(MalformedPayload, match=r"report\.json"):
        parse_report(data)


@pytest.mark.parametrize(
    "duration", ["1" + "0" * 400, "1e999", "-1e999", "NaN", "Infinity", "-5", "true", '"3"', "[]"]
)
def test_a_duration_that_is_none_reads_as_zero(duration: str) -> None:
    """
    Numbers in JSON have no bounds; Python's have.
    """
    text = f'{{"head_sha": "x", "conclusion": "y", "phases": [{{"duration_s": {duration}}}]}}'

    assert parse_report(text.encode()).phases[0].duration_s == 0.0


def test_numbers_beyond_github_s_are_left_out() -> None:
    """
    A line or a count that the API would refuse, or that is no number at all.
    """
    report = read(
        phases=[{"exit_code": True}, {"exit_code": 10**300}, {"exit_code": -9}],
        tests={"passed": 10**300, "failed": -1, "skipped": True,
               "failures": [{"line": MAX_NUMBER + 1}, {"line": 0}, {"line": True}, {"line": 3}]},
    )  # fmt: skip

    assert [each.exit_code for each in report.phases] == [None, None, -9]
    assert (report.passed, report.failed, report.skipped) == (0, 0, 0)
    assert [each.line for each in report.failures] == [None, None, None, 3]


def test_half_a_surrogate_pair_can_be_sent_on() -> None:
    """
    JSON can spell it, UTF-8 cannot: it must break neither the store nor a request.
    """
    half = "a\ud800b"
    report = read(
        reason=half,
        transcript=half,
        phases=[{"name": half, "outcome": half}],
        tests={"failures": [{"name": half, "message": half, "file": half}]},
    )

    assert report.reason == report.transcript == report.phases[0].name == "a?b"
    assert TypeAdapter(Report).dump_json(report)


def test_half_a_surrogate_pair_makes_no_success() -> None:
    """
    Nor does anything else behind the word.
    """
    for conclusion in ("success\ud800", "success ", "Success", "success" + "x" * 100):
        assert not read(conclusion=conclusion).is_success


def test_what_is_no_text_is_left_out() -> None:
    """
    Deeply nested values where text belongs, too: they are not printed.
    """
    deep: Any = "x"
    for _ in range(sys.getrecursionlimit() // 3):
        deep = [deep]
    report = read(reason=deep, transcript=deep, tests={"failures": [{"name": deep, "file": deep}]})

    assert (report.reason, report.transcript) == ("", "")
    assert report.failures == (TestFailure(name="unnamed test", message=""),)


def test_every_part_is_bounded() -> None:
    """
    The end of the transcript is kept: that is where it failed.
    """
    report = read(
        reason="r" * 10_000,
        transcript="x" * 100_000 + "end",
        phases=[{"name": "p" * 100}] * 100,
        tests={"failures": [{"name": "n" * 1_000, "message": "m" * 9_000, "file": "f" * 900}] * 99},
    )

    assert len(report.reason) == 4_000
    assert len(report.transcript) == MAX_TRANSCRIPT and report.transcript.endswith("end")
    assert len(report.phases) == 20 and len(report.phases[0].name) == 40
    assert len(report.failures) == MAX_FAILURES
    assert len(report.failures[0].message) == 4_000


def test_pytest_does_not_take_a_failing_test_for_a_test_class() -> None:
    """
    Its name begins with `Test`.
    """
    assert TestFailure.__test__ is False


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([10**400, math.inf, math.nan, "\ud800", "success", HEAD]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["head_sha", "conclusion", "reason", "phases", "tests", "failures",
                         "duration_s", "exit_code", "file", "line", "message", "name",
                         "transcript", "passed", "outcome"]), inner, max_size=6),
    max_leaves=25,
)  # fmt: skip
_REPORT = st.fixed_dictionaries(
    {"head_sha": st.text(), "conclusion": st.text()},
    optional={
        "reason": _ANY,
        "transcript": _ANY,
        "phases": _ANY | st.lists(st.dictionaries(
            st.sampled_from(["name", "outcome", "duration_s", "exit_code"]), _ANY), max_size=3),
        "tests": _ANY | st.fixed_dictionaries({}, optional={
            "passed": _ANY, "failed": _ANY, "skipped": _ANY,
            "failures": _ANY | st.lists(st.dictionaries(
                st.sampled_from(["name", "file", "line", "message"]), _ANY), max_size=3)}),
    },
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_REPORT | _ANY)
def test_whatever_json_says_is_a_report_or_malformed(value: Any) -> None:
    """
    Nothing but `MalformedPayload` is raised, and what is read can be stored.
    """
    try:
        report = parse_report(json.dumps(value).encode("utf-8", "surrogatepass"))
    except MalformedPayload:
        return

    assert TypeAdapter(Report).dump_json(report)
    assert all(math.isfinite(each.duration_s) for each in report.phases)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_malformed(data: bytes) -> None:
    """
    Hardly any bytes are a report; none of them raises anything else.
    """
    with pytest.raises(MalformedPayload):
        parse_report(data)


def test_what_a_change_does_to_its_own_measure_is_read_in_sentences() -> None:
    """Only texts, bounded in number and length, survive."""
    statements = ["tests deleted: 1 (test_a)", 7, "x" * 999, *["more"] * 50]
    data = json.dumps(
        {"head_sha": "a" * 40, "conclusion": "success", "measure": {"statements": statements}}
    )

    report = parse_report(data.encode())

    assert report.measure[0] == "tests deleted: 1 (test_a)"
    assert len(report.measure[1]) == 300
    assert len(report.measure) <= 12
