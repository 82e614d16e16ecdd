"""
Repetition: whether a change was turned down before, so that it needs a word on what differs.

The same change is one with the same patch id. A change to the same files under nearly the same
title is taken for the same one too: who edits a rejected change a little still repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from odyssey.domain.markup import code, fence, link, plain
from odyssey.domain.proposal import Resemblance

NEAR = 0.9
"""
Cosine similarity of titles and paths from which two changes to the same files count as one.
all-MiniLM-L6-v2 puts titles that differ in a word or two above it, and rewordings below.
"""
MAX_DIFFERS = 1_000
"""Characters in which somebody says what is different."""
MAX_REASON = 2_000


def find_turned_down(resemblances: Sequence[Resemblance]) -> Resemblance | None:
    """
    The earlier attempt that stands in the way: turned down by a person, and not merged since.

    Of several the one that was decided last counts: first of those that are the same change, then
    of those that are nearly the same.
    """
    same = [each for each in resemblances if each.is_same_change]
    near = [each for each in resemblances if is_near(each)]
    return _last_no(same) or _last_no(near)


def is_near(earlier: Resemblance) -> bool:
    """Whether it changed the same files under nearly the same title."""
    return earlier.has_same_paths and earlier.similarity >= NEAR


def turned_down_text(earlier: Resemblance) -> str:
    """Why a change is not proposed, in the words with which it was turned down, and what to do."""
    name = f"#{earlier.pull_number}" if earlier.pull_number else code(earlier.proposal_id)
    how = (
        "This is the same change as"
        if earlier.is_same_change
        else f"This changes the same files under nearly the same title ({earlier.similarity:.0%}) "
        "as"
    )
    said = fence(earlier.reason, limit=MAX_REASON) if earlier.reason.strip() else ""
    parts = [
        f"{how} {link(name, earlier.url)}, which was {plain(earlier.outcome, limit=40)}.",
        said,
        "If something is different now, say what, in a new comment: "
        '`/odyssey propose --differs "what is different now" <title>`, with the change below it. '
        "In the REST API it is the field `differs`. It is shown in the pull request and kept.",
    ]
    return "\n\n".join(filter(None, parts))


def _last_no(attempts: Iterable[Resemblance]) -> Resemblance | None:
    decided = [(each.decided_at, each) for each in attempts if each.decided_at is not None]
    if not decided:
        return None
    _, last = max(decided, key=lambda pair: pair[0])
    return last if last.was_turned_down else None
