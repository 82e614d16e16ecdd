"""
The nine conditions of the merge gate, each judged on one read of the pull request.

`gate.evaluate` lists them and says what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from shlex import quote

from odyssey.domain.authority import Authority, all_paths, needs_old_paths
from odyssey.domain.markup import code, plain
from odyssey.domain.policy import Policy
from odyssey.domain.proposal import FoundConflict, Proposal
from odyssey.domain.pull_request import CheckState, PullRequest, ReviewState, decisive_reviews


class State(StrEnum):
    """How one condition stands."""

    MET = "met"
    WAITING = "waiting"
    UNMET = "unmet"


@dataclass(frozen=True, slots=True)
class Condition:
    """
    One numbered condition of the gate.

    `sentence` says how it stands; `remedy` who can change that, and how ("" when met);
    `paste` are the exact words for it, where words are what it takes.
    """

    number: int
    name: str
    state: State
    sentence: str
    remedy: str = ""
    paste: str = ""


def open_pull_request(pull: PullRequest) -> Condition:
    """(1) the pull request is open, from this repository, and no draft."""
    name = "open pull request"
    if pull.is_cross_repository:
        return Condition(
            1, name, State.UNMET, "The branch comes from a fork.",
            "Push it to a branch of this repository and open the pull request from there.",
        )  # fmt: skip
    if pull.is_draft:
        return Condition(
            1, name, State.UNMET, "The pull request is a draft.",
            "Anyone who may push: press “Ready for review”.",
        )  # fmt: skip
    return Condition(1, name, State.MET, "The pull request is open.")


def unreadable_policy(problem: str) -> Condition:
    """(2) not met: an unreadable policy closes the gate; it never opens it."""
    return Condition(
        2,
        "policy",
        State.UNMET,
        problem,
        "Mend the file on the base branch; nothing merges before.",
    )


def limits(pull: PullRequest, policy: Policy, authority: Authority) -> Condition:
    """(3) it changes something, within the policy's limits; all its paths are known and allowed."""
    name = "limits"
    lines = sum(each.additions + each.deletions for each in pull.files)
    files = count(len(pull.files), "file")
    if not pull.files_complete:
        return Condition(
            3, name, State.UNMET,
            f"The change touches more than the {files} that one read shows.",
            "Split the change; what is not seen is not merged.",
        )  # fmt: skip
    if not pull.files:
        return Condition(
            3, name, State.UNMET,
            f"The branch changes nothing that `{pull.base_branch}` does not have already.",
            "Anyone who may push: push a change, or give it up.",
            "/odyssey reject It changes nothing.",
        )  # fmt: skip
    if len(pull.files) > policy.limits.files:
        return Condition(
            3, name, State.UNMET,
            f"The change touches {files}; the policy allows {policy.limits.files}.",
            "Split the change, or raise `limits.files` in the policy.",
        )  # fmt: skip
    if lines > policy.limits.lines:
        return Condition(
            3, name, State.UNMET,
            f"The change has {count(lines, 'line')}; the policy allows {policy.limits.lines}.",
            "Split the change, or raise `limits.lines` in the policy.",
        )  # fmt: skip
    if authority.old_paths is None and needs_old_paths(pull, policy):
        return Condition(
            3, name, State.UNMET, "Where its renamed files came from is not known.",
            "Odyssey: it asks at the next look.",
        )  # fmt: skip
    if refused := policy.refused(all_paths(pull, authority)):
        return Condition(
            3, name, State.UNMET,
            f"The policy lets no proposal touch {some_paths(refused)} (`needs: refused`).",
            "Anyone who may push: take that out of the branch; a pull request of one's own can "
            "change it.",
        )  # fmt: skip
    return Condition(3, name, State.MET, f"{files}, {count(lines, 'line')}.")


def validation(proposal: Proposal, pull: PullRequest) -> Condition:
    """
    (4) the sandbox passed exactly this head SHA, by the workflow of this base branch.

    A validation of another commit, or against another base branch, is none.
    """
    name, short = "validation", pull.head_sha[:7]
    validation = proposal.validation_of(pull.head_sha, pull.base_branch)
    if validation is None:
        earlier = proposal.validation
        elsewhere = earlier is not None and earlier.head_sha == pull.head_sha
        return Condition(
            4, name, State.WAITING,
            f"`{short}` was validated against another base branch."
            if elsewhere
            else f"`{short}` is not validated yet.",
            "Odyssey: it follows when this is no draft any more."
            if pull.is_draft
            else "Odyssey: it follows.",
        )  # fmt: skip
    if validation.conclusion is None:
        return Condition(
            4, name, State.WAITING, f"`{short}` is being validated.", "Odyssey: it follows."
        )
    if not validation.is_success:
        return Condition(
            4, name, State.UNMET, f"Validation of `{short}` ended as {validation.conclusion}.",
            "Anyone who may push: push a mended commit, or comment `/odyssey validate`.",
            "/odyssey validate",
        )  # fmt: skip
    sentence = f"The sandbox passed `{short}`."
    if validation.measure:
        shown = plain("; ".join(validation.measure[:4]))
        sentence += f" It changes its own measure: {shown}."
    return Condition(4, name, State.MET, sentence)


