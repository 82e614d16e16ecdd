"""
What the author of a command is told when it was given up for good.
"""

from __future__ import annotations

from enum import StrEnum

from odyssey.domain.markers import marker
from odyssey.domain.markup import plain


class Cause(StrEnum):
    """Why a delivery was given up."""

    UNAVAILABLE = "unavailable"
    CONFLICT = "conflict"
    REFUSED = "refused"
    DEFECT = "defect"
    DIED = "died"


_TOLD = {
    Cause.UNAVAILABLE: "GitHub, or another service it takes, did not answer, tried again and again",
    Cause.CONFLICT: "too much changed at once around it, tried again and again",
    Cause.REFUSED: "GitHub refused a step of it",
    Cause.DEFECT: "it met a mistake in Odyssey itself",
    Cause.DIED: "the process that worked on it ended each time",
}
_AGAIN = "Write the command in a new comment to try again; what is done already is not done twice."
_IN_THE_LOG = "Whoever runs Odyssey finds the details in its log."


def answer(author: str, cause: Cause, *, minutes: int) -> str:
    """The comment: what was given up, after how many minutes, why, and what to do."""
    after = f" for {minutes} minutes" if minutes > 1 else ""
    opening = f"**{plain(author)}**, your command was given up: {_TOLD[cause]}{after}."
    if cause in (Cause.UNAVAILABLE, Cause.CONFLICT):
        return f"{opening} {_AGAIN}"
    return f"{opening} {_IN_THE_LOG}" + (f" {_AGAIN}" if cause is Cause.REFUSED else "")


def answer_marker(comment_id: int) -> str:
    """The hidden marker of that comment."""
    return marker("given-up", comment=str(comment_id))
