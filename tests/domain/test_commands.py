"""
Commands in comments: where they count, how they are read, and what never fires.
"""

from __future__ import annotations

from time import process_time
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.domain.change import Files, Patch
from odyssey.domain.commands import (
    KNOWN,
    MAX_COMMANDS,
    MAX_COMMENT,
    Approve,
    Command,
    Forget,
    Help,
    Malformed,
    Propose,
    Reject,
    Remember,
    Revert,
    StatusAsked,
    Unknown,
    Update,
    Validate,
    Why,
    format_help,
    parse_commands,
)

DIFF = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("/odyssey validate", Validate()),
        ("/odyssey status", StatusAsked()),
        ("/odyssey help", Help()),
        ("/odyssey", Help()),
        ("   /odyssey validate   ", Validate()),
        ("/ODYSSEY Validate", Validate()),
        ("/odyssey validate, please", Validate()),
        ("/odyssey\tvalidate", Validate()),
        ("Thank you!\n/odyssey validate", Validate()),
        ("/odyssey validate\r\n", Validate()),
        ("/odyssey reject not wanted", Reject("not wanted")),
        ("/odyssey reject not wanted\nby anybody", Reject("not wanted\nby anybody")),
        ("/odyssey statsu", Unknown("statsu", "status")),
        ("/odyssey valdate", Unknown("valdate", "validate")),
        ("/odyssey frobnicate", Unknown("frobnicate", None)),
        ("<details>\n\n</details>\n\n/odyssey status", StatusAsked()),
    ],
)
def test_a_line_that_begins_with_odyssey_is_a_command(body: str, command: Command) -> None:
    """
    One line, at its beginning, whatever its case and its line end.
    """
    assert parse_commands(body) == [command]


@pytest.mark.parametrize(
    "body",
    [
        "> /odyssey validate",
        "> quoted\n/odyssey validate",
        "> > /odyssey validate",
        "- /odyssey validate",
        "1. /odyssey validate",
        "- item\n  /odyssey validate",
        "# /odyssey validate",
        "/odyssey validate\n===",
        "    /odyssey validate",
        "```\n/odyssey validate\n```",
        "~~~\n/odyssey validate\n~~~",
        "```\n/odyssey validate",
        "`/odyssey validate`",
        "`a\n/odyssey validate`",
        "<!--\n/odyssey validate\n-->",
        "<!-- never closed\n\n/odyssey validate",
        "a <!--\n/odyssey validate\n--> b",
        "[/odyssey validate](https://example.com)",
        "[a\n/odyssey validate](https://example.com)",
        "**a\n/odyssey validate**",
        "<pre>\n/odyssey validate\n</pre>",
        "<blockquote>\n\n/odyssey validate\n\n</blockquote>",
        "<details><summary>a</summary>\n\n/odyssey validate\n\n</details>",
        "a <del>\n/odyssey validate</del>",
        "| a |\n|---|\n/odyssey validate",
        "Say /odyssey validate",
        "\\/odyssey validate",
        "&#47;odyssey validate",
        "/odysseyvalidate",
        "/odyssey-validate",
        "/odyssey/validate",
        "https://example.com/odyssey validate",
        "On Mon, 3 Nov 2026, Bob <b@example.com> wrote:\n/odyssey validate",
        "Hello\n\n-----Original Message-----\nFrom: Bob\n\n/odyssey validate",
        "",
        "odyssey validate",
    ],
)
def test_quotes_code_and_hidden_text_never_fire(body: str) -> None:
    """
    Quoted, fenced, linked, listed and commented lines are somebody's text, not a command.
    """
    assert parse_commands(body) == []


def test_several_commands_are_given_in_order() -> None:
    """
    One comment may hold several; the text of one ends where the next begins.
    """
    commands = parse_commands("/odyssey reject too\nlong\n/odyssey status\n\ntext\n\n/odyssey help")

    assert commands == [Reject("too\nlong"), StatusAsked(), Help()]


