"""
The policies that people put on the base branch in a schedule, and what each means.

The meaning is written down here a second time, by hand: what judges Odyssey's gate must not
ask Odyssey how to read a policy.
"""

from __future__ import annotations

from dataclasses import dataclass

PROTECTED = "guarded/"
"""Below it nothing merges automatically in any policy here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A policy file and its meaning; one that nobody can read allows nothing."""

    text: str
    is_valid: bool = True
    required: int = 1
    requester_counts: bool = False
    is_automatic: bool = False
    takes_commands: bool = False
    carries_over: bool = True
    is_strict: bool = True


def _text(approvals: str, merge: str = "method: squash") -> str:
    return (
        f"version: 1\napprovals: {{{approvals}}}\n"
        f'protected_paths: ["{PROTECTED}**"]\nmerge: {{{merge}}}\n'
    )


POLICIES = (
    Rules(text=_text("mode: manual, required: 1")),
    Rules(text=_text("mode: manual, required: 2"), required=2),
    Rules(text=_text("mode: manual, required: 1, requester_counts: true"), requester_counts=True),
    Rules(text=_text("mode: auto"), is_automatic=True),
    Rules(text="approvals: {required: none at all}\n", is_valid=False),
    Rules(text=_text("required: 1", "method: merge")),
    Rules(text=_text("required: 1", "method: rebase")),
    Rules(text=_text("required: 1, commands: true"), takes_commands=True),
    Rules(text=_text("required: 1", "method: squash, strict: false"), is_strict=False),
    Rules(text=_text("required: 1, carry_over: false"), carries_over=False),
)
_BY_TEXT = {each.text: each for each in POLICIES}


def rules_of(text: str | None) -> Rules:
    """What the policy file *text* means; without a file the defaults hold."""
    return Rules(text="") if text is None else _BY_TEXT[text]
