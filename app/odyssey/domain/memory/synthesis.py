"""
Dual synthesis: two readings of one conversation, and which observations they may concern.

The episodic reading notes how people work and what they want; the summarising one what
happened. Both only make notes: what becomes of the observations is decided afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from odyssey.domain.memory.observation import Observation
from odyssey.domain.memory.prompt import Prompt, data_rule, fence_for, shown_records
from odyssey.domain.memory.record import Record
from odyssey.domain.memory.terms import terms

NOTES_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["notes"],
    "additionalProperties": False,
    "properties": {
        "notes": {
            "type": "array",
            "maxItems": 5,
            "items": {
                "type": "object",
                "required": ["text", "sources", "confidence"],
                "additionalProperties": False,
                "properties": {
                    "text": {"type": "string", "maxLength": 500},
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

MAX_NOTES = 5
"""Of one reading."""

_ANSWER = """\
Answer with JSON: {"notes": [{"text", "sources", "confidence"}]}, at most five notes, none if \
there is nothing worth keeping. "text" is one sentence of at most 30 words that can be \
understood alone, written as a report, never as an order. "sources" are the names of the \
messages it rests on (M1, M2 ...). "confidence" is from 0 to 1."""


def notes_schema_for(messages: int) -> dict[str, Any]:
    """`NOTES_SCHEMA` with the names of so many messages, so that no others can be given."""
    schema = copy.deepcopy(NOTES_SCHEMA)
    names = [f"M{number}" for number in range(1, messages + 1)]
    schema["properties"]["notes"]["items"]["properties"]["sources"]["items"] = {"enum": names}
    return schema


class Reading(StrEnum):
    """The two ways in which a conversation is read."""

    EPISODIC = "episodic"
    SUMMARY = "summary"


_TOLD: Final[Mapping[Reading, str]] = {
    Reading.EPISODIC: (
        "You read a conversation about a software repository and note how the people in it "
        "work: what they prefer, what they have trouble with, what they ask for again and "
        "again, what they decided and why. You do not retell what happened."
    ),
    Reading.SUMMARY: (
        "You read a conversation about a software repository and note what happened: what was "
        "done, what stands now, what is late, what was agreed. You do not describe the people."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence made of messages; `sources` are their ids."""

    text: str
    sources: tuple[str, ...]
    confidence: float
    reading: Reading


def reading_prompt(reading: Reading, messages: Sequence[Record]) -> Prompt:
    """What one reading asks: the messages as M1, M2 ..."""
    fence = fence_for([one.text for one in messages])
    return Prompt(
        system=f"{_TOLD[reading]} {_ANSWER}\n\n{data_rule(fence)}",
        user="\n\n".join(shown_records(messages, fence=fence, name="M")),
    )


def notes_of(
    answer: Mapping[str, Any],
    messages: Sequence[Record],
    *,
    reading: Reading,
    min_confidence: float,
    max_text: int = 500,
) -> tuple[list[Note], list[str]]:
    """The notes of an answer that may be believed, and why each other one was refused."""
    ids = {f"M{number}": one.id for number, one in enumerate(messages, start=1)}
    given = answer.get("notes")
    if not isinstance(given, list):
        return [], ["the answer holds no list of notes"]
    notes: list[Note] = []
    refused: list[str] = []
    for number, one in enumerate(given, start=1):
        problem = _problem(one, ids, min_confidence, max_text)
        if number > MAX_NOTES:
            problem = f"only {MAX_NOTES} are taken"
        if problem:
            if len(refused) < 2 * MAX_NOTES:
                refused.append(f"{reading} note {number}: {problem}")
            continue
        notes.append(
            Note(
                text=" ".join(one["text"].split()),
                sources=tuple(dict.fromkeys(ids[each] for each in one["sources"])),
                confidence=float(one["confidence"]),
                reading=reading,
            )
        )
    return notes, refused


def likeness(one: str, other: str) -> float:
    """How many of the words of two sentences are the same, 0 to 1 (Jaccard)."""
    left, right = set(terms(one)), set(terms(other))
    return len(left & right) / len(left | right) if left and right else 0.0


def linked(
    note: Note,
    observations: Iterable[Observation],
    *,
    similarities: Mapping[str, float],
    threshold: float,
) -> list[Observation]:
    """
    The observations a note may concern, the likest first.

    *similarities* are cosines by key, of those a search by meaning found; where there is
    none the words are compared.
    """
    scored = [
        (max(similarities.get(one.key, 0.0), likeness(note.text, one.text)), one)
        for one in observations
    ]
    near = [(score, one) for score, one in scored if score >= threshold]
    return [one for _, one in sorted(near, key=lambda each: (-each[0], each[1].key))]


def creations(notes: Iterable[Note]) -> list[dict[str, Any]]:
    """Notes that concern no observation, as actions."""
    return [
        {
            "action": "create",
            "text": note.text,
            "sources": list(note.sources),
            "confidence": note.confidence,
        }
        for note in notes
    ]


def _problem(one: Any, ids: Mapping[str, str], min_confidence: float, max_text: int) -> str:
    if not isinstance(one, dict):
        return "it is no object"
    text, sources, confidence = one.get("text"), one.get("sources"), one.get("confidence")
    if not isinstance(text, str) or not 0 < len(" ".join(text.split())) <= max_text:
        return f"its text must have 1 to {max_text} characters"
    if not isinstance(sources, list) or not sources:
        return "it names no message"
    if unknown := [each for each in sources if not isinstance(each, str) or each not in ids]:
        return f"no message {str(unknown[0])[:40]!r} was shown"
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        return "its confidence is no number"
    if not min_confidence <= confidence <= 1:
        return f"confidence {confidence} is not from {min_confidence} to 1"
    return ""