def objections(pull: PullRequest) -> Condition:
    """(6) nobody who may push requests changes, no review thread is open, and all are known."""
    name = "objections"
    objectors = [
        login
        for login, review in decisive_reviews(pull.reviews).items()
        if review.state is ReviewState.CHANGES_REQUESTED and review.author_can_push
    ]
    if objectors:
        return Condition(
            6, name, State.UNMET, f"Changes are requested by {', '.join(objectors)}.",
            "They: approve, or dismiss the review, once it is answered.",
        )  # fmt: skip
    threads = pull.unresolved_threads
    if threads:
        return Condition(
            6, name, State.UNMET,
            f"{count(threads, 'review thread')} {'is' if threads == 1 else 'are'} open.",
            "Whoever opened them: press “Resolve conversation” once they are answered.",
        )  # fmt: skip
    if not pull.reviews_complete:
        return Condition(
            6, name, State.UNMET, "There are more reviews than could be read.",
            "Anyone who may push: merge it by hand, or propose the change anew.",
        )  # fmt: skip
    return Condition(6, name, State.MET, "Nobody requests changes.")


def base(pull: PullRequest, policy: Policy, found: FoundConflict | None = None) -> Condition:
    """
    (7) it merges without conflict, and under `merge.strict` contains the base branch's tip.

    While GitHub still computes whether it conflicts, the merge call decides. Behind
    the base branch is waiting, not unmet: Odyssey itself brings the branch up to date.
    What git itself *found* to conflict does so, whatever GitHub computes.
    """
    name, branch = "base", f"`{pull.base_branch}`"
    is_known = found and (found.head_sha, found.base_sha) == (pull.head_sha, pull.base_sha)
    paths = found.paths if found and is_known else ()
    if pull.mergeable is False or paths:
        where = f" in {some_paths(paths, most=10)}" if paths else ""
        return Condition(
            7, name, State.UNMET, f"The branch conflicts with {branch}{where}.",
            f"Anyone who may push: merge {branch} into the branch, resolving the conflict, and "
            "push.",
            # A branch may have any name, and this is pasted into a shell.
            f"git fetch origin && git switch {quote(pull.head_branch)} && "
            f"git merge {quote(f'origin/{pull.base_branch}')}",
        )  # fmt: skip
    if not policy.merge.strict:
        return Condition(7, name, State.MET, f"It merges into {branch}.")
    tip = pull.base_sha[:7]
    if pull.contains_base:
        return Condition(
            7, name, State.MET, f"It merges into {branch} and contains its tip `{tip}`."
        )
    if not pull.commits_complete:
        return Condition(
            7, name, State.UNMET,
            f"The branch has more than the {count(len(pull.commits), 'commit')} that one read "
            f"shows, so it is not known whether it contains the tip of {branch}, `{tip}`.",
            f"Anyone who may push: squash the commits, or merge {branch} into the branch.",
        )  # fmt: skip
    return Condition(
        7, name, State.WAITING, f"The branch lacks the tip of {branch}, `{tip}`.",
        f"Odyssey: once nothing else is missing it merges {branch} into the branch and validates "
        "the result. Anyone who may push can ask for it before: `/odyssey update`.",
        "/odyssey update",
    )  # fmt: skip


_CHECK_WORDS = {
    CheckState.FAILED: "is failing",
    CheckState.RUNNING: "is still running",
    CheckState.MISSING: "has not reported",
}


def required_checks(pull: PullRequest) -> Condition:
    """
    (8) of the other checks that GitHub requires none is failing, missing or still running.

    Odyssey's own says what condition 4 says, and is brought up to date before a merge.
    """
    name = "required checks"
    others = [each for each in pull.required_checks if not each.is_ours]
    lacking = [each for each in others if each.state is not CheckState.PASSED]
    if not lacking:
        passed = f"{count(len(others), 'other check')} that GitHub requires passed."
        return Condition(
            8, name, State.MET, passed if others else "GitHub requires no other check."
        )
    named = "; ".join(f"{code(each.name)} {_CHECK_WORDS[each.state]}" for each in lacking)
    if any(each.state is CheckState.FAILED for each in lacking):
        return Condition(
            8, name, State.UNMET, f"Of the checks that GitHub requires: {named}.",
            "Anyone who may push: run it again, or push a mended commit.",
        )  # fmt: skip
    return Condition(
        8, name, State.WAITING, f"Of the checks that GitHub requires: {named}.",
        "Whoever runs these checks; Odyssey goes on once they passed.",
    )  # fmt: skip


def open_gate(alarm: str | None) -> Condition:
    """(9) the repository's merge gate is open: no alarm stands."""
    name = "open gate"
    if alarm is not None:
        return Condition(
            9, name, State.UNMET, alarm,
            "Anyone with admin permission: comment `/odyssey open-gate` in that issue.",
            "/odyssey open-gate",
        )  # fmt: skip
    return Condition(9, name, State.MET, "No alarm stands in this repository.")


def some_paths(paths: Sequence[str], *, most: int = 3) -> str:
    """The first of *paths*, as people read them."""
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(map(code, paths[:most])) + more


def count(number: int, thing: str) -> str:
    """So many of a thing, as people say it."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
