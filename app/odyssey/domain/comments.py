"""
Every sentence Odyssey writes: here the answers to commands; a proposal's own texts come along.

Functions from values to Markdown. Foreign words go through `markup`, so that
they stay words.
"""

from __future__ import annotations

from collections.abc import Sequence

from odyssey.domain.answer_text import (
    ambiguous_head,
    another_head,
    revert_marker,
    revert_message,
    revert_opened,
    reverted_already,
    up_to_date,
)
from odyssey.domain.commands import Malformed, format_help
from odyssey.domain.errors import (
    ChangeRefused,
    ChangeTooLarge,
    EmptyChange,
    ForbiddenPath,
    OdysseyError,
    PatchDoesNotApply,
    PermissionDenied,
    PolicyInvalid,
    UnreadableChange,
)
from odyssey.domain.hidden_characters import HiddenCharacter
from odyssey.domain.markers import find_marker, marker
from odyssey.domain.markup import clip, code, neutral, plain
from odyssey.domain.proposal_text import merge_message, pull_request_body, pull_request_title
from odyssey.domain.status_text import check_run, status_answer, status_comment, status_marker
from odyssey.domain.why_text import not_validated, why_answer

WORKFLOW_EXAMPLE = """\
name: Odyssey validation
run-name: "Odyssey ${{ inputs.proposal_id }} ${{ inputs.nonce }}"
on:
  workflow_dispatch:
    inputs:
      proposal_id: {type: string, required: true}
      head_sha: {type: string, required: true}
      nonce: {type: string, required: true}
permissions:
  contents: read
jobs:
  validate:
    runs-on: ubuntu-latest
    timeout-minutes: 40
    steps:
      - uses: actions/checkout@v4
        with:
          ref: ${{ inputs.head_sha }}
          persist-credentials: false
      - uses: OWNER/odyssey/action@v1
        with:
          head-sha: ${{ inputs.head_sha }}
          proposal-id: ${{ inputs.proposal_id }}
"""
"""The smallest workflow that validates; its inputs are the ones Odyssey dispatches with."""

HOW_TO_SEND = """\
````text
/odyssey propose Fix the greeting

```diff
--- a/src/app.py
+++ b/src/app.py
@@ -1 +1 @@
-print("helo")
+print("hello")
```
````

Or send whole files, each in a block with its path behind the backticks:
```` ```python src/app.py ````.
To delete a file: ```` ```delete src/old.py ````."""

_NEVER_COMMANDS = {
    "merge": "Odyssey merges by itself once the sandbox passed and the change is approved.",
    "retry": "`/odyssey validate` runs the sandbox again.",
}

_REFUSED: dict[type[OdysseyError], str] = {
    PermissionDenied: "that is not permitted here.",
    PolicyInvalid: "the policy of this repository cannot be read, so nothing is changed.",
    UnreadableChange: "the change could not be read.",
    PatchDoesNotApply: "the diff does not apply.",
    ForbiddenPath: "the change touches what no proposal may touch.",
    ChangeTooLarge: "the change is too large.",
    EmptyChange: "the change changes nothing.",
}


def refusal(author: str, error: OdysseyError) -> str:
    """Why what *author* asked for was not done, what to do, and that nothing was changed."""
    opening = _REFUSED.get(type(error), "that cannot be done.")
    parts = [f"**{plain(author)}**, {opening}"]
    if said := neutral(str(error).strip()):
        parts.append(said)
    if isinstance(error, ChangeRefused):
        parts.append("No branch and no pull request were made. Send it again in a new comment.")
    return clip("\n\n".join(parts))


def unknown_command(author: str, word: str, nearest: str | None) -> str:
    """The answer to a word that is no command."""
    opening = f"**{plain(author)}**, there is no command {code(word, limit=40)}."
    hint = _NEVER_COMMANDS.get(word.lower()) or (
        f"Did you mean `/odyssey {nearest}`? Nothing was done." if nearest else "Nothing was done."
    )
    return f"{opening} {hint}\n\n{format_help()}"


def malformed(author: str, command: Malformed) -> str:
    """The answer to a command that cannot be carried out as it is written."""
    what = "this comment" if command.command == "comment" else f"`/odyssey {command.command}`"
    parts = [
        f"**{plain(author)}**, {what} could not be carried out. {neutral(command.problem)}",
        "Write a new comment: an edited one is not read again.",
    ]
    if command.command == "propose":
        parts.append(f"For example:\n\n{HOW_TO_SEND}")
    return clip("\n\n".join(parts))


def help_comment() -> str:
    """The answer to `/odyssey help`."""
    return (
        "### What Odyssey can do\n\n"
        f"{format_help()}\n\n"
        "A command stands at the beginning of a line, outside of quotes, lists and code; only new "
        "comments are read. What changes something needs write permission, or what the policy says."
        "\n\n"
        f"**How to send a change**\n\n{HOW_TO_SEND}"
    )


