"""
What a person can ask for in a comment, and how it is read.

Every command begins with `/odyssey` on a line of its own; see `comment_lines`
for where such a line counts.
"""

from __future__ import annotations

import difflib
import re

from odyssey.domain.change_blocks import read_change
from odyssey.domain.command_kinds import (
    KNOWN,
    Approve,
    Command,
    Forget,
    Help,
    Malformed,
    OpenGate,
    Propose,
    Recall,
    Reject,
    Remember,
    Revert,
    StatusAsked,
    Unknown,
    Update,
    Validate,
    Why,
)
from odyssey.domain.comment_lines import MAX_COMMENT, Call, find_calls
from odyssey.domain.errors import UnreadableChange
from odyssey.domain.hidden_characters import without_hidden
from odyssey.domain.identifiers import ProposalId, branch_name
from odyssey.domain.repetition import MAX_DIFFERS

MAX_COMMANDS = 10
"""Commands of one comment that are carried out."""
MAX_TITLE = 200
MAX_REASON = 4_000
MAX_QUESTION = 1_000

# GitHub's logins; those of bots end in [bot], of managed users hold an underscore.
_PERSON = re.compile(r"@[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\[bot\])?")
_NUMBER = re.compile(r"#[1-9][0-9]{0,9}")
_URL = re.compile(r"https?://[^\s<>]{3,2000}")
_CALL_SOMEWHERE = re.compile(r"^ {0,3}/odyssey(?:\s|$)", re.IGNORECASE | re.MULTILINE)
_SHA = re.compile(r"[0-9a-f]{7,40}")
_OPTION = re.compile(r"--(?P<name>[A-Za-z-]+)(?:=|\s+)?(?P<value>[^\s]*)\s*")
# Telephones write curly quotation marks; within straight ones a backslash keeps one in the text.
_QUOTED = re.compile(
    r"--[A-Za-z-]+(?:=|\s+)(?:"
    r"\"(?P<straight>(?:\\.|[^\"\\])*)\""
    r"|[\u201c\u201e](?P<curly>[^\u201c\u201d\u201e]*)[\u201c\u201d]"
    r"|'(?P<single>[^']*(?:'(?!\s)[^']*)*)'"
    r")(?:\s+|$)"
)
_DIFFERS_PROBLEM = (
    "`--differs` takes what is different now, in quotation marks: "
    '`/odyssey propose --differs "it is in the right file now" Fix the greeting`.'
)


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
        case "open-gate":
            return OpenGate(hidden=hidden)
        case "why":
            return Why(hidden=hidden)
        case "approve":
            return _approve(rest, call)
        case "update":
            return _update(rest, call)
        case "reject":
            reason = _reason("reject", rest, call)
            return reason if isinstance(reason, Malformed) else Reject(reason, hidden=hidden)
        case "revert":
            reason = _reason("revert", rest, call)
            return reason if isinstance(reason, Malformed) else Revert(reason, hidden=hidden)
        case "propose":
            return _propose(rest, call)
        case "remember":
            text = _words(rest, call)[:MAX_REASON]
            return Remember(text, hidden=hidden) if text else _no_words("remember", "<text>", call)
        case "recall":
            question = _words(rest, call)[:MAX_QUESTION]
            if not question:
                return _no_words("recall", "<question>", call)
            return Recall(question, hidden=hidden)
        case "forget":
            return _forget(rest, call)
    shown = without_hidden(word)[:60]
    return Unknown(shown, nearest_command(shown), hidden=hidden)


def _words(rest: str, call: Call) -> str:
    return "\n".join(each for each in (rest.strip(), call.text) if each)


def _no_words(word: str, takes: str, call: Call) -> Malformed:
    return Malformed(
        word, f"Nothing stands behind it: `/odyssey {word} {takes}`.", hidden=call.hidden
    )


