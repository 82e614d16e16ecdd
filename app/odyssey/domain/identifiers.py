"""
The names of things: repositories, pull requests, proposals, branches.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import NewType

InstallationId = NewType("InstallationId", int)
DeliveryId = NewType("DeliveryId", str)
ProposalId = NewType("ProposalId", str)
HeadSha = NewType("HeadSha", str)
RunId = NewType("RunId", int)

_FULL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
_PROPOSAL_ID = re.compile(r"prop_[a-z2-7]{10}")
_BRANCH = re.compile(r"(?P<prefix>[A-Za-z0-9._-]+)/(?P<id>prop_[a-z2-7]{10})_[a-z0-9_]*")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_CONVENTIONAL = re.compile(r"^[a-z]+(?:\([^)]*\))?!?:\s*", re.IGNORECASE)

MAX_SLUG = 40
"""Characters of a branch's descriptive part, cut at a word."""


@dataclass(frozen=True, slots=True)
class RepositoryRef:
    """
    A repository as an installation sees it.
    """

    installation_id: InstallationId
    owner: str
    name: str

    @property
    def full_name(self) -> str:
        """`owner/name`, as GitHub spells it."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        return self.full_name


@dataclass(frozen=True, slots=True)
class PullRequestRef:
    """
    One pull request of a repository.
    """

    repository: RepositoryRef
    number: int

    def __str__(self) -> str:
        return f"{self.repository.full_name}#{self.number}"


def split_full_name(text: str) -> tuple[str, str]:
    """
    Owner and name of `owner/name`.

    Raises:
        ValueError: not a name GitHub would accept.
    """
    if not _FULL_NAME.fullmatch(text) or text.endswith((".git", "/.", "/..")):
        raise ValueError(f"{text!r} is not a repository: write owner/name")
    owner, _, name = text.partition("/")
    return owner, name


def proposal_id(*seed: str) -> ProposalId:
    """
    The id of the proposal that *seed* asks for: `prop_` and ten base32 characters.

    The same seed gives the same id, so a delivery that is worked twice finds
    what the first time left behind instead of making a second one.
    """
    digest = hashlib.sha256("\x1f".join(seed).encode()).digest()
    return ProposalId("prop_" + base64.b32encode(digest).decode().lower()[:10])


def is_proposal_id(text: str) -> bool:
    """Whether *text* has the form of a proposal id."""
    return _PROPOSAL_ID.fullmatch(text) is not None


def slug(message: str) -> str:
    """
    The first line of *message* as lower-case words joined by `_`, at most 40 characters.

    A conventional-commit prefix (`feat:`) is left out; `change` where nothing is left.
    """
    first_line = message.strip().splitlines()[0] if message.strip() else ""
    words = re.findall(r"[a-z0-9]+", _CONVENTIONAL.sub("", first_line).lower())
    text = ""
    for word in words:
        if len(text) + len(word) + 1 > MAX_SLUG:
            break
        text = f"{text}_{word}" if text else word
    return text or "change"


def branch_name(identifier: ProposalId, message: str, *, prefix: str = "proposal") -> str:
    """
    `<prefix>/<id>_<slug>`, the branch of a proposal.

    Raises:
        ValueError: *prefix* is not a single plain path segment.
    """
    if not _PREFIX.fullmatch(prefix) or ".." in prefix or prefix.endswith((".", ".lock")):
        raise ValueError(
            f"{prefix!r} is no branch prefix: use letters, digits, '.', '_' and '-', at most 40"
        )
    return f"{prefix}/{identifier}_{slug(message)}"


def find_proposal_id(branch: str) -> ProposalId | None:
    """The proposal a branch belongs to by its name; None for any other branch."""
    match = _BRANCH.fullmatch(branch)
    return ProposalId(match["id"]) if match else None
