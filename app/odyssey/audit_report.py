"""
`odyssey audit verify` and `odyssey audit show`: the audit log as people and programs read it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from odyssey.adapters.audit_reader import Verdict, log_files, read_entries, verify_files
from odyssey.domain.audit import End, Kind, as_json, read_witness
from odyssey.domain.audit_story import Step, steps_of, story
from odyssey.domain.identifiers import split_full_name

INTACT, BROKEN = 0, 1

_WORDS = {
    "approve_as": "submit an approving review",
    "close_pull_request": "close the pull request",
    "delete_branch": "delete the branch",
    "dispatch": "dispatch the workflow",
    "edit_comment": "edit the comment",
    "merge": "MERGE",
    "open_pull_request": "open the pull request",
    "post_comment": "comment",
    "push": "push the branch",
    "put_check_run": "write the check run",
    "close_issue": "close the issue",
    "open_issue": "open an issue",
    "react": "react to the comment",
    "redeliver": "ask for a redelivery",
    "request_review": "ask for a review",
    "update": "update the branch",
}
_OUTCOME_STYLES = {Kind.DONE: "green", Kind.FAILED: "red", Kind.UNKNOWN: "yellow"}


class Usage(ValueError):
    """What was asked cannot be looked at; the message says what to write."""


def verify(folder: Path, files: Sequence[Path], witnesses: Sequence[str], *, as_json: bool) -> int:
    """
    Checks *files*, or all of *folder*, prints what was found, and gives the exit status.

    Raises:
        Usage: a witness that is none, a file that is not there, or nothing to check.
    """
    try:
        wanted = [read_witness(each) for each in witnesses]
    except ValueError as error:
        raise Usage(str(error)) from error
    paths = _paths(folder, files)
    verdict = verify_files(paths, witnesses=wanted, are_all=not files)
    if as_json:
        typer.echo(json.dumps(_verdict_as_json(verdict), indent=2))
    else:
        _print_verdict(verdict, wanted)
    return INTACT if verdict.is_intact else BROKEN


def show(
    folder: Path, files: Sequence[Path], reference: str, *, default_repository: str, as_json: bool
) -> int:
    """
    Prints all that was done for the pull request *reference*, and gives the exit status.

    Raises:
        Usage: no such reference, or nothing to look at.
    """
    repository, number = read_reference(reference, default_repository)
    paths = _paths(folder, files)
    chains = [list(group) for _, group in groupby(paths, key=lambda each: each.parent)]
    steps = [step for chain in chains for step in steps_of(read_entries(chain))]
    found = story(steps, repository, number)
    verdict = verify_files(paths, are_all=not files)
    if as_json:
        told = {
            "pull_request": f"{repository}#{number}",
            "is_intact": verdict.is_intact,
            "steps": [_step_as_json(each) for each in found],
        }
        typer.echo(json.dumps(told, indent=2))
    else:
        _print_story(f"{repository}#{number}", found)
    if not verdict.is_intact:
        typer.echo(
            "odyssey: the log is broken, so this may not be all: see `odyssey audit verify`",
            err=True,
        )
    return INTACT if verdict.is_intact else BROKEN


def read_reference(text: str, default_repository: str) -> tuple[str, int]:
    """
    Repository and number of `owner/name#12`, of `#12` in the default repository, or of a URL.

    Raises:
        Usage: it is none of these.
    """
    match = re.fullmatch(
        r"(?:https?://[^/]+/)?([^#\s]*?)(?:#|/pull/|/issues/)([1-9][0-9]{0,9})", text.strip()
    )
    repository = (match[1] if match else "") or default_repository
    if match is None:
        raise Usage(f"{text!r} is no pull request: write owner/name#12")
    if not repository:
        raise Usage(
            f"{text!r} names no repository: write owner/name#{match[2]}, or set "
            "ODYSSEY_DEFAULT_REPOSITORY"
        )
    try:
        split_full_name(repository)
    except ValueError as error:
        raise Usage(str(error)) from error
    return repository, int(match[2])


def _paths(folder: Path, files: Sequence[Path]) -> list[Path]:
    paths: list[Path] = []
    for each in files:
        if not each.exists():
            raise Usage(f"{each}: there is no such file")
        paths += log_files(each) if each.is_dir() else [each]
    if not files:
        paths = log_files(folder)
    if not paths:
        raise Usage(
            f"there is no audit log below {', '.join(map(str, files or [folder]))}: either nothing "
            "was written yet, or ODYSSEY_DATA_DIR is another one, or somebody took it away"
        )
    return paths


def _print_verdict(verdict: Verdict, witnesses: Sequence[End]) -> None:
    problems = dict(verdict.problems)
    for file in verdict.files:
        if problem := problems.get(file.name):
            typer.echo(f"{file.name}: line {problem.line} {_plain(problem.what)}")
        else:
            first = file.after.sequence + 1 if file.after else 0
            last = file.end.sequence if file.end else 0
            typer.echo(f"{file.name}: intact, entries {first:,} to {last:,}")
    for witness in witnesses:
        is_proved = witness not in verdict.unproved
        said = (
            "is in the log"
            if is_proved
            else "NO entry fits it: what it saw was taken away or rewritten"
        )
        typer.echo(f"witness {witness.sequence}:{witness.hash}: {said}")
    for end in verdict.ends:
        typer.echo(f"newest entry: {end.witness}")
    if verdict.is_intact:
        entries = sum(each.entries for each in verdict.files)
        typer.echo(f"The log is intact: {_count(entries, 'entry', 'entries')}.")
        if not witnesses:
            typer.echo(
                "Whether its end is missing only a witness from elsewhere can tell: "
                "`--witness N:HASH`, from the status comment of a merged pull request."
            )
    else:
        typer.echo(
            "The log is BROKEN: somebody or something changed it. Keep it as it is, compare it "
            'with a backup, and see docs/operations.md, "Audit log".'
        )


def _print_story(title: str, steps: Sequence[Step]) -> None:
    if not steps:
        typer.echo(f"The log tells nothing of {title}.")
        return
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    table = Table(title=f"{title}: {_count(len(steps), 'effect', 'effects')}", box=None)
    table.add_column("Entry", justify="right", no_wrap=True)
    table.add_column("Time (UTC)", no_wrap=True)
    table.add_column("What", overflow="fold")
    table.add_column("For", overflow="fold")
    table.add_column("Outcome", overflow="fold")
    for step in steps:
        intent = step.intent
        table.add_row(
            str(intent.sequence),
            f"{intent.at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            Text(_plain(_what(step)), style="bold" if intent.verb == "merge" else ""),
            Text(_plain(_for_whom(step))),
            Text(_plain(_outcome(step)), style=_style(step)),
        )
    console.print(table)


def _what(step: Step) -> str:
    intent = step.intent
    words = _WORDS.get(intent.verb, intent.verb.replace("_", " "))
    about = [words]
    for name in ("workflow", "conclusion", "content", "method", "login"):
        if value := intent.details.get(name):
            about.append(str(value))
    if intent.sha:
        about.append(intent.sha[:10])
    if intent.branch:
        about.append(intent.branch)
    return " ".join(about)


def _for_whom(step: Step) -> str:
    intent = step.intent
    delivery = f"delivery {intent.delivery[:8]}" if intent.delivery else ""
    return ", ".join(each for each in (intent.actor, delivery) if each) or "itself"


def _outcome(step: Step) -> str:
    outcome = step.outcome
    if outcome is None:
        return "unknown: nothing was written after it"
    took = (outcome.at - step.intent.at).total_seconds()
    said = outcome.result[:40] or outcome.reason
    return " ".join(each for each in (str(outcome.kind), said, f"({took:.2f} s)") if each)


def _style(step: Step) -> str:
    return _OUTCOME_STYLES.get(step.outcome.kind, "") if step.outcome else "yellow"


def _step_as_json(step: Step) -> dict[str, Any]:
    outcome = as_json(step.outcome) if step.outcome else None
    return {"intent": as_json(step.intent), "outcome": outcome}


def _verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    problems = dict(verdict.problems)
    files = []
    for each in verdict.files:
        problem = problems.get(each.name)
        found = {"line": problem.line, "what": problem.what} if problem else None
        files.append({"file": each.name, "entries": each.entries, "problem": found})
    return {
        "is_intact": verdict.is_intact,
        "files": files,
        "newest": [each.witness for each in verdict.ends],
        "witnesses_missing": [f"{each.sequence}:{each.hash}" for each in verdict.unproved],
    }


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _plain(text: str) -> str:
    """*text* without what would move a terminal's cursor: the log holds other people's words."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
