"""
Records as Weaviate objects, and back.

A record is one object; a text too long for one vector has further objects that
hold only a vector and what a recall is narrowed by (`chunk` 1 and up, `main` the
record's own id).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from weaviate.classes.query import Filter

from odyssey.domain.memory.record import (
    FIELDS,
    Record,
    Tenant,
    Trust,
    login_of,
    owner_of,
    people_of,
)
from odyssey.domain.memory.scope import Scope, Tier

RECORD = (
    "record_id", "kind", "text", "occurred", "trust", "source", "actor", "thread", "person",
    "tier", "attributes",
)  # fmt: skip
"""The properties `to_record` reads."""

_NAMESPACE = uuid.UUID("5f0f5b0a-6f3c-5c86-9d5c-2b1f2f6a7d10")

Properties = Mapping[str, Any]


def object_id(tenant: Tenant, record_id: str, *, chunk: int = 0) -> str:
    """
    The same record's id in every run; the parts are separated, so `a`+`bc` is not `ab`+`c`.
    """
    return str(uuid.uuid5(_NAMESPACE, f"v1\x1f{tenant.name}\x1f{chunk}\x1f{record_id}"))


def moment_of(when: datetime) -> float:
    """Microseconds since 1970."""
    return float(round(when.timestamp() * 1_000_000))


def to_properties(record: Record, *, terms: Sequence[str], masked: int) -> dict[str, Any]:
    """The properties of the record's own object; its neighbours are not known yet."""
    return {
        **_narrowing(record),
        "record_id": record.id,
        "text": record.text,
        "attributes": json.dumps(dict(record.attributes), sort_keys=True),
        "occurred": record.occurred_at.isoformat(),
        "moment": moment_of(record.occurred_at),
        "terms": " ".join(terms),
        "chunk": 0,
        "masked": masked,
        "waiting": True,
        "attempts": 0,
    }


def chunk_properties(record: Record, *, chunk: int, main: str, model: str) -> dict[str, Any]:
    """The properties of an object that only holds a further vector."""
    return {
        **_narrowing(record),
        "record_id": record.id,
        "chunk": chunk,
        "main": main,
        "model": model,
        "waiting": False,
    }


def to_record(properties: Properties) -> Record:
    """The record an own object holds."""
    attributes: dict[str, str] = json.loads(str(properties["attributes"]))
    return Record(
        id=str(properties["record_id"]),
        kind=str(properties["kind"]),
        text=str(properties["text"] or ""),
        occurred_at=datetime.fromisoformat(str(properties["occurred"])),
        trust=Trust(str(properties["trust"])),
        source=str(properties["source"] or ""),
        actor=properties.get("actor"),
        thread=properties.get("thread"),
        person=properties.get("person"),
        tier=Tier(str(properties["tier"])),
        attributes=attributes,
    )


def _narrowing(record: Record) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "actor": record.actor,
        "trust": record.trust.value,
        "source": record.source,
        "thread": record.thread,
        "person": record.person,
        "tier": record.tier.value,
        "owner": owner_of(record),
        "people": list(people_of(record)),
        "pairs": [f"{name}={value}" for name, value in record.attributes.items()],
    }


def matching(scope: Scope, kinds: Sequence[str], where: Mapping[str, str]) -> list[Any]:
    """Conditions that all must hold. Keys are checked already."""
    conditions: list[Any] = [_of_scope(scope)]
    if kinds:
        conditions.append(Filter.by_property("kind").contains_any(list(kinds)))
    for name, value in where.items():
        if name in FIELDS:
            conditions.append(Filter.by_property(name).equal(value))
        else:
            conditions.append(Filter.by_property("pairs").contains_any([f"{name}={value}"]))
    return conditions


def _of_scope(scope: Scope) -> Any:
    tier, name = Filter.by_property("tier"), scope.name or ""
    match scope.tier:
        case Tier.REPOSITORY:
            return tier.equal(Tier.REPOSITORY.value)
        case Tier.THREAD:
            return Filter.by_property("thread").equal(name) & tier.contains_any(
                [Tier.REPOSITORY.value, Tier.THREAD.value]
            )
        case Tier.PERSON:
            login = login_of(name)
            people = Filter.by_property("people").contains_any([login])
            return (tier.equal(Tier.REPOSITORY.value) & people) | (
                tier.equal(Tier.PERSON.value) & Filter.by_property("owner").equal(login)
            )


def from_origin(*, source: str | None, person: str | None) -> Any:
    """The condition of what came from a source, or is about or by a person."""
    if source is not None:
        return Filter.by_property("source").equal(source)
    return Filter.by_property("people").contains_any([login_of(person or "")])


def every(conditions: Sequence[Any]) -> Any:
    """One filter of all; None for none."""
    return Filter.all_of(list(conditions)) if conditions else None
