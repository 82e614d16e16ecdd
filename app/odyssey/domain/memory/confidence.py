"""
Confidence in a learnt pattern: what the samples say, and what people said of its use.
"""

from __future__ import annotations

from dataclasses import dataclass

PRIOR = 1.0
"""One sample for and one against before there are any: Bayes' and Laplace's prior."""

MAX_ADJUSTMENT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """
    The evidence for and against a pattern, as the two counts of a Beta distribution.

    `samples_for` and `samples_against` are tasks; `helpful` and `unhelpful` the sums of the
    weights of votes.
    """

    samples_for: int = 0
    samples_against: int = 0
    helpful: float = 0.0
    unhelpful: float = 0.0

    def __post_init__(self) -> None:
        counts = (self.samples_for, self.samples_against, self.helpful, self.unhelpful)
        if any(count < 0 for count in counts):
            raise ValueError(f"{counts}: evidence is counted from 0")

    @property
    def mean(self) -> float:
        """The mean of the posterior; above 0 and below 1, however much was said."""
        yes = PRIOR + self.samples_for + self.helpful
        no = PRIOR + self.samples_against + self.unhelpful
        return yes / (yes + no)


def vote_weight(adjustment: float | None) -> float:
    """
    What one vote counts: 1, and up to 1 more by the size of *adjustment*.

    Its sign is not looked at: the vote itself says in which direction it goes. So no number
    that is sent can move confidence further than two samples do.

    Raises:
        ValueError: *adjustment* is no number from -1 to 1.
    """
    if adjustment is None:
        return 1.0
    if not -MAX_ADJUSTMENT <= adjustment <= MAX_ADJUSTMENT:
        raise ValueError(f"confidence_adjustment is {adjustment}; send -1 to 1")
    return 1.0 + abs(adjustment)