def _forget(rest: str, call: Call) -> Command:
    target = rest.strip().strip("<>")
    if _PERSON.fullmatch(target):
        return Forget(person=target[1:], hidden=call.hidden)
    if _NUMBER.fullmatch(target):
        return Forget(number=int(target[1:]), hidden=call.hidden)
    if _URL.fullmatch(target):
        return Forget(source=target, hidden=call.hidden)
    return Malformed(
        "forget",
        "It takes one thing whose memories are to be deleted: the URL of a source, a person as "
        "`@login`, or an issue or pull request as `#7`.",
        hidden=call.hidden,
    )


def _reason(word: str, rest: str, call: Call) -> str | Malformed:
    reason = _words(rest, call)
    if not reason:
        return Malformed(
            word,
            "It needs a reason, which is remembered for the next attempt: "
            f"`/odyssey {word} <reason>`.",
            hidden=call.hidden,
        )
    return reason[:MAX_REASON]


def _approve(rest: str, call: Call) -> Command:
    words = rest.strip().strip("`").split()
    if len(words) == 1 and _SHA.fullmatch(words[0].lower()):
        return Approve(words[0].lower(), hidden=call.hidden)
    problem = "It needs the commit that you have read" if not words else _no_sha(words)
    return Malformed(
        "approve",
        f"{problem}: `/odyssey approve <sha>`, with the 7 to 40 digits that the pull request's "
        "last commit has. `/odyssey why` shows the line to paste.",
        hidden=call.hidden,
    )


def _no_sha(words: list[str]) -> str:
    if len(words) > 1:
        return "It takes one commit and nothing behind it"
    return f"`{_word(words[0])}` is no commit"


def _update(rest: str, call: Call) -> Command:
    match rest.lower().split():
        case []:
            return Update(hidden=call.hidden)
        case ["--rebase"]:
            return Update(rebase=True, hidden=call.hidden)
        case ["--merge"]:
            return Update(hidden=call.hidden)
    return Malformed(
        "update",
        f"`{_word(rest)}` is no option; there is `--rebase`. Without it the base branch is merged.",
        hidden=call.hidden,
    )


def _propose(rest: str, call: Call) -> Command:
    title, options, problem = _options(rest.strip())
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
    return Propose(
        message,
        change,
        message,
        options.get("branch-prefix"),
        options.get("differs", ""),
        hidden=call.hidden,
    )


def _options(rest: str) -> tuple[str, dict[str, str], str]:
    """The title, the options by name, and what is wrong with them ("" for nothing)."""
    options: dict[str, str] = {}
    while rest.startswith("--"):
        option = _OPTION.match(rest)
        name = option["name"].lower() if option else ""
        if option and name == "differs":
            said = _QUOTED.match(rest)
            words = said["straight"] or said["curly"] or said["single"] or "" if said else ""
            if not said or not words.strip():
                return rest, options, _DIFFERS_PROBLEM
            options[name] = words.replace('\\"', '"').strip()[:MAX_DIFFERS]
            rest = rest[said.end() :].strip()
        elif option and name == "branch-prefix":
            if problem := _prefix_problem(option["value"]):
                return rest, options, problem
            options[name] = option["value"]
            rest = rest[option.end() :].strip()
        else:
            return (
                rest,
                options,
                (
                    f"`{_word(rest)}` is no option; there is `--branch-prefix <prefix>`, and "
                    '`--differs "what is different now"`.'
                ),
            )
    return rest, options, ""


def _prefix_problem(prefix: str) -> str:
    try:
        branch_name(ProposalId("prop_aaaaaaaaaa"), "x", prefix=prefix)
    except ValueError:
        return (
            "`--branch-prefix` takes one word of letters, digits, `.`, `_` and `-`, at most 40 "
            "characters, such as `feature`."
        )
    return ""


def _word(text: str) -> str:
    """The first word as it may stand in a code span."""
    return text.split()[0][:40].replace("`", "'")


__all__ = [
    "KNOWN", "MAX_COMMANDS", "MAX_COMMENT", "Approve", "Command", "Forget", "Help", "Malformed",
    "OpenGate", "Propose", "Recall", "Reject", "Remember", "Revert", "StatusAsked", "Unknown",
    "Update", "Validate", "Why", "format_help", "nearest_command", "parse_commands",
]  # fmt: skip
