"""
Entries: texts that callers of the API put into memory, with metadata in words of their own.

Metadata may have any keys, so it has a namespace of its own among the attributes: the whole of
it as JSON, and for each key one attribute, by a hash of the key, that a query can be narrowed by.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from odyssey.domain.memory.masking import mask
from odyssey.domain.memory.record import Record, Trust
from odyssey.domain.memory.retention import storable
from odyssey.domain.memory.scope import Scope, Tier
from odyssey.domain.memory_kinds import ENTRY

METADATA = "metadata"
MAX_METADATA = 16_000
"""Characters of metadata as JSON."""
MAX_KEYS = 50
MAX_DEPTH = 20
MAX_VALUE = 200
"""Characters of a value up to which it is compared as it is; of a longer one a hash is."""


class MetadataRefused(ValueError):
    """The metadata cannot be kept; the message says why."""


def entry_record(
    *,
    entry_id: str,
    text: str,
    metadata: Mapping[str, Any],
    scope: Scope,
    actor: str,
    trust: Trust,
    at: datetime,
) -> Record:
    """
    The record of an entry. Its time is that of the metadata's `timestamp`, if it has one.

    Raises:
        MetadataRefused: there is too much metadata, or it is none.
    """
    if len(metadata) > MAX_KEYS:
        raise MetadataRefused(f"metadata has {len(metadata)} keys; {MAX_KEYS} are kept at most")
    check_values(metadata)
    clean = {_clean(key): _masked(key, value) for key, value in metadata.items()}
    whole = canonical(clean)
    if len(whole) > MAX_METADATA:
        raise MetadataRefused(f"metadata is over {MAX_METADATA} characters as JSON")
    if _read(mask(whole).text) is None:
        raise MetadataRefused("metadata holds what looks like a secret, and none is kept")
    name = record_id(entry_id, scope)
    return Record(
        id=name,
        kind=ENTRY,
        text=text,
        occurred_at=_time(clean.get("timestamp")) or at,
        trust=trust,
        source=entry_source(entry_id, scope),
        actor=actor,
        thread=scope.name if scope.tier is Tier.THREAD else None,
        person=scope.name if scope.tier is Tier.PERSON else None,
        tier=scope.tier,
        attributes={METADATA: whole, **dict(_pair(key, value) for key, value in clean.items())},
    )


def record_id(entry_id: str, scope: Scope) -> str:
    """The record's id: an entry's own id counts within its tier, so that none tells of another."""
    where = hashlib.sha256(f"{scope.tier}\x1f{scope.name or ''}".encode()).hexdigest()[:10]
    return f"{ENTRY}:{where}:{entry_id}"


def entry_source(entry_id: str, scope: Scope) -> str:
    """
    What an entry is forgotten by: its record's id, or a hash where masking would make it
    another's too.
    """
    name = record_id(entry_id, scope)
    if mask(name).text == name:
        return name
    return record_id(hashlib.sha256(entry_id.encode()).hexdigest()[:16], scope)


def entry_id_of(record: Record) -> str:
    """An entry's id as its caller knows it; of any other record its own."""
    return record.id.split(":", 2)[2] if record.kind == ENTRY else record.id


def metadata_of(record: Record) -> dict[str, Any]:
    """An entry's metadata as it was sent, masked; of any other record what is known of it."""
    if record.kind == ENTRY:
        return _read(record.attributes.get(METADATA, "{}")) or {}
    known = {
        "type": record.kind,
        "actor": record.actor,
        "source": record.source,
        "thread": record.thread,
        **record.attributes,
    }
    return {name: value for name, value in known.items() if value}


def narrowing(metadata_filter: Mapping[str, Any]) -> dict[str, str]:
    """
    The filter by which a recall finds the entries whose metadata has these values.

    Raises:
        MetadataRefused: as for an entry.
    """
    check_values(metadata_filter)
    return {
        "kind": ENTRY,
        **dict(_pair(_clean(key), _masked(key, value)) for key, value in metadata_filter.items()),
    }


def check_values(metadata: Mapping[str, Any]) -> None:
    """
    Passes metadata that JSON can hold.

    Raises:
        MetadataRefused: a number is none, or it is nested too deeply.
    """
    level: list[Any] = list(metadata.values())
    for _ in range(MAX_DEPTH):
        if any(isinstance(each, float) and not math.isfinite(each) for each in level):
            raise MetadataRefused("metadata holds NaN or Infinity, which JSON has no number for")
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return
    raise MetadataRefused(f"metadata is nested more than {MAX_DEPTH} levels deep")


def canonical(value: Any) -> str:
    """A value as JSON, the same for what is equal: 1 and 1.0, objects in any order."""
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _pair(key: str, value: Any) -> tuple[str, str]:
    text = canonical(value)
    if len(text) > MAX_VALUE:
        text = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    # As the store keeps it: any attribute is masked on its way in.
    return f"meta_{hashlib.sha256(key.encode()).hexdigest()[:16]}", mask(text).text


def _inner(value: Any) -> list[Any]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return list(value)
    return []


def _plain(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
    return value


def _masked(key: str, value: Any) -> Any:
    match value:
        case str():
            # With its key before it, which may say that it is a password.
            lead = f"{_clean(key)}: "
            text = mask(storable(lead + value)).text
            return text.removeprefix(lead) if text.startswith(lead) else mask(storable(value)).text
        case dict():
            return {_clean(str(name)): _masked(str(name), each) for name, each in value.items()}
        case list():
            return [_masked(key, each) for each in value]
    return value


def _clean(key: str) -> str:
    return mask(storable(key)).text


def _read(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo and 1 < found.year < 9999 else None
