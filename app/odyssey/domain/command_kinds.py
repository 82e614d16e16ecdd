"""
The commands that a comment can hold, as values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from odyssey.domain.change import Change
from odyssey.domain.hidden_characters import HiddenCharacter


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
    `differs` is what is different from an attempt that was turned down.
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
    differs: str = ""


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
class Why(_Typed):
    """Say of each condition how it stands, who can change it and with which words."""

    word: ClassVar[str] = "why"
    usage: ClassVar[str] = "/odyssey why"
    summary: ClassVar[str] = (
        "lists each condition of the merge: how it stands, who can change it, what to paste"
    )


@dataclass(frozen=True, slots=True)
class Approve(_Typed):
    """Approve exactly the head that `sha` begins: 7 to 40 hexadecimal digits, in lower case."""

    word: ClassVar[str] = "approve"
    usage: ClassVar[str] = "/odyssey approve <sha>"
    summary: ClassVar[str] = "approves that commit, where the policy says `commands: true`"

    sha: str


@dataclass(frozen=True, slots=True)
class Update(_Typed):
    """Bring the branch up to date with its base branch, and validate it anew."""

    word: ClassVar[str] = "update"
    usage: ClassVar[str] = "/odyssey update [--rebase]"
    summary: ClassVar[str] = "merges the base branch into the branch, or rebases it"

    rebase: bool = False


@dataclass(frozen=True, slots=True)
class Revert(_Typed):
    """Propose the reverse of a merged proposal."""

    word: ClassVar[str] = "revert"
    usage: ClassVar[str] = "/odyssey revert <reason>"
    summary: ClassVar[str] = "proposes the reverse of a merged proposal"

    reason: str


@dataclass(frozen=True, slots=True)
class Remember(_Typed):
    """Keep the words."""

    word: ClassVar[str] = "remember"
    usage: ClassVar[str] = "/odyssey remember <text>"
    summary: ClassVar[str] = "keeps the words, and shows them where they bear on a proposal"

    text: str


@dataclass(frozen=True, slots=True)
class Recall(_Typed):
    """Answer from memory, in quotes."""

    word: ClassVar[str] = "recall"
    usage: ClassVar[str] = "/odyssey recall <question>"
    summary: ClassVar[str] = "quotes what memory holds about a question, with date, person and link"

    question: str


@dataclass(frozen=True, slots=True)
class Forget(_Typed):
    """Delete memories: of one source, of one person, or of one issue or pull request."""

    word: ClassVar[str] = "forget"
    usage: ClassVar[str] = "/odyssey forget <URL of a source, @person or #number>"
    summary: ClassVar[str] = "deletes those memories everywhere, and proves it"

    source: str | None = None
    person: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class OpenGate(_Typed):
    """Answer an alarm, so that merging goes on."""

    word: ClassVar[str] = "open-gate"
    usage: ClassVar[str] = "/odyssey open-gate"
    summary: ClassVar[str] = "lets merging go on after an alarm; in the alarm's issue, by an admin"


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


Known = (
    Propose
    | Validate
    | StatusAsked
    | Why
    | Approve
    | Update
    | Revert
    | Reject
    | Remember
    | Recall
    | Forget
    | OpenGate
    | Help
)
Command = Known | Unknown | Malformed

KNOWN: tuple[type[Known], ...] = (
    Propose,
    Validate,
    StatusAsked,
    Why,
    Approve,
    Update,
    Reject,
    Revert,
    Remember,
    Recall,
    Forget,
    OpenGate,
    Help,
)
"""The commands of the help text, in its order."""
