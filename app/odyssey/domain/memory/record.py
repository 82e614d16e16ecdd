"""
Records, the raw layer of memory: what happened, verbatim, whose memory it is in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from odyssey.domain.memory.scope import Tier

FIELDS = frozenset({"kind", "actor", "trust", "source", "thread", "person"})
"""The fields of a record that a recall can be narrowed by."""

MENTIONED = "mentioned"
"""The attribute with the time that a text speaks of, as `time_window.window_text` writes it."""

ATTRIBUTES = frozenset(
    {
        "artifact",
        "base_branch",
        "base_sha",
        "branch",
        "caption",
        "check",
        "command",
        "comment_id",
        "delivery_id",
        "files",
        "head_sha",
        "issue",
        "language",
        MENTIONED,
        "merge_sha",
        "outcome",
        "patch_id",
        "proposal_id",
        "pull_request",
        "reason",
        "repository",
        "requester",
        "reviewer",
        "run_id",
        "session",
        "state",
        "status",
        "success",
        "task_id",
        "test",
        "title",
        "trace_id",
    }
)
"""
The attributes that a recall can be narrowed by.

A record may carry others, but only these can be asked for: a misspelt name is
then an error and never a wider or an empty answer.
"""

_PEOPLE = ("requester", "reviewer")

_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# What `entries` makes of a key that users chose themselves.
_USER_KEY = re.compile(r"meta_[0-9a-f]{16}")
_TENANT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_SLUG = re.compile(r"[^a-z0-9_]+")

MAX_ID = 200
MAX_TEXT = 4_000_000
"""Characters of one record; far above GitHub's 65,536 for a comment."""


class Trust(StrEnum):
    """
    Who vouches for a text; it never rises when the text is passed on.

    `INJECTED` is text that was taken from memory and shown to a model: it is
    never learnt from again.
    """

    PERSON = "person"
    AGENT = "agent"
    TOOL = "tool"
    INJECTED = "injected"


@dataclass(frozen=True, slots=True)
class Tenant:
    """
    Whose memory it is: one repository of one installation.

    The name is `inst-<installation>-<readable part>-<hash>`, at most 64 of
    `[A-Za-z0-9_-]`, so that it can name a file and a Weaviate tenant.
    """

    name: str

    def __post_init__(self) -> None:
        if not _TENANT_NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} is no tenant: make it with Tenant.of(installation_id, full_name)"
            )

    @classmethod
    def of(cls, installation_id: int, full_name: str) -> Tenant:
        """
        The tenant of the repository *full_name* (`owner/name`, in any letter case).

        The hash is always there: `a/b.c` and `a/b-c` have one readable part.

        Raises:
            ValueError: *installation_id* is no id or *full_name* has no `/`.
        """
        owner, slash, name = full_name.partition("/")
        if not 0 <= installation_id < 2**63 or not (owner and slash and name):
            raise ValueError(
                f"installation {installation_id}, repository {full_name!r}: "
                "a tenant needs the installation's id and owner/name"
            )
        known_as = full_name.lower()
        digest = hashlib.sha256(f"{installation_id}\x1f{known_as}".encode()).hexdigest()[:10]
        head = f"inst-{installation_id}-"
        readable = _NOT_SLUG.sub("-", known_as.replace("/", "_")).strip("-")
        room = 64 - len(head) - len(digest) - 1
        return cls(f"{head}{readable[: max(room, 0)].strip('-')}-{digest}")

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    One thing that happened, verbatim.

    `id` is chosen by the caller and names this very event, so that the same
    delivery retained twice is one record; the first one stays. `source` is the
    URL to read it at. `thread` is what it was said in (`pull/41`); records of one
    thread are neighbours, in the order in which they occurred. `person` is whose
    personal data it is, for `forget`. `tier` says to whom it belongs: with
    `Tier.PERSON` to `person` alone, with `Tier.THREAD` to `thread` alone.
    """

    id: str
    kind: str
    text: str
    occurred_at: datetime
    trust: Trust
    source: str
    actor: str | None = None
    thread: str | None = None
    person: str | None = None
    tier: Tier = Tier.REPOSITORY
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < len(self.id) <= MAX_ID:
            raise ValueError(f"record id {self.id[:40]!r}: 1 to {MAX_ID} characters are needed")
        if not self.kind:
            raise ValueError(f"record {self.id}: it has no kind; say what happened in one word")
        if len(self.text) > MAX_TEXT:
            raise ValueError(
                f"record {self.id}: {len(self.text)} characters of text; keep at most {MAX_TEXT}"
            )
        if self.occurred_at.tzinfo is None:
            raise ValueError(
                f"record {self.id}: occurred_at has no time zone; use datetime.now(UTC)"
            )
        if not 1 < self.occurred_at.year < 9999:
            raise ValueError(
                f"record {self.id}: the year {self.occurred_at.year} is no time at which "
                "anything happened; see what wrote it"
            )
        if self.tier is not Tier.REPOSITORY and not self._owner:
            raise ValueError(
                f"record {self.id}: it belongs to a {self.tier} and names none; set {self.tier}="
            )
        for name in self.attributes:
            if not _ATTRIBUTE_NAME.fullmatch(name):
                raise ValueError(
                    f"record {self.id}: attribute {name!r}: use lower-case letters, digits and '_'"
                )

    @property
    def _owner(self) -> str | None:
        return self.person if self.tier is Tier.PERSON else self.thread


def people_of(record: Record) -> tuple[str, ...]:
    """
    The logins a record is by or about, lower case (GitHub's are alike in any case), sorted.

    Of the actor, the person, and the attributes that name people; each may hold several
    with commas between.
    """
    named = (record.actor, record.person, *map(record.attributes.get, _PEOPLE))
    return tuple(
        sorted({login_of(one) for some in named if some for one in some.split(",")} - {""})
    )


def login_of(name: str) -> str:
    """A login as it is compared: without `@` and spaces around it, lower case."""
    return name.strip().removeprefix("@").lower()


def owner_of(record: Record) -> str:
    """
    To whom alone a record belongs: the login or the thread of its tier; empty for everybody.
    """
    match record.tier:
        case Tier.PERSON:
            return login_of(record.person or "")
        case Tier.THREAD:
            return record.thread or ""
        case Tier.REPOSITORY:
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """
    A record that a recall found, and why.

    `score` orders one answer and means nothing across answers. `similarity` is
    the cosine of query and text, -1 to 1, and 0 where either has no vector.
    `matched` says what found it, strongest first: arms (`words`, `words nearby`,
    `meaning`, `meaning nearby`) and boosts (`time`, `actor`), last `importance`.
    """

    record: Record
    score: float
    similarity: float
    matched: tuple[str, ...]


def is_attribute(name: str) -> bool:
    """Whether a recall can be narrowed by the attribute *name*."""
    return name in ATTRIBUTES or _USER_KEY.fullmatch(name) is not None


def check_where(where: Mapping[str, str]) -> None:
    """
    Passes a filter whose every key can be asked for.

    Raises:
        ValueError: a key is no field and no declared attribute.
    """
    for name in where:
        if name not in FIELDS and not is_attribute(name):
            known = ", ".join(sorted(FIELDS | ATTRIBUTES))
            raise ValueError(f"memory cannot be narrowed by {name!r}: use one of {known}")
