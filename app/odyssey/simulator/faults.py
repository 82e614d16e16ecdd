"""Faults on demand: what GitHub and the network do on a bad day."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

SECONDARY_LIMIT = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
BASE_MODIFIED = "Base branch was modified. Review and try the merge again."

Kind = Literal[
    "answer", "late_answer", "meanwhile", "stale_read", "expire_token", "drop_delivery",
    "double_delivery", "tampered_merge"
]  # fmt: skip


@dataclass(slots=True)
class Fault:
    """
    One kind of trouble for the requests that match, at most `times` times (None: for ever).

    `path` is a regular expression that must match the whole path. An `answer`
    replaces the reply, before the effect or after it; a `stale_read` shows a
    pull request as it was before its last write; `expire_token` makes the
    bearer's token expire with this request; a `late_answer` is held back after
    the effect until `until` is over, and `meanwhile` something else happens first;
    a `tampered_merge` merges something else than it says. For deliveries `path` is the event, or
    `event.action`.
    """

    method: str = "*"
    path: str = ".*"
    status: int = 502
    when: Literal["before_effect", "after_effect"] = "before_effect"
    times: int | None = 1
    kind: Kind = "answer"
    message: str = "Server Error"
    headers: Mapping[str, str] = field(default_factory=dict)
    until: Callable[[], Awaitable[object]] | None = None
    used: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether it is not used up and meant for this request."""
        if self.times is not None and self.used >= self.times:
            return False
        return self.method in ("*", method) and re.fullmatch(self.path, path) is not None


def secondary_limit(
    path: str = ".*",
    *,
    method: str = "*",
    status: int = 403,
    retry_after: int | None = 60,
    times: int | None = 1,
) -> Fault:
    """A refusal by the secondary rate limit, with `retry-after` in seconds or without."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Fault(method, path, status=status, message=SECONDARY_LIMIT, headers=headers, times=times)


def base_branch_modified(*, times: int | None = 1) -> Fault:
    """The 405 of a merge that raced with a push to the base branch; worth trying again."""
    return Fault("PUT", r".*/pulls/\d+/merge", status=405, message=BASE_MODIFIED, times=times)


def stale_read(path: str = r".*/pulls/\d+(/reviews)?", *, times: int | None = 1) -> Fault:
    """A reply that is older than the last write to that pull request."""
    return Fault("GET", path, kind="stale_read", times=times)


def late_answer(
    path: str, until: Callable[[], Awaitable[object]], *, method: str = "*", times: int | None = 1
) -> Fault:
    """An answer that leaves only when *until* is over; its effect, or its read, was before."""
    return Fault(method, path, kind="late_answer", until=until, times=times)


def meanwhile(
    path: str, happens: Callable[[], Awaitable[object]], *, method: str = "*", times: int | None = 1
) -> Fault:
    """Something that happens between the sending of a request and its effect."""
    return Fault(method, path, kind="meanwhile", until=happens, times=times)


def tampered_merge(what: Literal["tree", "parents"] = "tree", *, times: int | None = 1) -> Fault:
    """
    A merge whose commit has one more file, or not the parents it should have.

    GitHub does no such thing; whoever stands between it and Odyssey, or has its keys, might.
    """
    return Fault("PUT", r".*/pulls/\d+/merge", kind="tampered_merge", message=what, times=times)


def token_expiry(path: str = ".*", *, method: str = "*", times: int | None = 1) -> Fault:
    """The bearer's token expires just before this request is judged."""
    return Fault(method, path, kind="expire_token", times=times)


def dropped_delivery(event: str, *, times: int | None = 1) -> Fault:
    """A delivery of *event* (or `event.action`) never arrives and is logged as timed out."""
    return Fault(path=_event_pattern(event), kind="drop_delivery", times=times)


def doubled_delivery(event: str, *, times: int | None = 1) -> Fault:
    """A delivery of *event* (or `event.action`) arrives twice with one GUID."""
    return Fault(path=_event_pattern(event), kind="double_delivery", times=times)


def _event_pattern(event: str) -> str:
    return re.escape(event) if "." in event else re.escape(event) + r"(\..*)?"


class FaultBoard:
    """The faults that are set; each request asks it once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Set *fault*; faults are asked in the order they were added."""
        self.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Take all faults away."""
        self.faults.clear()

    def take(self, method: str, path: str, *kinds: Kind) -> Fault | None:
        """The first fault of *kinds* that matches, counted as used."""
        for fault in self.faults:
            if fault.kind in kinds and fault.matches(method, path):
                fault.used += 1
                return fault
        return None