def not_drafting_yet(author: str) -> str:
    """The answer to a request in words."""
    return (
        f"**{plain(author)}**, Odyssey cannot write a change from a description yet: it needs the "
        "change itself. Send it as a diff or as whole files, in a new comment:\n\n"
        f"{HOW_TO_SEND}"
    )


def closed_or_locked(number: int, *, is_locked: bool) -> str:
    """Why issue *number* takes no proposal; one sentence with its remedy."""
    if is_locked:
        return f"Issue #{number} is locked. Unlock it, or propose on another issue."
    return f"Issue #{number} is closed. Reopen it, or propose on an open issue."


def no_workflow(workflow: str, branch: str) -> str:
    """That the validation workflow is missing on *branch*, and what to add."""
    path = code(f".github/workflows/{workflow}")
    return (
        f"There is no workflow {path} on {code(branch)}, or it cannot be dispatched, so nothing "
        "could judge the change. Add this file there (or name another one as "
        "`validation.workflow` in `.github/odyssey.yml`), then propose again:\n\n"
        f"```yaml\n{WORKFLOW_EXAMPLE}```"
    )


def rejected(by: str, number: int) -> str:
    """That the pull request was closed, said where the command was given."""
    return (
        f"#{number} is closed without a merge, as **{plain(by)}** asked. The reason is remembered "
        "and shown to whoever proposes something like it."
    )


def lost(identifier: str) -> str:
    """That nothing proves any more who asked for this pull request, and what to do."""
    return (
        f"Odyssey lost its notes on proposal {code(identifier)}, and nothing on GitHub proves any "
        "more who asked for it: the description was edited before the first check run. So it will "
        "not validate or merge this pull request. Close it, and propose the change again."
    )


def lost_marker(identifier: str) -> str:
    """The hidden marker of that comment."""
    return marker("lost", identifier)


def expired(reason: str) -> str:
    """That a proposal is closed because nobody took it up, said once where it was waiting."""
    return (
        f"{reason} It is closed without a merge. Reopen the pull request to take it up again "
        "(restore its branch first, if that is gone)."
    )


def expired_marker(identifier: str) -> str:
    """The hidden marker of that comment."""
    return marker("expired", identifier)


def update_message(base_branch: str, base_sha: str) -> str:
    """The message of the merge commit that brings a branch up to date."""
    return f"Merge branch '{base_branch}' at {base_sha[:12]} into the proposal"


def no_alarm_here(author: str, standing: int | None) -> str:
    """Why `/odyssey open-gate` did nothing in this issue; *standing* is where an alarm does."""
    if standing is None:
        return f"**{plain(author)}**, no alarm stands here: the merge gate is open."
    return (
        f"**{plain(author)}**, this issue is no alarm. The one that keeps the merge gate closed "
        f"is #{standing}; give the command there."
    )


def gate_opened(by: str, waiting: int, *, standing: Sequence[int]) -> str:
    """That an alarm is answered, and what follows; *standing* are the others."""
    if standing:
        others = ", ".join(f"#{each}" for each in standing)
        return f"**{plain(by)}** answered this alarm. The merge gate stays closed by {others}."
    again = "1 open proposal is" if waiting == 1 else f"{waiting} open proposals are"
    return f"**{plain(by)}** opened the merge gate. {again} looked at again."


def hidden_note(hidden: tuple[HiddenCharacter, ...]) -> str:
    """That invisible characters were taken out of a command; "" for none."""
    if not hidden:
        return ""
    shown = ", ".join(f"{each.notation} {plain(each.name)}" for each in hidden[:5])
    return f"The command held characters that cannot be seen; they were left out: {shown}."


def answer_marker(comment_id: int, index: int) -> str:
    """The hidden marker of the answer to command *index* of a comment."""
    return marker("answer", comment=str(comment_id), command=str(index))


__all__ = [
    "HOW_TO_SEND",
    "WORKFLOW_EXAMPLE",
    "ambiguous_head",
    "another_head",
    "answer_marker",
    "check_run",
    "closed_or_locked",
    "expired",
    "expired_marker",
    "find_marker",
    "gate_opened",
    "help_comment",
    "hidden_note",
    "lost",
    "lost_marker",
    "malformed",
    "merge_message",
    "no_alarm_here",
    "no_workflow",
    "not_drafting_yet",
    "not_validated",
    "pull_request_body",
    "pull_request_title",
    "refusal",
    "rejected",
    "revert_marker",
    "revert_message",
    "revert_opened",
    "reverted_already",
    "status_answer",
    "status_comment",
    "status_marker",
    "unknown_command",
    "up_to_date",
    "update_message",
    "why_answer",
]  # fmt: skip
