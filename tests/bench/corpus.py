"""
Made-up memories in any number: words as frequent as words are, conversations, vectors.

Nothing of it was said by anybody. The same seed gives the same corpus.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from odyssey.adapters.embedding import Vector
from odyssey.domain.memory.record import Record, Trust
from odyssey.domain.memory.stored import Stored

MODEL = "made-up"
DIMENSIONS = 384
WORDS = 30_000
TURNS = 24
"""Records of one thread."""

RARE_KIND = "proposal"
"""The kind of every tenth memory; the others are comments."""

TOPIC = 0.7
"""How much of its thread's direction a memory's vector has, beside its own 1."""

_START = datetime(2025, 1, 1, tzinfo=UTC)
_PEOPLE = ("ada", "grace", "linus", "margaret", "barbara", "ken")
_ONSETS = ("b", "br", "c", "d", "dr", "f", "g", "gl", "k", "l", "m", "n", "p", "pl", "r", "t", "v")
_VOWELS = ("a", "e", "i", "o", "u", "ou")
_CODAS = ("", "k", "l", "m", "n", "r", "x")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its vector, and the id of the memory it was made from."""

    text: str
    vector: Vector
    record_id: str


@dataclass(slots=True)
class Corpus:
    """
    Memories one after another, and questions about them.

    Words follow Zipf's law, as in English once the words that say nothing are gone: the
    commonest is in a fifth of all memories, half of the vocabulary in hardly any. A memory
    has 6 to 40 words, and words of its thread come back in it. Vectors have length 1: a
    random direction and a share of the thread's.
    """

    seed: int = 7
    _random: np.random.Generator = field(init=False)
    _words: list[str] = field(init=False)
    _chances: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)
        self._words = _vocabulary(WORDS)
        chances = 1.0 / (np.arange(WORDS) + 15) ** 1.05
        self._chances = np.cumsum(chances / chances.sum())

    def rows(self, start: int, count: int) -> list[Stored]:
        """Memories number *start* and following, with their vectors."""
        threads = np.arange(start, start + count) // TURNS
        topics: dict[int, list[str]] = {}
        own = self._random.standard_normal((count, DIMENSIONS), dtype=np.float32)
        vectors = _unit(own + TOPIC * self._of_threads(threads))
        found: list[Stored] = []
        for number, vector in zip(range(start, start + count), vectors, strict=True):
            thread = number // TURNS
            topic = topics.setdefault(thread, self._drawn(8))
            length = int(self._random.integers(5, 33))
            words = [*self._drawn(length), *topic[: int(self._random.integers(1, 8))]]
            self._random.shuffle(words)
            found.append(
                Stored(
                    record=Record(
                        id=f"m{number}",
                        kind="comment" if number % 10 else RARE_KIND,
                        text=" ".join(words),
                        occurred_at=_START + timedelta(minutes=number),
                        trust=Trust.PERSON,
                        source=f"https://github.com/acme/shop/issues/{thread}",
                        actor=_PEOPLE[number % len(_PEOPLE)],
                        thread=f"issue/{thread}",
                    ),
                    model=MODEL,
                    vectors=(array("f", vector.tobytes()),),
                )
            )
        return found

    def questions(
        self,
        rows: Sequence[Stored],
        count: int,
        *,
        own_words: tuple[int, int] = (3, 6),
        other_words: tuple[int, int] = (2, 4),
        noise: float = 1.0,
    ) -> list[Asked]:
        """
        Questions, each about another of *rows*: some of its words, some that it may not have.

        The numbers of words are from and to, both included. *noise* is the length of what is
        added to the memory's vector.
        """
        asked: list[Asked] = []
        for index in self._random.choice(len(rows), size=count, replace=False):
            row = rows[int(index)]
            said = row.record.text.split()
            length = min(len(said), int(self._random.integers(own_words[0], own_words[1] + 1)))
            own = self._random.choice(said, size=length, replace=False)
            others = self._drawn(int(self._random.integers(other_words[0], other_words[1] + 1)))
            added = _unit(self._random.standard_normal((1, DIMENSIONS), dtype=np.float32))[0]
            meant = np.asarray(row.vectors[0], dtype=np.float32) + noise * added
            vector = _unit(meant[None, :])[0]
            asked.append(
                Asked(
                    " ".join([*map(str, own), *others]),
                    array("f", vector.tobytes()),
                    row.record.id,
                )
            )
        return asked

    def _of_threads(self, threads: npt.NDArray[np.int64]) -> Floats:
        """A vector for each number of a thread, the same for the same one."""
        found = {
            int(thread): np.random.default_rng([self.seed, int(thread)]).standard_normal(
                DIMENSIONS, dtype=np.float32
            )
            for thread in np.unique(threads)
        }
        return np.stack([found[int(thread)] for thread in threads])

    def _drawn(self, count: int) -> list[str]:
        places = np.searchsorted(self._chances, self._random.random(count))
        return [self._words[place] for place in np.minimum(places, WORDS - 1)]


class GivenVectors:
    """An embedder that looks its vectors up: what is measured with it is all but embedding."""

    def __init__(self, asked: Sequence[Asked] = ()) -> None:
        self._known = {one.text: one.vector for one in asked}

    @property
    def model(self) -> str:
        """The corpus's."""
        return MODEL

    @property
    def dimensions(self) -> int:
        """384."""
        return DIMENSIONS

    def know(self, asked: Sequence[Asked]) -> None:
        """Adds questions that will be asked."""
        self._known.update((one.text, one.vector) for one in asked)

    def start(self) -> None:
        """Nothing to load."""

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for all."""
        fixed = array("f", [1.0, *[0.0] * (DIMENSIONS - 1)])
        return [fixed for _ in texts]

    async def embed_query(self, text: str) -> Vector:
        """The vector that came with the question."""
        return self._known[text]

    async def close(self) -> None:
        """Nothing to end."""


def percentile(times: Sequence[float], share: float) -> float:
    """The time that *share* of *times* do not exceed."""
    ordered = sorted(times)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def bytes_in(folder: Path) -> int:
    """What the files in *folder* hold, and in folders in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _vocabulary(count: int) -> list[str]:
    """Different made-up words, the short ones first, as in any language."""
    syllables = [*map("".join, itertools.product(_ONSETS, _VOWELS, _CODAS))]
    return list(itertools.islice(_joined(syllables), count))


def _joined(syllables: Sequence[str]) -> Iterator[str]:
    random = np.random.default_rng(1)
    seen: set[str] = set()
    while True:
        # Longer ones as the short ones run out.
        length = 1 + min(len(seen) // 400, 1) + int(len(seen) > 20_000)
        word = "".join(syllables[int(n)] for n in random.integers(0, len(syllables), length))
        if word not in seen and len(word) > 2:
            seen.add(word)
            yield word


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float32)
