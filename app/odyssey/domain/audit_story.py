"""
What the audit log tells of one pull request, in the order in which it happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from odyssey.domain.audit import Entry, Kind

_OUTCOMES = frozenset({Kind.DONE, Kind.FAILED, Kind.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    One effect: the intent and what became of it; None where the log has no word of that.
    """

    intent: Entry
    outcome: Entry | None

    @property
    def is_done(self) -> bool:
        """Whether it is known to have happened."""
        return self.outcome is not None and self.outcome.kind is Kind.DONE

    @property
    def result(self) -> str:
        """What GitHub answered: an id, a SHA, a number; "" for nothing."""
        return self.outcome.result if self.outcome else ""


def steps_of(chain: Iterable[Entry]) -> list[Step]:
    """The effects that the entries of one chain tell of, in order."""
    intents: dict[int, Entry] = {}
    outcomes: dict[int, Entry] = {}
    for entry in chain:
        if entry.kind is Kind.INTENT:
            intents[entry.sequence] = entry
        elif entry.kind in _OUTCOMES and entry.intent is not None:
            outcomes[entry.intent] = entry
    return [
        Step(intent=intent, outcome=outcomes.get(sequence)) for sequence, intent in intents.items()
    ]


def story(steps: Sequence[Step], repository: str, number: int) -> list[Step]:
    """
    The effects that belong to pull request *number* of *repository* (`owner/name`), by time.

    What names no number is found by the branch it was opened from, by its commits,
    by its comments, and by the delivery that led to it.
    """
    mine = [each for each in steps if each.intent.repository.lower() == repository.lower()]
    found: set[int] = set()
    known = _Known(number)
    while True:
        more = {index for index, each in enumerate(mine) if known.has(each)} - found
        if not more:
            break
        found |= more
        for index in more:
            known.learn(mine[index])
    return sorted((mine[index] for index in found), key=lambda each: each.intent.at)


class _Known:
    """What is known to belong to one pull request."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._branches: set[str] = set()
        self._shas: set[str] = set()
        self._comments: set[str] = set()
        self._deliveries: set[str] = set()

    def has(self, step: Step) -> bool:
        intent = step.intent
        if intent.number is not None:
            return intent.number == self._number
        if intent.verb == "open_pull_request" and step.is_done:
            return step.result == str(self._number)
        # A dispatch names the branch whose workflow runs, which is everybody's.
        if intent.branch and intent.verb != "dispatch":
            return intent.branch in self._branches
        if intent.sha:
            return intent.sha in self._shas
        if str(intent.details.get("comment_id", "")) in self._comments:
            return True
        return bool(intent.delivery) and intent.delivery in self._deliveries

    def learn(self, step: Step) -> None:
        intent = step.intent
        if intent.verb == "open_pull_request":
            self._branches.add(intent.branch)
            # Its first delivery brought it about; later ones may be about others as well.
            self._deliveries.add(intent.delivery)
        if intent.sha:
            self._shas.add(intent.sha)
        if intent.verb == "post_comment" and step.is_done:
            self._comments.add(step.result)


__all__ = ["Step", "steps_of", "story"]
