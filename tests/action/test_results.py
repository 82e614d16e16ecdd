"""
Tests counted from what test runners write and print.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey_sandbox.junit import read_junit
from odyssey_sandbox.report import TestCounts
from odyssey_sandbox.testtext import in_checkout, read_output

UNITTEST = """\
import unittest
class SumTest(unittest.TestCase):
    def test_right(self): pass
    def test_wrong(self):
        self.assertEqual(4, 2 + 3)
    def test_broken(self):
        raise RuntimeError("first line\\nsecond line")
    @unittest.skip("later")
    def test_later(self): pass
    def test_many(self):
        for n in (1, 2):
            with self.subTest(n=n):
                self.assertEqual(1, n)
"""
PYTEST = """\
import pytest
def helper(value):
    assert value == 4
def test_right(): pass
def test_wrong():
    helper(5)
@pytest.mark.parametrize("n", [1, 2])
def test_many(n): assert n == 1
@pytest.mark.skip
def test_later(): pass
"""


def counted(counts: TestCounts) -> tuple[int | None, ...]:
    """
    Total, passed, failed, skipped.
    """
    return counts.total, counts.passed, counts.failed, counts.skipped


def test_unittest_is_read_from_what_it_prints(tmp_path: Path) -> None:
    """
    Counts, names, files, lines and messages, from a real run.
    """
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_sum.py").write_text(UNITTEST)
    command = [sys.executable, "-m", "unittest", "discover", "-s", "tests"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    found = read_output(done.stderr, tmp_path)

    failures = {each.name.split("SumTest.")[1]: each for each in found.failures}
    assert counted(found) == (5, 1, 3, 1)
    assert {"test_wrong", "test_broken", "test_many (n=2)"} == set(failures)
    assert (failures["test_wrong"].file, failures["test_wrong"].line) == ("tests/test_sum.py", 5)
    assert failures["test_wrong"].message.startswith("AssertionError: 4 != 5")
    assert failures["test_broken"].message == "RuntimeError: first line\nsecond line"


def test_pytest_is_read_from_what_it_prints(tmp_path: Path) -> None:
    """
    The line blamed is the test's own, where a helper raised.
    """
    (tmp_path / "test_sum.py").write_text(PYTEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    found = read_output(done.stdout, tmp_path)

    assert counted(found) == (5, 2, 2, 1)
    assert [each.name for each in found.failures] == [
        "test_sum.py::test_wrong",
        "test_sum.py::test_many[2]",
    ]
    assert all(each.file == "test_sum.py" and each.line for each in found.failures)


def test_pytest_is_read_from_its_junit_xml(tmp_path: Path) -> None:
    """
    Counted from the test cases, with a place for each failure.
    """
    (tmp_path / "test_sum.py").write_text(PYTEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=j.xml"]
    subprocess.run(command, cwd=tmp_path, capture_output=True)

    found = read_junit((tmp_path / "j.xml").read_bytes(), tmp_path)

    assert found is not None
    assert counted(found) == (5, 2, 2, 1)
    assert (found.failures[0].file, found.failures[0].line) == ("test_sum.py", 3)
    assert found.source == "junit"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "# tests 3\n# suites 0\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 0\n# todo 0\n",
            (3, 2, 1, 0),
        ),
        ("ℹ tests 2\nℹ pass 1\nℹ fail 0\nℹ skipped 1\n", (2, 1, 0, 1)),
        ("--- PASS: TestA (0.00s)\n--- FAIL: TestB (0.01s)\n    b_test.go:7: no\n", (2, 1, 1, 0)),
        ("Ran 0 tests in 0.000s\n\nNO TESTS RAN\n", (0, 0, 0, 0)),
        ("nothing of the kind\n", (None, None, None, None)),
    ],
)
def test_other_runners_are_counted(
    text: str, expected: tuple[int | None, ...], tmp_path: Path
) -> None:
    """
    node --test in both forms, go test -v, and what is not known is left unknown.
    """
    assert expected == counted(read_output(text, tmp_path))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not xml",
        b"<testsuite>",
        b"<html><body/></html>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite><testcase name="&a;"/></testsuite>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>',
        b"<a>" * 100 + b"</a>" * 100,
        b"<testsuite>" + b"<testcase/>" * 100_001 + b"</testsuite>",
    ],
)
def test_what_no_test_runner_writes_is_refused(data: bytes, tmp_path: Path) -> None:
    """
    Document types (and with them entities), depth, masses, and what is no JUnit XML.
    """
    assert read_junit(data, tmp_path) is None


def test_totals_that_a_suite_claims_are_not_believed(tmp_path: Path) -> None:
    """
    Only test cases count.
    """
    data = b'<testsuite tests="99" failures="0"><testcase name="a"><error/></testcase></testsuite>'

    found = read_junit(data, tmp_path)

    assert found is not None
    assert counted(found) == (1, 0, 1, 0)


def test_a_path_outside_the_checkout_is_never_annotated(tmp_path: Path) -> None:
    """
    Absolute, with dots, through a link: none names a file; a container's path finds its end.
    """
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "a.py").write_text("")
    (tmp_path / "passwd").symlink_to("/etc/passwd")

    paths = ["/app/tests/a.py", "/etc/passwd", "../../etc/passwd", "passwd", "", "/", "a\0b"]
    found = [in_checkout(path, tmp_path) for path in paths]

    assert found == ["tests/a.py", None, None, None, None, None, None]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "=" * 70,
                "-" * 70,
                "FAIL: a (b.c)",
                "Ran 1 test in 0.1s",
                "FAILED (failures=1)",
                "OK",
                " " * 90,
                "FAILED a::b - c",
                "___ b ___",
                "1 passed, " * 40 + "in 1s",
                "not ok 1 - x",
                "# tests 1",
                "# fail 1",
                'File "x", line 1',
                "a/b.py:1: ",
                "--- FAIL: T (",
                "=== 1 failed in 0.1s ===",
            ]
        ),
        max_size=300,
    )
)
def test_no_output_takes_long_to_read(lines: list[str]) -> None:
    """
    Hostile repetitions of what the readers look for are read in well under a second.
    """
    text = "\n".join(lines * 20)[:200_000]
    started = time.perf_counter()
    read_output(text, Path("/nonexistent"))

    assert time.perf_counter() - started < 5
