"""
Consolidation: what a model may do to observations, and what of it is done.

The model's answer is forced into a schema, and then nothing in it is believed:
an unknown observation, an unknown source, a second action on one observation,
a low confidence, too many actions are each refused, with the reason.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from odyssey.domain.memory.observation import Observation, Source, deleted, updated
from odyssey.domain.memory.record import Record, Trust

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["actions"],
    "additionalProperties": False,
    "properties": {
        "actions": {
            "type": "array",
            "maxItems": 10,
            "items": {
                "type": "object",
                "required": ["action", "sources", "confidence"],
                "additionalProperties": False,
                "properties": {
                    "action": {"enum": ["create", "update", "delete", "skip"]},
                    "observation": {"type": "string", "maxLength": 8},
                    "text": {"type": "string", "maxLength": 500},
                    "reason": {"type": "string", "maxLength": 500},
                    "sources": {
                        "type": "array",
                        "items": {"type": "string", "maxLength": 8},
                        "maxItems": 20,
                    },
                    "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                },
            },
        }
    },
}


def schema_for(*, records: Collection[str], observations: Collection[str]) -> dict[str, Any]:
    """
    `SCHEMA` with the names of what is shown, so that no others can be given.

    Where no observation is shown none can be updated or deleted.
    """
    schema = copy.deepcopy(SCHEMA)
    properties = schema["properties"]["actions"]["items"]["properties"]
    properties["sources"]["items"] = {"enum": sorted(records)}
    if observations:
        properties["observation"] = {"enum": sorted(observations)}
    else:
        del properties["observation"]
        properties["action"] = {"enum": ["create", "skip"]}
    return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is refused."""

    min_confidence: float = 0.5
    max_actions: int = 10
    max_text: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidated:
    """
    The versions to store, in this order, and why each refused action was refused.

    `skipped` counts what the model itself left alone.
    """

    versions: tuple[Observation, ...]
    refused: tuple[str, ...]
    skipped: int


def learnable(records: Mapping[str, Record]) -> dict[str, Record]:
    """The records that may be learnt from: never what was injected from memory."""
    return {key: record for key, record in records.items() if record.trust is not Trust.INJECTED}


def consolidate(
    answer: Any,
    *,
    current: Mapping[str, Observation],
    records: Mapping[str, Record],
    scope: str,
    limits: Limits,
    now: datetime,
    noted: Sequence[Mapping[str, Any]] = (),
) -> Consolidated:
    """
    What to store of a model's *answer*, given the observations and records it was shown.

    *current* is by key, as shown; *records* by id. *noted* are actions that follow from
    notes: they are believed no more, and an answer with many actions leaves them their
    room. The same answer gives the same keys, so that a repetition makes no second
    observation.
    """
    actions = answer.get("actions") if isinstance(answer, dict) else None
    if not isinstance(actions, list):
        return Consolidated(
            versions=(), refused=("the answer holds no list of actions",), skipped=0
        )
    versions: list[Observation] = []
    refused: list[str] = []
    touched: set[str] = set()
    skipped = 0
    shown = learnable(records)
    taken = [(f"action {number}", one) for number, one in enumerate(actions, start=1)]
    made_of_notes = [(f"new note {number}", one) for number, one in enumerate(noted, start=1)]
    for name, action in (*taken[: limits.max_actions], *made_of_notes):
        try:
            made = _apply(
                action, current, records=shown, scope=scope, limits=limits, touched=touched, now=now
            )
        except _Refused as reason:
            refused.append(f"{name}: {reason}")
            continue
        skipped += not made
        versions += made
    refused += [
        f"{name}: only {limits.max_actions} are taken" for name, _ in taken[limits.max_actions :]
    ]
    return Consolidated(versions=tuple(versions), refused=tuple(refused), skipped=skipped)


class _Refused(Exception):
    """Why one action is not done."""


def _apply(
    action: object,
    current: Mapping[str, Observation],
    *,
    records: Mapping[str, Record],
    scope: str,
    limits: Limits,
    touched: set[str],
    now: datetime,
) -> tuple[Observation, ...]:
    if not isinstance(action, dict):
        raise _Refused("it is no object")
    name = action.get("action")
    if name == "skip":
        return ()
    confidence = _confidence(action.get("confidence"), limits)
    sources = _sources(action.get("sources"), records)
    match name:
        case "create":
            text = _text(action.get("text"), limits)
            key = _key(scope, text)
            _touch(key, touched)
            if key in current:
                raise _Refused(f"observation {key} says this already")
            return (
                Observation(
                    key=key, version=1, text=text, sources=sources, confidence=confidence,
                    scope=scope, created_at=now,
                ),
            )  # fmt: skip
        case "update":
            text = _text(action.get("text"), limits)
            known = _known(action.get("observation"), current, scope=scope, touched=touched)
            return updated(known, text=text, sources=sources, confidence=confidence, at=now)
        case "delete":
            known = _known(action.get("observation"), current, scope=scope, touched=touched)
            reason = str(action.get("reason") or "").strip()[: limits.max_text]
            if not reason:
                raise _Refused("a deletion needs its reason")
            return deleted(known, reason=reason, at=now)
        case _:
            raise _Refused(f"{str(name)[:40]!r} is no action")


def _known(
    key: Any, current: Mapping[str, Observation], *, scope: str, touched: set[str]
) -> Observation:
    found = current.get(key) if isinstance(key, str) else None
    if found is None or found.scope != scope:
        raise _Refused(f"no observation {str(key)[:80]!r} was shown")
    _touch(found.key, touched)
    return found


def _touch(key: str, touched: set[str]) -> None:
    if key in touched:
        raise _Refused(f"observation {key} has an action already")
    touched.add(key)


def _confidence(value: Any, limits: Limits) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _Refused("its confidence is no number from 0 to 1")
    if value < limits.min_confidence:
        raise _Refused(f"confidence {value} is below {limits.min_confidence}")
    return float(value)


def _sources(ids: Any, records: Mapping[str, Record]) -> tuple[Source, ...]:
    if not isinstance(ids, list) or not ids:
        raise _Refused("it names no source")
    unknown = [one for one in ids if not isinstance(one, str) or one not in records]
    if unknown:
        raise _Refused(f"no record {str(unknown[0])[:80]!r} was shown that may be learnt from")
    return tuple(sorted({Source(records[one].occurred_at, one) for one in ids}))


def _text(value: Any, limits: Limits) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not 0 < len(text) <= limits.max_text:
        raise _Refused(f"its text must have 1 to {limits.max_text} characters")
    return text


def _key(scope: str, text: str) -> str:
    return "obs_" + hashlib.sha256(f"{scope}\x1f{text.lower()}".encode()).hexdigest()[:16]