def test_at_most_ten_commands_are_carried_out() -> None:
    """
    The eleventh and later are refused with one answer, not with many.
    """
    commands = parse_commands("/odyssey status\n\n" * 12)

    assert commands[:MAX_COMMANDS] == [StatusAsked()] * MAX_COMMANDS
    assert len(commands) == MAX_COMMANDS + 1
    assert isinstance(commands[-1], Malformed)


def test_invisible_characters_in_a_command_are_left_out_and_reported() -> None:
    """
    A pasted zero-width space does not turn a command into an unknown word, nor pass unseen.
    """
    [command] = parse_commands("/odyssey vali\u200bdate\U000e0041")

    assert isinstance(command, Validate)
    assert [each.notation for each in command.hidden] == ["U+200B", "U+E0041"]


def test_a_diff_in_a_fenced_block_is_the_change() -> None:
    """
    The block's language says it is a diff; text before it becomes the message's body.
    """
    body = f"/odyssey propose fix: It\nbecause\n\nit was broken\n```diff\n{DIFF}```\nThanks!"

    message = "fix: It\n\nbecause\n\nit was broken"

    assert parse_commands(body) == [Propose(message, Patch(DIFF), message)]


@pytest.mark.parametrize(
    ("block", "path", "content"),
    [
        ("```python src/x.py\na\n```", "src/x.py", "a\n"),
        ("```src/x.py\na\n```", "src/x.py", "a\n"),
        ("```python:src/x.py\na\n```", "src/x.py", "a\n"),
        ('```py title="src/x y.py"\na\n```', "src/x y.py", "a\n"),
        ("```py path=src/x.py\na\n```", "src/x.py", "a\n"),
        ("```py {file='src/x.py'}\na\n```", "src/x.py", "a\n"),
        ("```dockerfile Dockerfile\na\n```", "Dockerfile", "a\n"),
        ("```.gitignore\na\n```", ".gitignore", "a\n"),
        ("`src/x.py`\n```python\na\n```", "src/x.py", "a\n"),
        ("**src/x.py**\n\n```python\na\n```", "src/x.py", "a\n"),
        ("**`src/x.py`**:\n```python\na\n```", "src/x.py", "a\n"),
        ("### `Makefile`\n```\na\n```", "Makefile", "a\n"),
        ("~~~~ python src/x.py\n```\na\n```\n~~~~", "src/x.py", "```\na\n```\n"),
        ("```delete src/x.py\n```", "src/x.py", None),
        ("`src/x.py`\n```delete\n```", "src/x.py", None),
        ("```src/x.py\n```", "src/x.py", ""),
        ("```src/x.py\n/odyssey help\n\ta\n```", "src/x.py", "/odyssey help\n\ta\n"),
        ("  ```src/x.py\n  a\n    b\n  ```", "src/x.py", "a\n  b\n"),
        ("```src/x.md\nodysseycall0x1x\n```", "src/x.md", "odysseycall0x1x\n"),
        ("```../../etc/passwd.txt\na\n```", "../../etc/passwd.txt", "a\n"),
    ],
)
def test_whole_files_are_blocks_named_by_path(block: str, path: str, content: str | None) -> None:
    """
    Behind the backticks, as an attribute, or alone on the line above; content is kept exactly.
    """
    assert parse_commands(f"/odyssey propose Do it\n\n{block}") == [
        Propose("Do it", Files({path: content}), "Do it")
    ]


def test_several_diffs_are_joined() -> None:
    """
    Two diff blocks are one change, whatever line ends a web form gave them.
    """
    body = f"/odyssey propose Both\n```diff\n{DIFF}```\nand\n```\n{DIFF.replace('x.py', 'y.py')}```"
    [command] = parse_commands(body.replace("\n", "\r\n"))

    assert isinstance(command, Propose)
    assert command.change == Patch(DIFF + DIFF.replace("x.py", "y.py"))


def test_a_request_in_words_has_no_change() -> None:
    """
    Text, and blocks that only illustrate it, are a request in words.
    """
    body = "/odyssey propose Make the timeout configurable\nIt says:\n```\nTraceback\n```"
    [command] = parse_commands(body)

    assert isinstance(command, Propose)
    assert command.change is None
    assert command.request == "Make the timeout configurable\n\nIt says:"


