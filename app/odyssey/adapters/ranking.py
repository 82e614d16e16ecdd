"""
One ranking of what a store found: fused, judged by a cross-encoder if there is one, scored, told.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from odyssey.adapters.memory_store import Found, Key
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.asking import Question
from odyssey.domain.memory.fusion import Candidate, Fused, Weights, fuse, meaning_nearby
from odyssey.domain.memory.keys import said
from odyssey.domain.memory.record import MENTIONED, Recollection, Record
from odyssey.domain.memory.scoring import (
    IMPORTANCE,
    Scoring,
    composite,
    importance_of,
    is_close,
    recency_of,
)
from odyssey.domain.memory.time_window import read_window

_log = logging.getLogger(__name__)

JUDGED = 50
"""Of the fused ranking, how many a cross-encoder reads: about a second on two cores."""


class Reranker(Protocol):
    """A model that reads question and text together."""

    @property
    def name(self) -> str:
        """Which model, for people."""
        ...

    async def judge(self, question: str, texts: Sequence[str]) -> list[float]:
        """
        How well each text answers, 0 to 1, in their order. Repeatable.

        Raises:
            Unavailable: the model cannot be had, or did not answer in time.
        """
        ...

    async def close(self) -> None:
        """Lets the model go."""
        ...


@dataclass(frozen=True, slots=True)
class Ranking:
    """How what was found becomes an answer."""

    weights: Weights
    scoring: Scoring
    reranker: Reranker | None = None

    async def answer(
        self, found: Found, question: Question, *, limit: int, doubles: bool
    ) -> list[Recollection]:
        """
        The best *limit* by composite score, then the rest; each text once unless *doubles*.
        """
        ranked = await self._fused(found, question, limit=4 * limit + 20)
        if self.reranker is not None and ranked:
            ranked = await self._judged(found, ranked, question.text)
        return await self._told(found, ranked, question, limit=limit, doubles=doubles)

    async def _fused(self, found: Found, question: Question, *, limit: int) -> list[Fused]:
        candidates = [
            Candidate(
                key=hit.key,
                words=hit.words,
                nearby=hit.nearby,
                meaning=hit.own,
                meaning_nearby=meaning_nearby(hit.own, hit.before, hit.after),
                time=question.is_about(hit.occurred_at),
                actor=question.names(hit.actor),
            )
            for hit in found.hits
            if is_close(
                self.scoring,
                by_words=hit.words > 0 or hit.nearby > 0,
                cosine=max(hit.own, hit.before, hit.after),
            )
        ]
        ranked = fuse(candidates, self.weights, limit=limit)
        mentions = await _mentions(found, ranked, question)
        if not mentions:
            return ranked
        timed = [
            dataclasses.replace(one, time=max(one.time, mentions.get(one.key, 0.0)))
            for one in candidates
        ]
        return fuse(timed, self.weights, limit=limit)

    async def _judged(self, found: Found, ranked: list[Fused], question: str) -> list[Fused]:
        """The first `JUDGED` in the model's order, then the others; as they were without it."""
        assert self.reranker is not None  # the caller has looked
        records = await found.read([one.candidate.key for one in ranked[:JUDGED]])
        there = [one for one in ranked[:JUDGED] if one.candidate.key in records]
        try:
            scores = await self.reranker.judge(
                question, [said(records[one.candidate.key]) for one in there]
            )
        except Unavailable as error:
            _log.warning("recalled in the fused order: %s", error)
            return ranked
        judged = [
            dataclasses.replace(one, score=score) for one, score in zip(there, scores, strict=True)
        ]
        judged.sort(key=lambda one: -one.score)
        lowest = judged[-1].score if judged else 1.0
        best = max(ranked[0].score, 1.0)
        others = [
            dataclasses.replace(one, score=lowest * one.score / best) for one in ranked[JUDGED:]
        ]
        return [*judged, *others]

    async def _told(
        self,
        found: Found,
        ranked: Sequence[Fused],
        question: Question,
        *,
        limit: int,
        doubles: bool,
    ) -> list[Recollection]:
        hits = {hit.key: hit for hit in (*found.rest, *found.hits)}
        resting = {hit.key for hit in found.rest}
        seen = {one.candidate.key for one in ranked}
        queue = [*ranked, *(_unranked(hit.key) for hit in found.rest if hit.key not in seen)]
        told: dict[Hashable, Recollection] = {}
        answer: list[Recollection] = []
        for start in range(0, len(queue), 2 * limit):
            some = queue[start : start + 2 * limit]
            # No boost lifts what comes now over the last of the answer.
            if len(answer) == limit and some[0].score * self.scoring.most <= answer[-1].score:
                break
            records = await found.read([one.candidate.key for one in some])
            for one in some:
                key = one.candidate.key
                record = records.get(key)
                if record is None:
                    continue
                scored = self._scored(one, record, question)
                if one.score > 0 and scored.score < self.scoring.composite_threshold:
                    if key not in resting:
                        continue
                    scored = dataclasses.replace(one, score=0.0, matched=())
                # Records that would tell the reader nothing new beside one another.
                same: Hashable = key if doubles else _what(record)
                if same not in told or told[same].score < scored.score:
                    told[same] = Recollection(
                        record=record,
                        score=scored.score,
                        similarity=hits[key].own,
                        matched=scored.matched,
                    )
            answer = sorted(told.values(), key=lambda one: -one.score)[:limit]
        return answer

    def _scored(self, one: Fused, record: Record, question: Question) -> Fused:
        importance = importance_of(record, self.scoring.outcomes)
        score = composite(
            one.score,
            self.scoring,
            recency=recency_of(
                record.occurred_at, now=question.now, half_life=self.scoring.half_life
            ),
            importance=importance,
        )
        is_lifted = one.score > 0 and importance * self.scoring.importance > 0
        matched = (*one.matched, IMPORTANCE) if is_lifted else one.matched
        return dataclasses.replace(one, score=score, matched=matched)


async def _mentions(found: Found, ranked: Sequence[Fused], question: Question) -> dict[Key, float]:
    """
    By key, how well a time that a record speaks of fits that of the question, where it does.

    Only of the records in *ranked*: a boost lifts nothing to the top from further down, and
    the stores keep what a text mentions with the text.
    """
    if question.window is None and question.mention is None:
        return {}
    records = await found.read([one.candidate.key for one in ranked])
    windows = {
        key: read_window(record.attributes[MENTIONED])
        for key, record in records.items()
        if MENTIONED in record.attributes
    }
    shares = {key: question.is_about_mention(each) for key, each in windows.items() if each}
    return {key: share for key, share in shares.items() if share > 0}


def _unranked(key: int | str) -> Fused:
    return Fused(candidate=Candidate(key=key), score=0.0, matched=())


def _what(record: Record) -> Hashable:
    return (record.kind, record.actor, record.thread, record.text)
