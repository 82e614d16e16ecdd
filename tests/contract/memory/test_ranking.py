"""
What a recall makes of what a store found: composite score, thresholds, a cross-encoder.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.ranking import Reranker
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory.scoring import Scoring

TENANT = Tenant.of(7, "acme/shop")
NOW = datetime(2026, 3, 15, tzinfo=UTC)
QUESTION = "flaky checkout test"


class LastLetter:
    """A reranker that finds a text the better, the later its last letter is in the alphabet."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away = is_away
        self.judged: list[str] = []

    @property
    def name(self) -> str:
        """What it looks at."""
        return "last letter"

    async def judge(self, question: str, texts: Sequence[str]) -> list[float]:
        """`a` is 0, `z` is 1."""
        if self.is_away:
            raise Unavailable("no weights on this machine")
        self.judged += texts
        return [(ord(text[-1]) - ord("a")) / 25 for text in texts]

    async def close(self) -> None:
        """Nothing to end."""


Opens = Callable[[Scoring, Reranker | None], SqliteMemory]


@pytest.fixture
async def opens(tmp_path: Path) -> AsyncIterator[Opens]:
    """Opens one and the same memory with another scoring."""
    opened: list[SqliteMemory] = []

    def make(scoring: Scoring, reranker: Reranker | None = None) -> SqliteMemory:
        opened.append(
            SqliteMemory(
                tmp_path, HashingEmbedder(), scoring=scoring, reranker=reranker, now=lambda: NOW
            )
        )
        return opened[-1]

    yield make
    for one in opened:
        await one.close()


async def ids(memory: SqliteMemory, **narrowed: str) -> list[str]:
    """What is recalled, in order."""
    found = await memory.recall(TENANT, QUESTION, scope=REPOSITORY, where=narrowed)
    return [each.record.id for each in found]


async def test_of_two_that_answer_alike_the_important_one_comes_first(opens: Opens) -> None:
    """And says so; without the boost the order is the other one."""
    plain, boosted = opens(Scoring(importance=0), None), opens(Scoring(), None)
    await plain.retain(
        TENANT,
        [
            record("a", "flaky checkout test one", thread="pull/1", kind="comment"),
            record(
                "b", "flaky checkout test two", thread="pull/2", kind="rejection",
                minutes=-600_000, attributes={"outcome": "rejected"},
            ),
        ],
    )  # fmt: skip

    first = (await boosted.recall(TENANT, QUESTION, scope=REPOSITORY))[0]

    assert await ids(plain) == ["a", "b"]
    assert (first.record.id, first.matched[-1]) == ("b", "importance")


async def test_of_two_that_answer_alike_the_newer_one_comes_first(opens: Opens) -> None:
    """By the half-life of the settings; with no boost by what else there is."""
    memory = opens(Scoring(recency=0.5, half_life=timedelta(days=1)), None)
    await memory.retain(
        TENANT,
        [
            record("old", "flaky checkout test", thread="pull/1", minutes=-50_000),
            record("new", "flaky checkout test", thread="pull/2"),
        ],
    )

    assert await ids(memory) == ["new", "old"]


async def test_a_time_that_was_spoken_of_is_found_as_one_at_which_something_happened(
    opens: Opens,
) -> None:
    """A note of March about May comes before one about August when May is asked for."""
    memory = opens(Scoring(importance=0, recency=0), None)
    await memory.retain(
        TENANT,
        [
            record(name, "the freeze ends", thread=name, attributes={"mentioned": mentioned})
            for name, mentioned in (
                ("august", "2026-08-03T00:00:00+00:00/2026-08-04T00:00:00+00:00"),
                ("may", "2026-05-03T00:00:00+00:00/2026-05-04T00:00:00+00:00"),
                ("broken", "soon"),
            )
        ],
    )
    plain = await memory.recall(TENANT, "when ends the freeze", scope=REPOSITORY)
    timed = await memory.recall(TENANT, "when ends the freeze in May 2026", scope=REPOSITORY)

    assert [each.record.id for each in plain] == ["august", "may", "broken"]
    assert not [each for each in plain if "time" in each.matched]
    assert [each.record.id for each in timed if "time" in each.matched] == ["may"]
    assert timed[0].record.id == "may"


async def test_what_is_below_the_threshold_is_not_told_unless_it_was_asked_for(
    opens: Opens,
) -> None:
    """A condition still finds every record that matches, those below last."""
    lax, strict = opens(Scoring(), None), opens(Scoring(composite_threshold=0.6), None)
    await lax.retain(
        TENANT,
        [
            record("near", "the flaky checkout test", thread="pull/1"),
            record("far", "the weather and a test of nothing else at all", thread="pull/2"),
        ],
    )

    assert await ids(lax) == ["near", "far"]
    assert await ids(strict) == ["near"]
    assert await ids(strict, kind="comment") == ["near", "far"]


async def test_meaning_alone_finds_nothing_that_is_too_far(opens: Opens) -> None:
    """What shares no word and no meaning with the question is left out."""
    lax, strict = opens(Scoring(), None), opens(Scoring(recall_threshold=0.95), None)
    await lax.retain(
        TENANT,
        [
            record("words", "flaky checkout", thread="pull/1"),
            record("other", "completely different matter", thread="pull/2"),
        ],
    )

    assert await ids(strict) == ["words"]
    assert set(await ids(lax)) >= {"words"}


async def test_a_cross_encoder_has_the_last_word_on_relevance(opens: Opens) -> None:
    """It reads who said it, too; what it cannot judge keeps the fused order."""
    judge = LastLetter()
    memory = opens(Scoring(importance=0, recency=0), judge)
    await memory.retain(
        TENANT,
        [
            record("a", "flaky checkout test, a flaky checkout test, a", thread="pull/1"),
            record("z", "test of jazz", thread="pull/2"),
        ],
    )

    judged = await ids(memory)
    judge.is_away = True

    assert judged == ["z", "a"]
    assert judge.judged[0].startswith("ada: ")
    assert await ids(memory) == ["a", "z"]
