"""
Which deliveries one fresh look at a pull request settles, however many wait.

Whatever was reported before the look began is seen by it. So when it is done,
those that waited since before are done with it.
"""

from __future__ import annotations

from odyssey.domain.events import Event, PullRequestChanged, ReconcileAsked
from odyssey.domain.identifiers import PullRequestRef


def subject_of(event: Event) -> PullRequestRef | None:
    """
    The pull request of which *event* says no more than "look again"; None where it says more.

    A reopening says more: it takes a rejection back.
    """
    match event:
        case ReconcileAsked(ref=ref):
            return ref
        case PullRequestChanged(ref=ref, action=action) if action != "reopened":
            return ref
    return None


def is_look(event: Event, *, bot_login: str) -> bool:
    """
    Whether working off *event* is a fresh look, which settles those with its subject.

    Our own doing is reported too, and passed over: that settles nothing.
    """
    if isinstance(event, PullRequestChanged) and event.sender == bot_login:
        return False
    return subject_of(event) is not None
