"""
What a person can ask for in a comment, and how it is read.

Every command begins with `/odyssey` on a line of its own; see `comment_lines`
for where such a line counts.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import ClassVar

from odyssey.domain.change import Change
from odyssey.domain.change_blocks import read_change
from odyssey.domain.comment_lines import Call, find_calls
from odyssey.domain.errors import UnreadableChange
from odyssey.domain.hidden_characters import HiddenCharacter, without_hidden
from odyssey.domain.identifiers import ProposalId, branch_name

MAX_COMMENT = 65_536
"""Characters of a comment: GitHub's own limit. Of a longer body nothing is carried out."""
MAX_COMMANDS = 10
"""Commands of one comment that are carried out."""
MAX_TITLE = 200
MAX_REASON = 4_000

_CALL_SOMEWHERE = re.compile(r"^ {0,3}/odyssey(?:\s|$)", re.IGNORECASE | re.MULTILINE)
_OPTION = re.compile(r"--(?P<name>[A-Za-z-]+)(?:=|\s+)?(?P<value>[^\s]*)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Typed:
    """`hidden` are the invisible characters that were taken out of the command's line."""

    hidden: tuple[HiddenCharacter, ...] = ()


@dataclass(frozen=True, slots=True)
class Propose(_Typed):
    """
    Make a proposal of a change.

    `message` is the commit message: a title, then a blank line and the text up to
    the first block. `change` is None for a request in words, which `request` holds.
    """

    word: ClassVar[str] = "propose"
    usage: ClassVar[str] = "/odyssey propose <title>"
    summary: ClassVar[str] = (
        "opens a pull request with the change in the fenced blocks below it: a diff, or whole files"
    )

    message: str
    change: Change | None
    request: str
    branch_prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Validate(_Typed):
    """Run the sandbox again on the present head SHA."""

    word: ClassVar[str] = "validate"
    usage: ClassVar[str] = "/odyssey validate"
    summary: ClassVar[str] = "runs the sandbox again on the newest commit"


@dataclass(frozen=True, slots=True)
class StatusAsked(_Typed):
    """Say how the proposal stands."""

    word: ClassVar[str] = "status"
    usage: ClassVar[str] = "/odyssey status"
    summary: ClassVar[str] = "says how the proposal stands and what is missing"


@dataclass(frozen=True, slots=True)
class Reject(_Typed):
    """Close the proposal without a merge, and remember why."""

    word: ClassVar[str] = "reject"
    usage: ClassVar[str] = "/odyssey reject <reason>"
    summary: ClassVar[str] = "closes the pull request and remembers the reason"

    reason: str


@dataclass(frozen=True, slots=True)
class Help(_Typed):
    """Say which commands there are."""

    word: ClassVar[str] = "help"
    usage: ClassVar[str] = "/odyssey help"
    summary: ClassVar[str] = "shows this list"


@dataclass(frozen=True, slots=True)
class Unknown(_Typed):
    """A word that is no command; `nearest` is the known one it looks like, if any."""

    word: str
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Malformed(_Typed):
    """A command that cannot be carried out as written; `problem` says why and what to write."""

    command: str
    problem: str


Command = Propose | Validate | StatusAsked | Reject | Help | Unknown | Malformed

KNOWN: tuple[type[Propose | Validate | StatusAsked | Reject | Help], ...] = (
    Propose,
    Validate,
    StatusAsked,
    Reject,
    Help,
)
"""The commands of the help text, in its order."""


def parse_commands(body: str) -> list[Command]:
    """
    The commands in the comment *body*, in order; each deserves one answer.

    Never raises: what cannot be read comes back as `Unknown` or `Malformed`.
    """
    if len(body) > MAX_COMMENT:
        if not _CALL_SOMEWHERE.search(body):
            return []
        return [
            Malformed(
                "comment",
                f"The comment has {len(body):,} characters; at most {MAX_COMMENT:,} are read, and "
                "nothing in it was carried out. Send less, or split the change.",
            )
        ]
    calls = find_calls(body)
    commands = [_command(each) for each in calls[:MAX_COMMANDS]]
    if len(calls) > MAX_COMMANDS:
        commands.append(
            Malformed(
                "comment",
                f"The comment holds {len(calls)} commands; only the first {MAX_COMMANDS} were "
                "read. Send the others in another comment.",
            )
        )
    return commands


def format_help() -> str:
    """One line of Markdown for each command."""
    return "\n".join(f"- `{each.usage}` {each.summary}." for each in KNOWN)


def nearest_command(word: str) -> str | None:
    """The known command that *word* is probably meant to be; None when it resembles none."""
    known = [each.word for each in KNOWN]
    found = difflib.get_close_matches(word[:40].lower(), known, n=1, cutoff=0.55)
    return found[0] if found else None


def _command(call: Call) -> Command:
    word, _, rest = call.argument.partition(" ")
    hidden = call.hidden
    match word.strip().lower().rstrip(":,.!"):
        case "" | "help":
            return Help(hidden=hidden)
        case "validate":
            return Validate(hidden=hidden)
        case "status":
            return StatusAsked(hidden=hidden)
        case "reject":
            return _reject(rest, call)
        case "propose":
            return _propose(rest, call)
    shown = without_hidden(word)[:60]
    return Unknown(shown, nearest_command(shown), hidden=hidden)


def _reject(rest: str, call: Call) -> Command:
    reason = "\n".join(each for each in (rest.strip(), call.text) if each)
    if not reason:
        return Malformed(
            "reject",
            "It needs a reason, which is remembered for the next attempt: "
            "`/odyssey reject <reason>`.",
            hidden=call.hidden,
        )
    return Reject(reason[:MAX_REASON], hidden=call.hidden)


def _propose(rest: str, call: Call) -> Command:
    title, prefix, problem = _options(rest.strip())
    text = call.text
    if not title:
        title, _, text = (each.strip() for each in text.partition("\n"))
    if not title and not problem:
        problem = (
            "It needs a title: `/odyssey propose Fix the greeting`, with the change below it in "
            "fenced blocks."
        )
    try:
        change = None if problem else read_change(call.blocks)
    except UnreadableChange as error:
        change, problem = None, str(error)
    if not problem and change is not None and len(title) > MAX_TITLE:
        problem = (
            f"The title has {len(title)} characters; at most {MAX_TITLE} fit. Put the rest on the "
            "lines below it."
        )
    if problem:
        return Malformed("propose", problem, hidden=call.hidden)
    message = f"{title}\n\n{text}" if text else title
    return Propose(message, change, message, prefix, hidden=call.hidden)


def _options(rest: str) -> tuple[str, str | None, str]:
    """The title, the branch prefix, and what is wrong with the options ("" for nothing)."""
    if not rest.startswith("--"):
        return rest, None, ""
    option = _OPTION.match(rest)
    if not option or option["name"].lower() != "branch-prefix":
        return rest, None, f"`{_word(rest)}` is no option; there is `--branch-prefix <prefix>`."
    prefix = option["value"]
    try:
        branch_name(ProposalId("prop_aaaaaaaaaa"), "x", prefix=prefix)
    except ValueError:
        return (
            rest,
            None,
            (
                "`--branch-prefix` takes one word of letters, digits, `.`, `_` and `-`, at most 40 "
                "characters, such as `feature`."
            ),
        )
    return rest[option.end() :].strip(), prefix, ""


def _word(text: str) -> str:
    """The first word as it may stand in a code span."""
    return text.split()[0][:40].replace("`", "'")


__all__ = [
    "KNOWN", "MAX_COMMANDS", "MAX_COMMENT", "Command", "Help", "Malformed", "Propose", "Reject",
    "StatusAsked", "Unknown", "Validate", "format_help", "nearest_command", "parse_commands",
]  # fmt: skip
