"""
The parts that decide before anything is started: inputs, Dockerfiles, copies, names, texts.
"""

from __future__ import annotations

import os
import stat
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from odyssey_sandbox.annotations import annotate
from odyssey_sandbox.counting import count
from odyssey_sandbox.dockerfile import forbidden
from odyssey_sandbox.failures import CAUSES, TESTS_FAILED, Failure, failed
from odyssey_sandbox.inputs import BadInput, read_settings
from odyssey_sandbox.measure import combine, compare, matches
from odyssey_sandbox.names import is_over, new_run, parse_run
from odyssey_sandbox.report import FailedTest, Report, TestCounts
from odyssey_sandbox.staging import Staged, stage
from odyssey_sandbox.summary import summary


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SANDBOX_DOCKER_MEMORY_LIMIT", "lots"),
        ("SANDBOX_DOCKER_CPU_LIMIT", "-1"),
        ("SANDBOX_DOCKER_NETWORK", "host"),
        ("SANDBOX_APP_PORT_IN_CONTAINER", "70000"),
        ("SANDBOX_HOST_PORT_FOR_HEALTH_CHECK", "8000"),
        ("SANDBOX_HEALTH_CHECK_ENDPOINT", "http://192.0.2.1/"),
        ("SANDBOX_DOCKER_NO_NEW_PRIVILEGES", "perhaps"),
        ("SANDBOX_ENGINE", "chroot"),
        ("SANDBOX_IMAGE", "--privileged"),
        ("SANDBOX_TARGET", "-x"),
        ("SANDBOX_USER", "--privileged"),
        ("SANDBOX_TMPFS", "/../etc:size=1m"),
        ("SANDBOX_TMPFS", "/tmp:size=1m,suid"),
        ("SANDBOX_ENV", "no assignment"),
        ("SANDBOX_BUILD_ARGS", "--x"),
        ("SANDBOX_BUILD_NETWORK", "host"),
        ("SANDBOX_SIDECARS", "db postgres"),
        ("SANDBOX_DEFAULT_TEST_COMMAND", "[1]"),
        ("SANDBOX_HEAD_SHA", "main"),
        ("SANDBOX_TEST_TIMEOUT", "0"),
        ("SANDBOX_JUNIT_PATH", "-rf"),
        ("SANDBOX_PIDS", "0"),
    ],
)
def test_an_input_that_cannot_be_used_is_named(variable: str, text: str) -> None:
    """
    Before anything is started, with what is wrong; nothing can pass as an option of the engine.
    """
    with pytest.raises(BadInput) as raised:
        read_settings({variable: text})

    assert raised.value.failure.cause.code == "bad_input"


def test_commands_are_lists_or_lines_of_a_shell() -> None:
    """
    A JSON list is started as it is.
    """
    environ = {"SANDBOX_DEFAULT_TEST_COMMAND": "npm test", "SANDBOX_COMMAND": '["/app", "-x y"]'}
    found = read_settings(environ).sandbox

    assert found.test_command == ("sh", "-c", "npm test")
    assert found.command == ("/app", "-x y")


REMOTE = [
    "ADD http://192.0.2.1/x /x",
    "add https://example.org/x /x",
    "  ADD   --chmod=755 https://example.org/x /x",
    'ADD ["https://example.org/x", "/x"]',
    "ADD git@github.com:a/b.git /x",
    "ADD git://example.org/b.git /x",
    "ADD local http://192.0.2.1/x /x",
    "ADD $WHERE /x",
    "ADD ${WHERE} /x",
    "ADD \\\n  http://192.0.2.1/x /x",
    "ADD \\\n# comment\n\n  http://192.0.2.1/x /x",
    "A\\\nDD http://192.0.2.1/x /x",
    "ONBUILD ADD http://192.0.2.1/x /x",
    "# escape=`\nADD `\n http://192.0.2.1/x /x",
    "RUN cat <<EOF\nADD http://192.0.2.1/x /x\nEOF",
    "ADD http://192.0.2.1/x \\\n /x",
    "ADD ftp://192.0.2.1/x /x",
]


