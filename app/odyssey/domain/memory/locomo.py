"""
Conversations with questions in LoCoMo's format, as records and what should find them.

Source of the format: Maharana et al., "Evaluating Very Long-Term Conversational
Memory of LLM Agents", ACL 2024. Only turns become records: `observation`,
`session_summary` and `event_summary` carry the answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from odyssey.domain.memory.record import Record, Trust

CATEGORIES = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}

# Some evidence reads `D8:6; D9:17`, `D:11:26` or `D30:05`.
_EVIDENCE = re.compile(r"D:?(\d+):(\d+)")
_SESSION = re.compile(r"session_(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and the ids of the turns that answer it, at least one."""

    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation: its turns in order and the questions that have evidence in it."""

    name: str
    records: tuple[Record, ...]
    questions: tuple[Question, ...]


def read_conversations(data: Any) -> list[Conversation]:
    """
    The conversations of a parsed LoCoMo file, which is a list of samples.

    Evidence that names no turn is dropped; so is a question left with none.

    Raises:
        ValueError: it is no such file; says where it differs.
    """
    samples = data if isinstance(data, list) else [data]
    conversations = []
    for index, sample in enumerate(samples):
        if not isinstance(sample, dict) or not isinstance(sample.get("conversation"), dict):
            raise ValueError(
                f"sample {index}: no 'conversation'; is this a file in LoCoMo's format?"
            )
        name = str(sample.get("sample_id", index))
        records = tuple(_records(name, sample["conversation"]))
        questions = tuple(_questions(sample.get("qa") or [], {one.id for one in records}))
        conversations.append(Conversation(name=name, records=records, questions=questions))
    return conversations


def _records(name: str, conversation: Mapping[str, Any]) -> Iterator[Record]:
    sessions = sorted(
        int(match[1])
        for key, turns in conversation.items()
        if (match := _SESSION.fullmatch(key)) and isinstance(turns, list)
    )
    for session in sessions:
        start = _moment(str(conversation.get(f"session_{session}_date_time", "")))
        for place, turn in enumerate(conversation[f"session_{session}"]):
            # An image reaches memory as what it shows and what it was looked up by.
            shown = [str(turn[key]) for key in ("blip_caption", "query") if turn.get(key)]
            yield Record(
                id=str(turn["dia_id"]),
                kind="turn",
                text=str(turn.get("text") or ""),
                occurred_at=start + timedelta(seconds=20 * place),
                trust=Trust.PERSON,
                source=f"locomo:{name}",
                actor=str(turn["speaker"]),
                thread=f"session/{session}",
                attributes={"caption": "; ".join(shown)} if shown else {},
            )


def _moment(text: str) -> datetime:
    """The moment in `1:56 pm on 8 May, 2023`; the epoch where it cannot be read."""
    try:
        return datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _questions(entries: Sequence[Mapping[str, Any]], turns: set[str]) -> Iterator[Question]:
    for entry in entries:
        named = {
            f"D{int(session)}:{int(turn)}"
            for text in entry.get("evidence") or []
            for session, turn in _EVIDENCE.findall(str(text))
        }
        if evidence := frozenset(named & turns):
            yield Question(
                text=str(entry["question"]),
                category=int(entry.get("category", 0)),
                evidence=evidence,
            )
