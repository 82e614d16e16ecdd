"""
Reading a file in LoCoMo's format; the conversation here is made up.
"""

from __future__ import annotations

from typing import Any

import pytest

from odyssey.domain.memory.locomo import read_conversations


def sample() -> dict[str, Any]:
    """Two sessions, with every oddity the real file has."""
    return {
        "sample_id": "conv-1",
        "conversation": {
            "speaker_a": "Ida",
            "speaker_b": "Otto",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ida", "dia_id": "D1:1", "text": "I bought a boat."},
                {
                    "speaker": "Otto",
                    "dia_id": "D1:2",
                    "text": "Look!",
                    "blip_caption": "a photo of a lighthouse",
                    "query": "lighthouse at night",
                },
            ],
            "session_2_date_time": "some day",
            "session_2": [{"speaker": "Ida", "dia_id": "D2:1", "text": "It sank."}],
            "session_3_date_time": "9:00 am on 1 June, 2023",
        },
        "qa": [
            {
                "question": "What sank?",
                "answer": "boat",
                "evidence": ["D1:1; D2:01"],
                "category": 1,
            },
            {"question": "Nothing", "answer": "", "evidence": [], "category": 3},
            {"question": "Unknown turn", "evidence": ["D9:9", "D"], "category": 4},
            {"question": "Odd", "evidence": ["D:1:2"], "adversarial_answer": "x", "category": 5},
        ],
        "observation": {"session_1_observation": {"Ida": [["Ida owns a boat", "D1:1"]]}},
    }


def test_turns_become_records_with_speaker_time_and_picture() -> None:
    """One for each turn; summaries and observations stay out, they carry the answers."""
    [conversation] = read_conversations([sample()])

    assert [one.id for one in conversation.records] == ["D1:1", "D1:2", "D2:1"]
    assert [one.thread for one in conversation.records] == ["session/1", "session/1", "session/2"]
    assert conversation.records[0].occurred_at.isoformat() == "2023-05-08T13:56:00+00:00"
    assert conversation.records[1].attributes == {
        "caption": "a photo of a lighthouse; lighthouse at night"
    }


def test_evidence_is_read_however_it_is_written() -> None:
    """Several in one text, leading zeros, a stray colon; what names no turn is dropped."""
    [conversation] = read_conversations([sample()])

    assert [(one.text, sorted(one.evidence)) for one in conversation.questions] == [
        ("What sank?", ["D1:1", "D2:1"]),
        ("Odd", ["D1:2"]),
    ]


@pytest.mark.parametrize("data", [[1], [{"qa": []}], {"conversation": []}])
def test_another_file_is_refused(data: Any) -> None:
    """With what is missing."""
    with pytest.raises(ValueError, match="LoCoMo"):
        read_conversations(data)
