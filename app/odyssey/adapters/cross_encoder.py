"""
A cross-encoder of sentence-transformers, on this machine and without the network.

It reads question and text together, which is slow: it judges the best of what was
found, and what it does not judge in time stays in the order it came in.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

from odyssey.domain.errors import Unavailable

Predicts: TypeAlias = "Callable[[Sequence[tuple[str, str]]], list[float]]"
"""Scores, 0 to 1, of pairs of a question and a text."""

_BATCH = 8
"""Texts judged between two looks at whether anybody still waits."""


class CrossEncoder:
    """
    A model by the name it has in the local cache (`cross-encoder/ms-marco-MiniLM-L6-v2`), or a
    folder. Nothing is downloaded. No question waits longer than *within*. *read* loads it.
    """

    def __init__(
        self,
        model: str,
        *,
        within: timedelta,
        read: Callable[[str], Predicts] | None = None,
    ) -> None:
        self._name = model
        self._within = within
        self._read = read or read_model
        self._loaded: Predicts | None = None
        # One thread: torch uses all cores by itself, and two batches at once only wait longer.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")

    @property
    def name(self) -> str:
        """As it was given."""
        return self._name

    async def judge(self, question: str, texts: Sequence[str]) -> list[float]:
        """
        How well each text answers, 0 to 1. The first call loads the model.

        Raises:
            Unavailable: the package or the weights are missing, says how to get them; or the
                time was over.
        """
        if not texts:
            return []
        loop = asyncio.get_running_loop()
        too_late = threading.Event()
        judging = loop.run_in_executor(self._thread, self._judge, question, list(texts), too_late)
        try:
            async with asyncio.timeout(self._within.total_seconds()):
                return await judging
        except TimeoutError as error:
            raise Unavailable(
                f"cross-encoder {self._name!r}: no judgement of {len(texts)} texts within "
                f"{self._within.total_seconds():g} s; see ODYSSEY_CROSS_ENCODER_TIMEOUT"
            ) from error
        finally:
            too_late.set()

    async def close(self) -> None:
        """Ends the thread and drops the model."""
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        self._loaded = None

    def _judge(self, question: str, texts: list[str], too_late: threading.Event) -> list[float]:
        if self._loaded is None:
            self._loaded = self._read(self._name)
        scores: list[float] = []
        for start in range(0, len(texts), _BATCH):
            if too_late.is_set():
                break
            pairs = [(question, text) for text in texts[start : start + _BATCH]]
            scores += self._loaded(pairs)
        return scores


def read_model(name: str) -> Predicts:
    """
    The model's scores of pairs, 0 to 1.

    Raises:
        Unavailable: the package or the weights are missing; says how to get them.
    """
    # Read by huggingface_hub when it is first imported, just below.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        if not _is_there(name):
            raise _no_weights(name)
        import sentence_transformers
        import torch
    except ImportError as error:
        raise Unavailable(
            "a cross-encoder needs the package sentence-transformers: "
            "pip install 'sentence-transformers>=5,<7'"
        ) from error
    try:
        model = sentence_transformers.CrossEncoder(
            name,
            device="cpu",
            local_files_only=True,
            num_labels=1,
            activation_fn=torch.nn.Sigmoid(),
        )
    except (OSError, ValueError) as error:
        raise _no_weights(name) from error

    def predict(pairs: Sequence[tuple[str, str]]) -> list[float]:
        found = model.predict(list(pairs), batch_size=_BATCH, show_progress_bar=False)
        return [float(score) for score in found]

    return predict


def _is_there(name: str) -> bool:
    """Looked up before torch is loaded, which takes seconds."""
    from huggingface_hub import try_to_load_from_cache

    if (Path(name) / "config.json").is_file():
        return True
    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except ValueError:
        # No name that the cache could hold.
        return False


def _no_weights(name: str) -> Unavailable:
    return Unavailable(
        f"cross-encoder {name!r}: no weights on this machine; name a folder that holds a "
        "sentence-transformers cross-encoder, or leave ODYSSEY_CROSS_ENCODER empty"
    )
