"""
Measuring recall through the port, on a made-up conversation.
"""

from __future__ import annotations

import pytest

from odyssey.domain.memory.locomo import read_conversations
from odyssey.handlers.evaluate import evaluate, tenant_of
from odyssey.memory_eval import table
from odyssey.ports import Memory


def conversation(name: str) -> dict[str, object]:
    """Ten remarks about ten things, and three questions, of which the last cannot be answered."""
    things = "boat lighthouse teapot violin cactus ladder zeppelin walnut compass igloo".split()
    return {
        "sample_id": name,
        "conversation": {
            f"session_{n}": [{"speaker": "Ida", "dia_id": f"D{n}:1", "text": f"I saw a {thing}."}]
            for n, thing in enumerate(things, start=1)
        },
        "qa": [
            {"question": "Where was the teapot?", "evidence": ["D3:1"], "category": 4},
            {"question": "The violin or the cactus?", "evidence": ["D4:1", "D5:1"], "category": 1},
            {"question": "What is unmentioned?", "evidence": ["D9:1"], "category": 4},
        ],
    }


async def test_recall_is_the_share_of_evidence_and_all_the_share_of_whole_answers(
    memory: Memory, repository: str
) -> None:
    """Strictly: the first k only, and half an answer is half."""
    conversations = read_conversations([conversation(repository.partition("/")[2])])

    at_1 = (await evaluate(memory, conversations, k=1)).summary()
    at_2 = (await evaluate(memory, conversations, k=2)).summary()
    await memory.forget(tenant_of(conversations[0]), source=conversations[0].records[0].source)

    assert at_1["categories"]["multi-hop"]["recall"] == 0.5
    assert at_1["categories"]["multi-hop"]["recall_all"] == 0.0
    assert at_2["categories"]["multi-hop"]["recall_all"] == 1.0
    assert at_2["categories"]["single-hop"]["recall"] >= 0.5
    assert (at_1["k"], at_1["questions"]) == (1, 3)
    assert "multi-hop" in table(at_1)


async def test_a_file_without_questions_is_no_measurement(memory: Memory) -> None:
    """Rather an error than a perfect score."""
    with pytest.raises(ValueError, match="nothing to evaluate"):
        await evaluate(memory, [], k=10)
