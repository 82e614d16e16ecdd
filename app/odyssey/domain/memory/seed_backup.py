"""
Backups that Odyssey's predecessors wrote as one JSON document.

They kept entries as `{"id", "text", "metadata"}`, in a list, under a name
(`"entries"`, `"tasks"`, `"logs"`), or column by column as Chroma gives them
(`"ids"`, `"documents"`, `"metadatas"`). Their vectors do not say which model made
them, so they are left out and made anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from odyssey.domain.memory.record import MAX_ID, Record, Trust

_TEXTS = ("text", "document", "content", "message", "description", "commit_message", "summary")
_TIMES = ("timestamp", "occurred_at", "created_at", "updated_at", "date")
_IDS = ("id", "event_id", "proposal_id", "task_id")
_NOT_NAME = re.compile(r"[^a-z0-9_]+")
_SECTIONS_OF_ENTRIES = frozenset({"entries", "results", "memories", "events", "semantic"})


def read_backup(document: Any, *, now: datetime) -> Iterator[Record]:
    """
    The records of a backup; those without a time of their own get *now*.

    The same document gives the same ids.

    Raises:
        ValueError: there is nothing in it that can be read, or an entry has no text; says which.
    """
    found = False
    for section, number, entry in _entries(document):
        found = True
        yield _record(section, number, entry, now=now)
    if not found:
        raise ValueError(
            "no entries: a list of objects with a text is needed, by itself, under a name, "
            "or as Chroma's ids, documents and metadatas"
        )


def _entries(document: Any) -> Iterator[tuple[str, int, Any]]:
    if isinstance(document, list):
        document = {"entries": document}
    if not isinstance(document, dict):
        return
    if isinstance(document.get("documents"), list):
        yield from _columns(document)
        return
    for section, entries in document.items():
        if isinstance(entries, list):
            for number, entry in enumerate(entries, start=1):
                yield section, number, entry


def _columns(document: Mapping[str, Any]) -> Iterator[tuple[str, int, Any]]:
    texts = document["documents"]
    ids = document.get("ids") or [None] * len(texts)
    metadatas = document.get("metadatas") or [None] * len(texts)
    if not len(texts) == len(ids) == len(metadatas):
        raise ValueError(
            f"{len(ids)} ids, {len(texts)} documents and {len(metadatas)} metadatas: "
            "the columns must be of one length"
        )
    for number, (one, text, metadata) in enumerate(
        zip(ids, texts, metadatas, strict=True), start=1
    ):
        yield "entries", number, {"id": one, "text": text, "metadata": metadata}


def _record(section: str, number: int, entry: Any, *, now: datetime) -> Record:
    where = f"{section}, entry {number}"
    if not isinstance(entry, dict):
        raise ValueError(f"{where}: it is no object")
    text = next((entry[name] for name in _TEXTS if isinstance(entry.get(name), str)), None)
    if text is None:
        raise ValueError(f"{where}: it has no text; one of {', '.join(_TEXTS)} is needed")
    metadata = entry.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise ValueError(f"{where}: its metadata is no object")
    rest = {name: value for name, value in entry.items() if name not in ("metadata", *_TEXTS)}
    facts = {**rest, **metadata}
    is_entry = section in _SECTIONS_OF_ENTRIES
    kind = str(facts.get("type") or "note") if is_entry else section.rstrip("s")
    return Record(
        id=_id(section, entry, text),
        kind=_name(kind) or "note",
        text=text,
        occurred_at=_time(facts, where=where) or now,
        trust=Trust.AGENT,
        source=str(facts.get("source") or f"backup:{section}"),
        attributes={
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in facts.items()
            if (name := _name(key)) and value is not None and key not in ("source", "embedding")
        },
    )


def _id(section: str, entry: Mapping[str, Any], text: str) -> str:
    known = next((entry[name] for name in _IDS if entry.get(name) not in (None, "")), None)
    if known is None:
        known = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
    made = f"backup:{section}:{known}"
    if len(made) <= MAX_ID:
        return made
    return f"backup:{section[:80]}:{hashlib.sha256(made.encode('utf-8', 'replace')).hexdigest()}"


def _time(facts: Mapping[str, Any], *, where: str) -> datetime | None:
    for name in _TIMES:
        value = facts.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str) and value:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError as error:
                raise ValueError(f"{where}: {name} {value[:40]!r} is no time") from error
            # They wrote local times without a zone; UTC is what their servers ran in.
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _name(key: str) -> str:
    name = _NOT_NAME.sub("_", str(key).lower()).strip("_")[:60]
    return name if name[:1].isalpha() else ""
