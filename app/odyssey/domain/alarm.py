"""
The alarm: that a merge commit is not what was judged, as an issue that keeps the gate closed.

The issue on GitHub is by Odyssey, with its label, and without the hidden marker that it
gets when a person with admin permission answers it. Closing or emptying it opens nothing,
and neither does a marker that somebody else wrote. Its number is kept in the store as
well, because whoever may triage can take the label off.
"""

from __future__ import annotations

import re

from odyssey.domain.markers import find_marker, marker
from odyssey.domain.markup import clip, code, plain
from odyssey.domain.proposal import Proposal

ALARM_LABEL = "odyssey-alarm"
_STANDS, _ANSWERED = "alarm", "alarm-answered"
_MARKERS = re.compile(r"<!-- odyssey:alarm[a-z-]* [^<>]*-->\s*")


def alarm_marker(proposal: Proposal, merge_sha: str) -> str:
    """The hidden marker of the alarm about one merge commit."""
    return marker(_STANDS, proposal.id, merge=merge_sha)


def is_standing(body: str) -> bool:
    """Whether *body*, of an alarm issue, does not say that it was answered."""
    return find_marker(body, _ANSWERED) is None


def alarm_title(proposal: Proposal) -> str:
    """The title of the issue."""
    return f"Odyssey stopped merging: #{proposal.pull_number} merged something else than approved"


def alarm_body(proposal: Proposal, merge_sha: str, words: str) -> str:
    """The issue's text: what was found, what to look at, and how merging goes on."""
    merge = proposal.merge
    verdict = merge.verdict if merge else None
    rows = [f"- merge commit: {code(merge_sha)}"]
    if verdict:
        by = ", ".join(plain(each) for each in verdict.approvals)
        rows += [
            f"- approved commit: {code(verdict.head_sha)} (tree {code(verdict.head_tree)}), "
            f"by {by}",
            f"- base branch {code(verdict.base_branch)} as it was judged: {code(verdict.base_sha)}",
            f"- verdict: {code(verdict.digest)}",
        ]
    parts = [
        alarm_marker(proposal, merge_sha),
        f"Odyssey merged #{proposal.pull_number}, looked at what GitHub made of it, and it is not "
        f"what was approved. {words}",
        "\n".join(rows),
        "**Until somebody looks, Odyssey merges nothing in this repository.**",
        f"**Next:** compare the two, for instance with `git diff {verdict.head_sha} {merge_sha}`; "
        "revert the merge commit if it holds what nobody approved."
        if verdict
        else "**Next:** look at the merge commit; revert it if it holds what nobody approved.",
        "Then somebody with admin permission comments `/odyssey open-gate` in this issue. Closing "
        "the issue does not open the gate.",
    ]
    return clip("\n\n".join(parts))


def answered_body(body: str, by: str) -> str:
    """*body* as it is once *by* opened the gate again; the same again when it is already."""
    opened = f"**{plain(by)}** opened the merge gate again."
    rest = _MARKERS.sub("", body).replace(opened, "")
    return "\n\n".join([marker(_ANSWERED, by=by), opened, rest.strip()])


def gate_is_closed(issue: int) -> str:
    """The sentence of condition 9 while the alarm of *issue* stands."""
    return f"The merge gate of this repository is closed: #{issue} tells of a merge gone wrong."
