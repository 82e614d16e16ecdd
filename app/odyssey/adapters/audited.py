"""
The ports `GitHub` and `Repositories` with every write in the audit log: before it, and after it.

What cannot be written down is not done.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, cast

from odyssey.domain.audit import Entry, Kind
from odyssey.domain.change import CheckRun
from odyssey.domain.errors import OdysseyError, RateLimited, Unavailable
from odyssey.domain.identifiers import PullRequestRef, RepositoryRef
from odyssey.domain.memory.masking import mask
from odyssey.ports import Commit, GitHub, Repositories
from odyssey.ports.healing import Deliveries

GITHUB_WRITES = frozenset(
    {
        "approve_as", "close_pull_request", "dispatch", "edit_comment", "merge",
        "open_issue", "close_issue", "open_pull_request", "post_comment", "put_check_run", "react",
        "request_review",
    }
)  # fmt: skip
GITHUB_READS = frozenset(
    {
        "alarms", "close", "default_branch", "find_installation", "membership", "old_paths",
        "permission", "policy_texts", "report", "snapshot", "viewer",
    }
)  # fmt: skip
REPOSITORIES_WRITES = frozenset({"delete_branch", "push", "update"})
REPOSITORIES_READS = frozenset(
    {
        "ancestor", "base", "carry_over", "commit", "conflicts", "find_branch", "merged_tree",
        "reverse",
    }
)  # fmt: skip
"""`commit` and `reverse` are among them: what they make stays on this machine."""

DELIVERIES_WRITES = frozenset({"redeliver"})
DELIVERIES_READS = frozenset({"since"})

DURABLE = frozenset({"merge"})
"""Their entries are on the disk, not only on their way to it, before anything goes on."""

_PLAIN = frozenset(
    "attempt_id base base_branch base_sha check_run_id comment_id content login look_first method "
    "nonce request workflow".split()
)
"""Arguments that are written down as they are, with those in `_describe`; of others a digest."""
_WORD = re.compile(r"[A-Za-z0-9._/:-]{1,80}")
MAX_TEXT = 300


class AuditLog(Protocol):
    """Where entries go; see `audit_file.AuditFile`."""

    async def append(self, entry: Entry, *, durable: bool = False) -> Entry:
        """
        *entry* as it was chained and written.

        Raises:
            Unavailable: it could not be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Cause:
    delivery: str = ""
    actor: str = ""


_NOBODY = _Cause()
_cause: ContextVar[_Cause | None] = ContextVar("odyssey_audit_cause", default=None)


@contextmanager
def on_behalf_of(actor: str, *, delivery: str = "") -> Iterator[None]:
    """What is written within the block is done for *actor*, because of *delivery*."""
    token = _cause.set(_Cause(masked(delivery), masked(actor)))
    try:
        yield
    finally:
        _cause.reset(token)


def audited_github(inner: GitHub, log: AuditLog, *, now: Callable[[], datetime]) -> GitHub:
    """*inner*, whose writes are in *log*."""
    return cast(GitHub, _Audited(inner, GitHub, GITHUB_READS, log, now))


def audited_repositories(
    inner: Repositories, log: AuditLog, *, now: Callable[[], datetime]
) -> Repositories:
    """*inner*, whose writes are in *log*."""
    return cast(Repositories, _Audited(inner, Repositories, REPOSITORIES_READS, log, now))


def audited_deliveries(
    inner: Deliveries, log: AuditLog, *, now: Callable[[], datetime]
) -> Deliveries:
    """*inner*, whose writes are in *log*."""
    return cast(Deliveries, _Audited(inner, Deliveries, DELIVERIES_READS, log, now))


