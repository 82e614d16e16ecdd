"""
The cross-encoder: what it needs, and that nobody waits for it too long.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from odyssey.adapters.cross_encoder import CrossEncoder, Predicts
from odyssey.domain.errors import Unavailable


@pytest.mark.parametrize(
    "name", ["cross-encoder/not-on-this-machine", "{folder}", "no:name/at all"]
)
async def test_without_weights_it_says_what_to_do(name: str, tmp_path: Path) -> None:
    """And downloads nothing."""
    judge = CrossEncoder(name.format(folder=tmp_path), within=timedelta(seconds=60))

    with pytest.raises(Unavailable, match="ODYSSEY_CROSS_ENCODER"):
        await judge.judge("who?", ["ada did"])

    await judge.close()


async def test_scores_come_in_the_order_of_the_texts() -> None:
    """However many batches they take; without texts nothing is loaded."""
    loaded: list[str] = []

    def read(name: str) -> Predicts:
        loaded.append(name)
        return lambda pairs: [len(text) / 100 for _, text in pairs]

    judge = CrossEncoder("lengths", within=timedelta(seconds=60), read=read)

    assert await judge.judge("who?", []) == []
    assert loaded == []
    assert await judge.judge("who?", ["x" * n for n in range(50)]) == [n / 100 for n in range(50)]
    assert loaded == ["lengths"]
    await judge.close()


async def test_a_question_does_not_wait_longer_than_the_deadline() -> None:
    """The batch at work is finished, those behind it are not begun."""
    is_over = threading.Event()
    batches: list[int] = []

    def predict(pairs: Sequence[tuple[str, str]]) -> list[float]:
        batches.append(len(pairs))
        is_over.wait(30)
        return [0.5] * len(pairs)

    judge = CrossEncoder("slow", within=timedelta(milliseconds=50), read=lambda _: predict)

    with pytest.raises(Unavailable, match=r"within 0\.05 s"):
        await judge.judge("who?", ["x"] * 50)
    is_over.set()
    await judge.close()

    assert len(batches) == 1
