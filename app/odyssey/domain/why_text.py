"""
The answer to `/odyssey why`: each condition of the merge, who can change it, what to paste.
"""

from __future__ import annotations

from collections.abc import Sequence

from odyssey.domain.conditions import Condition, State
from odyssey.domain.markup import clip, code, fence, neutral, plain, quoted
from odyssey.domain.proposal import Proposal, Status

_SYMBOLS = {State.MET: "✅", State.WAITING: "⏳", State.UNMET: "❌"}


def why_answer(proposal: Proposal, conditions: Sequence[Condition] = ()) -> str:
    """What stands between the proposal and its merge; of one that is over, what happened."""
    number = f"#{proposal.pull_number}"
    if proposal.status is Status.MERGED or not conditions:
        return clip(f"### {number} {_what_happened(proposal)}")
    lacking = [each for each in conditions if each.state is not State.MET]
    if lacking:
        names = ", ".join(f"{each.number} ({each.name})" for each in lacking)
        opening = f"### Why {number} is not merged yet\n\nMissing: {names}."
    else:
        opening = f"### {number} is being merged\n\nEvery condition is met."
    about = f"Commit {code(proposal.head_sha or '')} into {code(proposal.base_branch)}:"
    return clip("\n\n".join((opening, about, *map(_condition, conditions))))


def not_validated(hindering: Sequence[Condition]) -> str:
    """Why the sandbox does not judge the head, of those conditions that keep it from it."""
    return "\n\n".join(("The sandbox was not asked:", *map(_condition, hindering)))


def _condition(condition: Condition) -> str:
    """One numbered item; what belongs to it is indented below."""
    symbol = _SYMBOLS[condition.state]
    parts = [f"{symbol} **{condition.name}**: {neutral(condition.sentence)}"]
    if condition.state is not State.MET:
        if condition.remedy:
            parts.append(f"*Who can change it:* {neutral(condition.remedy)}")
        if condition.paste:
            parts.append(fence(condition.paste))
    lead = f"{condition.number}. "
    text = "\n\n".join(parts).replace("\n", "\n" + " " * len(lead))
    # A line of blanks only is what some editors strip, and others show.
    return "\n".join(each.rstrip() for each in (lead + text).split("\n"))


def _what_happened(proposal: Proposal) -> str:
    merge, rejection = proposal.merge, proposal.rejection
    if merge and merge.sha:
        by = ", ".join(plain(each) for each in merge.approved_by)
        return (
            f"is merged\n\nCommit `{merge.head_sha}` was approved by {by} and merged into "
            f"{code(proposal.base_branch)} as `{merge.sha}`. To take it back, paste:\n\n"
            f"{fence('/odyssey revert <reason>')}"
        )
    if rejection:
        return (
            f"is closed without a merge\n\n**{plain(rejection.by)}** closed it:\n\n"
            f"{quoted(rejection.reason)}\n\nReopen the pull request to take it up again (restore "
            "its branch first, if that is gone)."
        )
    return "is not judged at the moment\n\nOdyssey is at work on it; ask again in a minute."
