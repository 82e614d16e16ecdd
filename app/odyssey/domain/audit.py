"""
The audit log as values: its entries, their lines, and how each is chained to the one before.

A log is a chain of entries over one or more files. An entry is one line: canonical
JSON that holds the SHA-256 of the entry before (`previous`) and of itself (`hash`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

NOTHING = "0" * 64
"""What the first entry of a chain has as the hash of the entry before it."""
MAX_LINE = 16_384
"""Bytes of a line; the writer's texts are clipped far below."""
WITNESS_DIGITS = 32
"""Digits of a hash that a witness shows: 128 bits, which nobody finds twice."""

_HASH = re.compile(r"[0-9a-f]{64}")
_WITNESS = re.compile(r"(?:audit: )?(?:entry )?([1-9][0-9]{0,17})[:,] ?`?([0-9a-f]{16,64})`?")


class Kind(StrEnum):
    """
    What an entry says.

    `opened` begins a file; `intent` stands before an effect and one of `done`, `failed`
    (it did not happen) and `unknown` (nobody can tell) behind it; `torn` names the
    line before it as one that was never written to its end.
    """

    OPENED = "opened"
    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    TORN = "torn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One line of the log.

    `verb` is the port's method. `intent` is the sequence number of the intent that an
    outcome belongs to. `delivery` and `actor` say for what and for whom it was done;
    both are "" for Odyssey's own doing. `details` hold plain values, of texts only
    their digest and length. `sequence` counts from 1 through all files of a chain.
    """

    kind: Kind
    at: datetime
    verb: str = ""
    repository: str = ""
    number: int | None = None
    branch: str = ""
    sha: str = ""
    delivery: str = ""
    actor: str = ""
    intent: int | None = None
    result: str = ""
    reason: str = ""
    details: Mapping[str, str | int | bool] = field(default_factory=dict)
    sequence: int = 0
    previous: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Where a chain has got to: the sequence number and hash of its newest entry."""

    sequence: int = 0
    hash: str = NOTHING

    @property
    def witness(self) -> str:
        """`N:HASH`, to be kept where who can change the log cannot change it."""
        return f"{self.sequence}:{self.hash[:WITNESS_DIGITS]}"


START = End()


class NotAnEntry(ValueError):
    """A line is no entry as the log writes them; the message says why."""


class CutOff(NotAnEntry):
    """A line is not even JSON: what a write that was cut off leaves behind."""


def chained(entry: Entry, end: End) -> Entry:
    """*entry* as the one that follows *end*."""
    linked = replace(entry, sequence=end.sequence + 1, previous=end.hash, hash="")
    return replace(linked, hash=_hash(linked))


def end_of(entry: Entry) -> End:
    """The chain's end when *entry* is its newest."""
    return End(sequence=entry.sequence, hash=entry.hash)


def write_line(entry: Entry) -> bytes:
    """
    The line of a chained *entry*, line end included.

    Raises:
        ValueError: it would be longer than `MAX_LINE`, and so be no line of the log.
    """
    line = _canonical(_as_json(entry)) + b"\n"
    if len(line) > MAX_LINE:
        raise ValueError(f"an entry of {len(line)} bytes: clip its texts")
    return line


def read_line(line: bytes) -> Entry:
    """
    The entry in *line* (without its line end).

    Raises:
        NotAnEntry: it is not, byte for byte, what the log would have written.
    """
    if len(line) > MAX_LINE:
        raise NotAnEntry(f"is over {MAX_LINE:,} bytes")
    try:
        node = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CutOff("is not JSON") from error
    try:
        entry = _entry(node)
        written = _canonical(_as_json(entry))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NotAnEntry("is JSON, but no entry of an audit log") from error
    if entry.hash != _hash(entry):
        raise NotAnEntry("was changed: its content does not have the hash it names")
    if written != line:
        raise NotAnEntry("was changed: it is not written as the log writes it")
    return entry


def torn_details(fragment: bytes) -> dict[str, str | int | bool]:
    """What a `torn` entry tells of what stands before it, its last line end left out."""
    return {"bytes": len(fragment), "sha256": hashlib.sha256(fragment).hexdigest()}


def read_witness(text: str) -> End:
    """
    The sequence number and the beginning of the hash in `N:HASH`, or as a comment shows it.

    Raises:
        ValueError: it is no such text.
    """
    match = _WITNESS.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(
            f"{text[:80]!r} is no witness: write N:HASH, as the status comment of a merged pull "
            "request shows it (at least 16 digits of the hash)"
        )
    return End(sequence=int(match[1]), hash=match[2])


def _hash(entry: Entry) -> str:
    node = {name: value for name, value in _as_json(entry).items() if name != "hash"}
    return hashlib.sha256(_canonical(node)).hexdigest()


def _canonical(node: Mapping[str, Any]) -> bytes:
    """One line of ASCII: keys sorted, no blanks."""
    return json.dumps(node, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _as_json(entry: Entry) -> dict[str, Any]:
    """Only what is said: fields that have their default value are left out."""
    node = {
        each.name: getattr(entry, each.name)
        for each in fields(entry)
        if getattr(entry, each.name) not in (None, "", {})
    }
    return {**node, "kind": str(entry.kind), "at": entry.at.astimezone(UTC).isoformat()}


def _entry(node: Mapping[str, Any]) -> Entry:
    for name, kind in _TYPES.items():
        if name in node and type(node[name]) is not kind:
            raise TypeError(name)
    if not _HASH.fullmatch(node["hash"]) or not _HASH.fullmatch(node["previous"]):
        raise ValueError("hash")
    if node["sequence"] < 1 or set(map(type, node.get("details", {}).values())) - _PLAIN:
        raise ValueError("sequence or details")
    at = datetime.fromisoformat(node["at"])
    if at.utcoffset() is None:
        raise ValueError("at")
    return Entry(**{**node, "kind": Kind(node["kind"]), "at": at})


_PLAIN = {str, int, bool}
_TYPES: dict[str, type] = {
    "kind": str, "at": str, "verb": str, "repository": str, "number": int, "branch": str,
    "sha": str, "delivery": str, "actor": str, "intent": int, "result": str, "reason": str,
    "details": dict, "sequence": int, "previous": str, "hash": str,
}  # fmt: skip


def as_json(entry: Entry) -> dict[str, Any]:
    """The entry as JSON shows it, every field present."""
    return {**asdict(entry), "kind": str(entry.kind), "at": entry.at.isoformat()}


__all__ = [
    "MAX_LINE", "NOTHING", "START", "CutOff", "End", "Entry", "Kind", "NotAnEntry", "as_json",
    "chained", "end_of", "read_line", "read_witness", "torn_details", "write_line",
]  # fmt: skip
