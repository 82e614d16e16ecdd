"""
The attention budget: how many open proposals people are asked to look at, and who is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from odyssey.domain.conditions import count
from odyssey.domain.errors import NotProposable
from odyssey.domain.markup import code
from odyssey.domain.policy import POLICY_PATH, Attention
from odyssey.domain.proposal import Proposal

BEGUN = timedelta(hours=1)
"""A proposal without a pull request counts this long: somebody is about to open it."""
MAX_SHOWN = 20


def open_among(proposals: Sequence[Proposal], *, now: datetime) -> list[Proposal]:
    """Those of *proposals* that wait for people, newest first as they come."""
    return [
        each
        for each in proposals
        if not each.status.is_final
        and (each.pull_number is not None or now - each.updated_at < BEGUN)
    ]


def choose_reviewer(
    rules: Attention, waiting: Sequence[Proposal], *, requester: str, requester_counts: bool
) -> str:
    """
    Who is asked to review the next proposal; "" where the policy names nobody else.

    *waiting* are the repository's open proposals. The one of the policy's reviewers
    with the fewest of them is chosen, the first named among equals; the requester
    only where their own approval counts.

    Raises:
        NotProposable: the repository, or every reviewer, has as many as the policy allows.
    """
    if len(waiting) >= rules.open_proposals:
        wait = f"{count(len(waiting), 'proposal')} {'waits' if len(waiting) == 1 else 'wait'}"
        raise NotProposable(
            f"{wait} for people already; the policy allows {rules.open_proposals} at once "
            f"(`attention.open_proposals` in `{POLICY_PATH}`).\n\n{_listed(waiting)}\n\n{_HELP}"
        )
    able = [
        each for each in rules.reviewers if requester_counts or each.lower() != requester.lower()
    ]
    if not able:
        return ""
    load = {each: sum(other.reviewer.lower() == each.lower() for other in waiting) for each in able}
    chosen = min(able, key=lambda each: load[each])
    if load[chosen] >= rules.per_reviewer:
        names = ", ".join(f"{each} ({load[each]})" for each in able)
        mine = {each.lower() for each in able}
        theirs = [each for each in waiting if each.reviewer.lower() in mine]
        raise NotProposable(
            f"Every reviewer has {count(rules.per_reviewer, 'open proposal')}, as many as the "
            f"policy allows (`attention.per_reviewer` in `{POLICY_PATH}`): {names}.\n\n"
            f"{_listed(theirs)}\n\n{_HELP}"
        )
    return chosen


_HELP = (
    "Merge or close one of them (`/odyssey reject <reason>` on it), then propose again; or raise "
    "the number in the policy."
)


def _listed(proposals: Sequence[Proposal]) -> str:
    rows = [
        f"- {f'pull request {each.pull_number}' if each.pull_number else 'about to be opened'}: "
        f"{code(each.title, limit=100)}"
        for each in proposals[:MAX_SHOWN]
    ]
    if len(proposals) > MAX_SHOWN:
        rows.append(f"- and {len(proposals) - MAX_SHOWN} more")
    return "\n".join(rows)