@pytest.mark.parametrize("line", REMOTE)
def test_what_the_engine_would_fetch_is_found_in_any_disguise(line: str, tmp_path: Path) -> None:
    """
    Case, options, lists, continuations, split keywords, escapes, comments, here-documents.
    """
    file = tmp_path / "Dockerfile"
    file.write_text(f"{line}\n" if line.startswith("# esc") else f"FROM a\n{line}\n")

    found = forbidden(file)

    assert found is not None
    assert found.cause.code == "remote_source"


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nADD archive.tar.gz /x\nCOPY . .\nRUN curl https://example.org\n",
        "# syntax=docker/dockerfile:1\nFROM a\nADD --chown=1:1 a b /c/\n",
        "FROM a\nRUN echo \\\n  ADD nothing\nENV ADD=1\nLABEL url=https://example.org\n",
        'FROM a\nRUN pip install address\nCMD ["./ADD"]\n',
    ],
)
def test_an_ordinary_dockerfile_is_left_alone(text: str, tmp_path: Path) -> None:
    """
    ADD of local files, and addresses in other instructions.
    """
    file = tmp_path / "Dockerfile"
    file.write_text(text)

    assert forbidden(file) is None


def test_a_copy_holds_files_and_links_but_no_git_pipes_or_devices(tmp_path: Path) -> None:
    """
    Links are copied as links, wherever they point; modes are kept.
    """
    source = tmp_path / "source"
    (source / "sub" / ".git").mkdir(parents=True)
    (source / ".git").write_text("gitdir: elsewhere")
    (source / "sub" / "run.sh").write_text("x")
    (source / "sub" / "run.sh").chmod(0o755)
    (source / "link").symlink_to("/etc/passwd")
    (source / "folder").symlink_to("/etc")
    os.mkfifo(source / "pipe")

    staged = stage(source, tmp_path / "copy", max_size=100)

    assert isinstance(staged, Staged)
    found = sorted(str(path.relative_to(staged.folder)) for path in staged.folder.rglob("*"))
    assert found == ["folder", "link", "sub", "sub/run.sh"]
    assert str((staged.folder / "link").readlink()) == "/etc/passwd"
    assert stat.S_IMODE((staged.folder / "sub" / "run.sh").stat().st_mode) == 0o755


def test_a_checkout_over_the_limit_is_refused(tmp_path: Path) -> None:
    """
    A sparse file counts by what it claims, since the engine would send all of it.
    """
    source = tmp_path / "source"
    source.mkdir()
    with (source / "huge").open("wb") as file:
        file.truncate(1 << 40)

    found = stage(source, tmp_path / "copy", max_size=1 << 30)

    assert isinstance(found, Failure)
    assert found.cause.code == "context_too_large"


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("tests/a/b.py", "tests/**", True),
        ("a/tests/b.py", "tests/**", False),
        ("a/tests/b.py", "**/tests/**", True),
        ("test_a.py", "**/test_*.py", True),
        ("x/test_a.py", "**/test_*.py", True),
        ("x/test_a/b.py", "**/test_*.py", False),
        ("Dockerfile", "Dockerfile", True),
        ("a/Dockerfile", "Dockerfile", False),
        ("Dockerfile.x", "Dockerfile", False),
        ("a.test.js", "**/*.test.*", True),
        ("pytest.ini", "pytest?ini", True),
    ],
)
def test_globs_mean_what_git_says(path: str, pattern: str, fits: bool) -> None:
    """
    Two stars span folders, one does not, a dot is a dot.
    """
    assert fits == matches(path, [pattern])