def test_the_branch_prefix_is_an_option() -> None:
    """
    What the REST API calls `branch_prefix` can be given in a comment too.
    """
    body = f"/odyssey propose --branch-prefix feature Do it\n```diff\n{DIFF}```"
    [command] = parse_commands(body)

    assert isinstance(command, Propose)
    assert (command.branch_prefix, command.message) == ("feature", "Do it")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("/odyssey propose", "needs a title"),
        (f"/odyssey propose\n```diff\n{DIFF}```", "needs a title"),
        (f"/odyssey propose x\n```diff\n{DIFF}```\n```a.py\n1\n```", "one kind"),
        ("/odyssey propose x\n```a.py\n1\n```\n```a.py\n2\n```", "twice"),
        ("/odyssey propose x\n```a.py\n1\n```\n```\nlog\n```", "names no file"),
        ("/odyssey propose x\n```a.py\n1\n", "not closed"),
        ("/odyssey propose x\n```delete a.py\n1\n```", "deletes"),
        ("/odyssey propose x\n`a.py`\n```b.py\n1\n```", "two names"),
        ("/odyssey propose --frob x", "no option"),
        ("/odyssey propose --branch-prefix a/b x", "one word"),
        (f"/odyssey propose {'x' * 201}\n```a.py\n1\n```", "at most 200"),
        ("/odyssey reject", "needs a reason"),
        ("/odyssey status\n" + "x" * MAX_COMMENT, "nothing in it was carried out"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_the_reason(body: str, words: str) -> None:
    """
    Odyssey does not guess which half of a change was meant.
    """
    [command] = parse_commands(body)

    assert isinstance(command, Malformed)
    assert words in command.problem


def test_the_title_may_stand_on_the_next_line() -> None:
    """
    `/odyssey propose` alone takes the first line below it.
    """
    [command] = parse_commands(f"/odyssey propose\nFix it\nbecause\n```diff\n{DIFF}```")

    assert isinstance(command, Propose)
    assert command.message == "Fix it\n\nbecause"


def test_help_covers_every_command() -> None:
    """
    A command that is added and forgotten in the help text fails here.
    """
    commands = set(get_args(Command)) - {Unknown, Malformed}

    assert set(KNOWN) == commands
    assert all(f"`{each.usage}`" in format_help() for each in KNOWN)


@pytest.mark.parametrize(
    "body",
    [
        "/odyssey validate\n" + "x" * 10_000_000,
        "[" * 60_000 + "\n\n/odyssey validate",
        "![[" * 3_000 + "\n/odyssey validate",
        "*a_ " * 15_000 + "\n/odyssey validate",
        "> " * 30_000 + "\n\n/odyssey validate",
        "\n".join("`" * count for count in range(300)) + "\n\n/odyssey validate",
        "/odyssey validate\n" * 3_600,
        "<!--" * 15_000 + "\n\n/odyssey validate",
        "[a]: <b\n" * 7_000 + "\n/odyssey validate",
        "/odyssey propose x\n" + "```a.py\nx\n```\n" * 4_500,
        "a\n\n" * 20_000 + "/odyssey validate",
    ],
    ids=range(11),
)
def test_no_comment_takes_long_to_read(body: str) -> None:
    """
    Markdown made to be slow, and 10 MB of it, cost seconds at the very most.
    """
    began = process_time()
    parse_commands(body)

    assert process_time() - began < 10


_PIECES = st.sampled_from(
    [
        "/odyssey ", "propose", "validate", "```", "~~~", "diff", " a.py", "> ", "- ", "<!--",
        "-->", "\n", "\r\n", "`", "**", "[", "](", "<pre>", "</pre>", "\u200b", "\U000e0041", "\0",
        "\t", DIFF, "delete", "--branch-prefix", "\x0b", "\u2028", "\ud800", "    ",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES | st.text(max_size=5), max_size=30).map("".join))
def test_reading_a_comment_never_raises(body: str) -> None:
    """
    Whatever people paste, the answer is a list of commands.
    """
    commands = parse_commands(body)

    assert len(commands) <= MAX_COMMANDS + 1
    assert all(isinstance(each, get_args(Command)) for each in commands)


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("/odyssey why", Why()),
        ("/odyssey update", Update()),
        ("/odyssey update --rebase", Update(rebase=True)),
        ("/odyssey update --MERGE", Update()),
        ("/odyssey approve 1F3C9D2", Approve("1f3c9d2")),
        (f"/odyssey approve `{'a' * 40}`", Approve("a" * 40)),
        ("/odyssey revert It breaks\nthe build", Revert("It breaks\nthe build")),
    ],
)
def test_what_people_ask_of_a_proposal_is_read(body: str, command: Command) -> None:
    """
    An SHA in any case, also copied as code; an option; a reason on several lines.
    """
    assert parse_commands(body) == [command]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("/odyssey approve", "needs the commit"),
        ("/odyssey approve 1f3c9d", "`1f3c9d` is no commit"),
        (f"/odyssey approve {'a' * 41}", "is no commit"),
        ("/odyssey approve HEAD", "`HEAD` is no commit"),
        ("/odyssey approve 1f3c9d2 please", "one commit and nothing behind it"),
        ("/odyssey approve 1f3c9d2 8a07e55", "one commit and nothing behind it"),
        ("/odyssey update --squash", "`--squash` is no option"),
        ("/odyssey revert", "needs a reason"),
    ],
)
def test_half_a_command_is_refused_with_what_it_lacks(body: str, words: str) -> None:
    """
    Nothing is guessed: least of all which commit somebody has read.
    """
    [command] = parse_commands(body)

    assert isinstance(command, Malformed)
    assert words in command.problem


