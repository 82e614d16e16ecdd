"""
CODEOWNERS as GitHub reads it: the last line that names a path decides alone.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.domain.codeowners import (
    MAX_CODEOWNERS,
    MAX_RULES,
    MAX_WILDCARDS,
    CodeownersUnreadable,
    Owner,
    OwnerKind,
    read_codeowners,
)

# The examples of docs.github.com, "About code owners", with other words.
DOCUMENTED = """\
# Whoever is named here owns everything that no later line names.
*       @all1 @all2

*.js    @js # beside a path, this is a remark, with @nobody in it
*.go go@example.com
*.txt @acme/writers
/build/logs/ @logs
docs/*  docs@example.com
apps/ @apps
/docs/ @docs
/scripts/ @one @two
**/logs @deep
/apps/github
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("README.md", "all1 all2"),
        ("a/b/c.rs", "all1 all2"),
        ("a.js", "js"),
        ("deep/down/a.js", "js"),
        ("a.go", "go@example.com"),
        ("x/a.txt", "acme/writers"),
        ("build/logs/a.rs", "deep"),
        ("build/out.rs", "all1 all2"),
        ("docs/a.rs", "docs"),
        ("docs/a/b.rs", "docs"),
        ("lib/docs/a.rs", "all1 all2"),
        ("lib/apps/a.rs", "apps"),
        ("apps/a.rs", "apps"),
        ("apps/github/a.rs", ""),
        ("scripts/x/y", "one two"),
        ("deep/logs/x", "deep"),
    ],
)
def test_the_documented_examples_mean_what_they_are_documented_to_mean(
    path: str, owners: str
) -> None:
    """
    Everything, an ending, a folder at the top or anywhere, a folder only, and nobody.
    """
    found = read_codeowners(DOCUMENTED).of(path)

    assert [each.name for each in found] == owners.split()


@pytest.mark.parametrize(
    ("line", "path", "is_owned"),
    [
        ("docs/* @x", "docs/a.md", True),
        ("docs/* @x", "docs/a/b.md", False),
        ("/* @x", "a.md", True),
        ("/* @x", "a/b.md", False),
        ("**/* @x", "a/b/c.md", True),
        ("src/**/gen/* @x", "src/a/gen/b.py", True),
        ("src/**/gen/* @x", "src/a/gen/b/c.py", False),
        ("docs @x", "docs/a/b.md", True),
        ("docs/ @x", "docs", False),
        ("/a\\ b/ @x", "a b/c", True),
        ("a.py\t@x", "a.py", True),
        ("a.py @x\r", "a.py", True),
        ("A.py @x", "a.py", False),
        ("a#b @x", "a#b", True),
        ("!a.py @x", "a.py", False),
        ("[ab].py @x", "a.py", False),
        ("\\#a @x", "#a", False),
        ("a.py x", "a.py", False),
        ("a.py @x @", "a.py", False),
        ("a.py @x/y/z", "a.py", False),
    ],
)
def test_what_a_line_names(line: str, path: str, is_owned: bool) -> None:
    """
    As in `.gitignore`, but for what GitHub says does not work, which makes a line be left out.
    """
    assert bool(read_codeowners(line).of(path)) is is_owned


def test_owners_are_people_teams_and_addresses() -> None:
    """
    Only the first two can be asked about.
    """
    found = read_codeowners("* @Ben @acme/docs team@example.com").of("x")

    assert found == (
        Owner(OwnerKind.USER, "Ben"),
        Owner(OwnerKind.TEAM, "acme/docs"),
        Owner(OwnerKind.EMAIL, "team@example.com"),
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_how_a_line_ends_and_a_file_begins_takes_nobody_s_paths_away(end: str) -> None:
    """
    Editors write a byte order mark and any of three line ends.
    """
    found = read_codeowners(f"\ufeff* @a{end}/docs/ @b{end}")

    assert [each.name for each in (*found.of("x"), *found.of("docs/x"))] == ["a", "b"]


def test_lines_that_cannot_be_read_are_counted() -> None:
    """
    So that it can be said which.
    """
    found = read_codeowners("* @a\n\n[x] @b\n# c\n!d @e\n")

    assert found.skipped == (3, 5)
    assert len(found.rules) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\0", "no text"),
        ("#" * (MAX_CODEOWNERS + 1), "over 500000 characters"),
        ("a @b\n" * (MAX_RULES + 1), "over 3000 lines"),
        ("*a*b*c @b\n" * (MAX_WILDCARDS // 3 + 1), "over 6000 wildcards"),
    ],
)
def test_a_file_that_cannot_be_used_is_not_an_empty_one(text: str, words: str) -> None:
    """
    Or nobody would own what somebody owns.
    """
    with pytest.raises(CodeownersUnreadable, match=words):
        read_codeowners(text)


def test_no_file_owns_nothing() -> None:
    """
    Then the approvals are all that is asked.
    """
    assert read_codeowners(None).of("a") == ()


@settings(max_examples=300, deadline=None)
@given(st.text("ab*?/\\# @!\n[]x.", max_size=60), st.text("ab/.x", min_size=1, max_size=20))
def test_any_text_is_read(text: str, path: str) -> None:
    """
    Nothing but that it cannot be used is ever raised.
    """
    owners = read_codeowners(text).of(path)

    assert all(each.name for each in owners)


def test_the_largest_file_is_read_in_time() -> None:
    """
    Three thousand lines and a hundred paths keep a worker busy for a moment only.
    """
    lines = [f"/folder{number}/x*.py @owner{number}" for number in range(MAX_RULES)]
    started = time.process_time()
    found = read_codeowners("\n".join(lines))
    for number in range(100):
        found.of(f"other{number}/a/b/c/part/xx.js")

    assert time.process_time() - started < 5


def test_the_hardest_file_is_read_in_time() -> None:
    """
    As many wildcards as are taken, against paths as long as git lets them be.
    """
    line = "**/" + "*a" * 30 + "b @x\n"
    found = read_codeowners(line * (MAX_WILDCARDS // line.count("*")))
    started = time.process_time()
    for number in range(10):
        found.of(("a" * 250 + "/") * 4 + f"a{number}")

    assert time.process_time() - started < 5