def test_old_tests_are_laid_over_new_code_without_following_links(tmp_path: Path) -> None:
    """
    A folder that the change made a link is a folder again; nothing is written through it.
    """
    outside = tmp_path / "outside"
    outside.mkdir()
    code, tests = tmp_path / "code", tmp_path / "tests"
    (code / "src").mkdir(parents=True)
    (code / "src" / "a.py").write_text("new")
    (code / "tests").symlink_to(outside)
    (tests / "tests").mkdir(parents=True)
    (tests / "tests" / "t.py").write_text("old")
    (tests / "src").mkdir()
    (tests / "src" / "a.py").write_text("old")

    combine(code, tests, tmp_path / "both", ("tests/**", "tests"))
    difference = compare(tests, code, ("tests/**", "tests"))

    both = tmp_path / "both"
    assert ((both / "src/a.py").read_text(), (both / "tests/t.py").read_text()) == ("new", "old")
    assert not (both / "tests").is_symlink()
    assert list(outside.iterdir()) == []
    assert (
        difference.added,
        difference.changed,
        difference.removed,
    ) == (("tests",), (), ("tests/t.py",))


def test_tests_assertions_and_skips_are_counted_in_many_languages(tmp_path: Path) -> None:
    """
    By reading the files; nothing of them is run.
    """
    files = {
        "test_a.py": "import pytest\n@pytest.mark.skip\ndef test_a():\n    assert 1\n"
        "class T:\n    @skipIf(x, '')\n    def test_b(self): self.assertEqual(1, 1)\n",
        "b.test.js": "it('adds', () => { expect(1).toBe(1) })\nit.skip('later', () => {})\n",
        "c_test.go": 'func TestC(t *testing.T) {\n  t.Skip()\n  t.Errorf("x")\n}\n',
        "broken.py": "def test_(:",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    found = count(tmp_path, files)

    assert {
        "test_a.py::test_a",
        "test_a.py::T.test_b",
        "b.test.js::adds",
        "c_test.go::TestC",
    } == found.tests
    assert (found.assertions, found.skips) == (4, 4)


def test_a_run_is_over_when_its_process_is_gone_or_its_time_is_up() -> None:
    """
    A number that another process has taken over since is not mistaken for it.
    """
    run = new_run(lasts_s=60)
    now = time.time()

    assert run == parse_run(str(run))
    assert not is_over(run, now=now)
    assert is_over(run, now=now + 3600)
    assert is_over(replace(run, started=run.started + 1), now=now)
    assert not is_over(replace(run, namespace=run.namespace + 1, pid=4_000_000), now=now)
    assert [parse_run("latest"), parse_run("")] == [None, None]


def report_of(name: str, message: str) -> Report:
    """
    A report with one failing test.
    """
    report = Report(run_id="0badcafe", started_at=datetime.now(UTC))
    failure = FailedTest(name=name, message=message, file="a,b:c.py", line=3)
    report.tests = TestCounts(total=1, passed=0, failed=1, skipped=0, failures=(failure,))
    report.failure = failed(TESTS_FAILED, summary=f"1 of 1 tests failed: {name}")
    report.failed_phase = "tests"
    return report


def test_an_annotation_is_one_command_whatever_the_test_is_called() -> None:
    """
    New lines, commas, colons and percent signs are escaped as the runner asks.
    """
    lines = annotate(report_of("a\n::error::b", "100%\r\n::set-output name=x::y"))

    place = "file=a%2Cb%3Ac.py,line=3,title=a%0A%3A%3Aerror%3A%3Ab"
    assert lines[0] == f"::error {place}::100%25%0A::set-output name=x::y"
    assert all("\n" not in line for line in lines)


def test_the_summary_has_no_live_markup_from_the_sandbox() -> None:
    """
    HTML, links, mentions, tables, fences and headings are text.
    """
    text = summary(report_of("<img src=x> | @all [a](b)", "</details>\n```\n# heading"))

    assert not [
        live for live in ("<img", "@all", "[a](b)", "\n# heading", "</details>\n`") if live in text
    ]


def test_every_cause_can_be_told_apart_and_says_what_to_do() -> None:
    """
    Codes are unique; each has a usual cause and lines that mend it.
    """
    assert len({cause.code for cause in CAUSES}) == len(CAUSES) > 30
    assert all(cause.usual_cause and cause.remedy for cause in CAUSES)