class _Audited:
    """
    *inner*, with each method of *port* that is none of *reads* written down.

    A method that nobody has thought of is thus a write: noted, though nothing made it so.
    """

    def __init__(
        self,
        inner: Any,
        port: type[Any],
        reads: frozenset[str],
        log: AuditLog,
        now: Callable[[], datetime],
    ) -> None:
        self._inner = inner
        self._port = port
        self._writes = methods_of(port) - reads
        self._log = log
        self._now = now

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._inner, name)
        if name in self._writes:
            signature = inspect.signature(getattr(self._port, name))
            member = functools.partial(self._call, name, member, signature)
        setattr(self, name, member)
        return member

    async def _call(
        self, verb: str, write: Any, signature: inspect.Signature, /, *given: Any, **named: Any
    ) -> Any:
        arguments = signature.bind(None, *given, **named).arguments
        cause, durable = _cause.get() or _NOBODY, verb in DURABLE
        about = replace(
            describe(verb, arguments, at=self._now()), delivery=cause.delivery, actor=cause.actor
        )
        intent = await self._log.append(about, durable=durable)
        outcome = replace(about, kind=Kind.DONE, intent=intent.sequence, details={})
        try:
            result = await write(*given, **named)
        except (Exception, asyncio.CancelledError) as error:
            kind = Kind.FAILED if is_known_to_fail(error) else Kind.UNKNOWN
            await self._end(replace(outcome, kind=kind, reason=reason_of(error)), durable)
            raise
        await self._end(replace(outcome, result=shown(result)), durable)
        return result

    async def _end(self, outcome: Entry, durable: bool) -> None:
        await self._log.append(replace(outcome, at=self._now()), durable=durable)


def methods_of(port: type[Any]) -> frozenset[str]:
    """The names of a port's methods."""
    return frozenset(
        name
        for name, member in vars(port).items()
        if inspect.isfunction(member) and not name.startswith("_")
    )


def is_known_to_fail(error: BaseException) -> bool:
    """Whether *error* means that the effect did not happen; else nobody can tell."""
    if isinstance(error, Unavailable):
        return isinstance(error, RateLimited)
    return isinstance(error, OdysseyError)


def describe(verb: str, arguments: Mapping[str, Any], *, at: datetime) -> Entry:
    """The intent of a call of *verb*, without for whom it is."""
    about: dict[str, Any] = {}
    details: dict[str, str | int | bool] = {}
    for name, value in arguments.items():
        match name, value:
            case "self", _:
                pass
            case _, PullRequestRef(repository=repository, number=number):
                about |= {"repository": repository.full_name, "number": number}
            case _, RepositoryRef():
                about["repository"] = value.full_name
            case "number", int():
                about["number"] = value
            case "branch" | "head", str():
                about["branch"] = masked(value)
            case "head_sha", str():
                about["sha"] = masked(value)
            case _, Commit():
                about["sha"] = value.sha
            case _, CheckRun():
                about["sha"] = value.head_sha
                details |= {
                    "external_id": masked(value.external_id),
                    "conclusion": value.conclusion or "",
                }
            case "inputs", Mapping():
                about["sha"] = masked(str(value.get("head_sha", "")))
                details["proposal_id"] = masked(str(value.get("proposal_id", "")))
            case _, bool() | int() if name in _PLAIN:
                details[name] = value
            case _, str() if name in _PLAIN:
                details[name] = masked(value)
            case _ if value is not None and "token" not in name:
                details |= _digest(name, value)
    return Entry(kind=Kind.INTENT, verb=verb, at=at, details=details, **about)


def shown(result: Any) -> str:
    """What a write answered: an id, a SHA, yes or no; of any other text nothing."""
    sha = getattr(result, "sha", None)
    match sha if isinstance(sha, str) else result:
        case bool(value):
            return "yes" if value else "no"
        case int(value):
            return str(value)
        case str(value) if _WORD.fullmatch(value):
            return masked(value)
    return ""


def reason_of(error: BaseException) -> str:
    """The error's kind and what it says, clipped, without what looks like a secret."""
    return masked(f"{type(error).__name__}: {error}".removesuffix(": "))


def masked(text: str) -> str:
    """*text* in one line, at most 300 characters, tokens and keys taken out."""
    line = " ".join(mask(text[: 8 * MAX_TEXT]).text.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def _digest(name: str, value: Any) -> dict[str, str | int | bool]:
    text = value if isinstance(value, str) else repr(value)
    data = text.encode("utf-8", "surrogatepass")
    return {f"{name}_sha256": hashlib.sha256(data).hexdigest()[:32], f"{name}_length": len(text)}