@pytest.mark.parametrize(
    "options",
    [
        r'--differs "It is time, as \"ada\" says"',
        '--differs=“It is time, as "ada" says” --branch-prefix feature',
        """--branch-prefix feature --differs 'It is time, as "ada" says'""",
    ],
)
def test_what_differs_is_said_in_quotation_marks(options: str) -> None:
    """
    Straight or curly, before or behind other options.
    """
    (command,) = parse_commands(f"/odyssey propose {options} Mend it\n\n```x.py\n1\n```\n")

    assert isinstance(command, Propose)
    assert command.message == "Mend it"
    assert command.differs == 'It is time, as "ada" says'


@pytest.mark.parametrize("options", ["--differs It is time.", '--differs ""', '--differs "open'])
def test_what_differs_without_quotation_marks_is_explained(options: str) -> None:
    """
    Where it ends could not be told.
    """
    (command,) = parse_commands(f"/odyssey propose {options} Mend it\n\n```x.py\n1\n```\n")

    assert isinstance(command, Malformed)
    assert "in quotation marks" in command.problem


def test_forget_names_a_person_a_thread_or_a_source() -> None:
    """
    And nothing else: a word that is none of them deletes nothing.
    """
    url = "https://github.com/octo/hello/issues/7#issuecomment-1"
    body = "\n\n".join(
        f"/odyssey forget {each}" for each in ("@mona-l", "#7", url, f"<{url}>", "mona", "@a @b")
    )
    person, thread, source, bracketed, *others = parse_commands(body)

    assert person == Forget(person="mona-l")
    assert thread == Forget(number=7)
    assert source == bracketed == Forget(source=url)
    assert [type(each) for each in others] == [Malformed, Malformed]


def test_what_is_remembered_goes_on_below_the_command() -> None:
    """
    Up to the first block; without a word there is nothing to remember or to ask.
    """
    (kept,) = parse_commands("/odyssey remember Deploys happen\non Tuesdays.\n\nAlways.")
    (empty,) = parse_commands("/odyssey remember")
    (unasked,) = parse_commands("/odyssey recall")

    assert kept == Remember("Deploys happen\non Tuesdays.\n\nAlways.")
    assert isinstance(empty, Malformed)
    assert isinstance(unasked, Malformed)
