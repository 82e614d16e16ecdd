"""
The merge gate as a table: what differs from a proposal ready to merge, and what follows.

`test_gate_table` reads it against the gate as it is, `test_gate_mutations` against gates
with one rule taken out. Each case differs in one thing, so that one rule decides it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from domain.samples import (
    BASE_TIP,
    HEAD,
    NOON,
    OLD_HEAD,
    a_proposal,
    a_pull_request,
    a_review,
    a_validation,
    minutes,
)
from odyssey.domain.authority import Authority, Membership
from odyssey.domain.carry_over import CarriedApproval, Proof, ProofKind
from odyssey.domain.policy import (
    ApprovalMode,
    Approvals,
    Limits,
    MergeRules,
    Policy,
)
from odyssey.domain.proposal import ApiApproval, CommandApproval, PastHead, Proposal, Rejection
from odyssey.domain.pull_request import (
    ChangedFile,
    CheckState,
    Permission,
    PullRequest,
    PullRequestCommit,
    RequiredCheck,
    ReviewState,
)

MET, WAITING, UNMET = "met", "waiting", "unmet"
AUTO = Policy(approvals=Approvals(mode=ApprovalMode.AUTO))
MERGED_BASE = "c" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    One row: what is another than in the samples, the decision's name, and the conditions
    that are not met, by number. `words` stand in one of their sentences.
    """

    name: str
    decision: str
    open: Mapping[int, str] = field(default_factory=dict)
    words: str = ""
    proposal: Mapping[str, Any] = field(default_factory=dict)
    pull: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy | str = field(default_factory=Policy)
    options: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> tuple[Proposal, PullRequest, Policy | str]:
        """What the gate is asked about."""
        return a_proposal(**self.proposal), a_pull_request(**self.pull), self.policy


def problem_with(case: Case, decision: Any) -> str:
    """How *decision*, of whatever gate, differs from what the case says; "" when it does not."""
    name = type(decision).__name__
    if name != case.decision:
        return f"{case.name}: {name} instead of {case.decision}"
    conditions = getattr(decision, "conditions", ())
    found = {each.number: str(each.state) for each in conditions if str(each.state) != MET}
    if found != dict(case.open):
        return f"{case.name}: open are {found} instead of {dict(case.open)}"
    said = " ".join(each.sentence for each in conditions if each.number in found)
    return "" if case.words in said else f"{case.name}: {case.words!r} is not in {said!r}"


def files(*paths: str, lines: int = 1) -> tuple[ChangedFile, ...]:
    """Changed files of so many added lines each."""
    return tuple(ChangedFile(path=each, additions=lines, deletions=0) for each in paths)


def behind(**changes: Any) -> dict[str, Any]:
    """A head without the tip of its base branch."""
    return {"commits": (PullRequestCommit(sha=HEAD, parents=("a" * 40,)),), **changes}


def checks(*states: CheckState, is_ours: bool = False) -> dict[str, Any]:
    """A required check in each of *states*."""
    return {
        "required_checks": tuple(
            RequiredCheck(name=f"check-{each}", state=each, is_ours=is_ours) for each in states
        )
    }


def carried(**changes: Any) -> dict[str, Any]:
    """A proposal whose old head bob approved, and which git proved to be the same change."""
    past = PastHead(
        head_sha=OLD_HEAD, since=minutes(-60), committed_at=minutes(-60), people=("alice",)
    )
    proof = Proof(
        kind=ProofKind.CLEAN_MERGE,
        from_head=OLD_HEAD,
        to_head=HEAD,
        base_branch="main",
        base_sha=BASE_TIP,
        steps=((OLD_HEAD, BASE_TIP, HEAD),),
    )
    answer = CarriedApproval(
        from_head=OLD_HEAD,
        to_head=HEAD,
        base_branch="main",
        base_sha=BASE_TIP,
        proof=proof,
        at=NOON,
    )
    return {"heads": (past,), "carried": (answer,), **changes}


OF_OLD_HEAD = {"reviews": (a_review(head_sha=OLD_HEAD, submitted_at=minutes(-30)),)}
REJECTION = Rejection(by="bob", reason="No.", at=NOON)
SERVICE = ApiApproval(head_sha=HEAD, by="api_user", at=minutes(1))
COMMAND = CommandApproval(head_sha=HEAD, by="bob", at=minutes(1), comment_id=7)
OWNED = {"codeowners_text": "* @carol\n"}

CASES: Sequence[Case] = (
    Case(name="everything is met", decision="Merge"),
    Case(
        name="merged already",
        decision="Merged",
        pull={"is_open": False, "is_merged": True, "merge_sha": "m", "merged_by": "carol"},
    ),
    Case(name="rejected, not carried out", decision="Close", proposal={"rejection": REJECTION}),
    Case(name="closed", decision="Closed", pull={"is_open": False}),
    # (1)
    Case(name="a fork", decision="Blocked", open={1: UNMET}, pull={"is_cross_repository": True}),
    Case(name="a draft", decision="Blocked", open={1: UNMET}, pull={"is_draft": True}),
    Case(
        name="a draft that was never validated",
        decision="Blocked",
        open={1: UNMET, 4: WAITING},
        pull={"is_draft": True},
        proposal={"validation": None},
    ),
    # (2)
    Case(name="an unreadable policy", decision="Blocked", open={2: UNMET}, policy="It is broken."),
    # (3)
    Case(
        name="more files than are known",
        decision="Blocked",
        open={3: UNMET},
        pull={"files_complete": False},
    ),
    Case(
        name="a branch that changes nothing",
        decision="Blocked",
        open={3: UNMET},
        pull={"files": ()},
        words="changes nothing",
    ),
    Case(
        name="too many files",
        decision="Blocked",
        open={3: UNMET},
        pull={"files": files("a", "b")},
        policy=Policy(limits=Limits(files=1)),
    ),
    Case(
        name="as many files as are allowed",
        decision="Merge",
        pull={"files": files("a", "b")},
        policy=Policy(limits=Limits(files=2)),
    ),
    Case(
        name="too many lines",
        decision="Blocked",
        open={3: UNMET},
        pull={"files": files("a", lines=11)},
        policy=Policy(limits=Limits(lines=10)),
    ),
    Case(
        name="a path that is refused",
        decision="Blocked",
        open={3: UNMET},
        pull={"files": files("own/x")},
        policy=Policy(refused_paths=("own/**",)),
    ),
    Case(
        name="a renamed file that may come from a refused path",
        decision="Blocked",
        open={3: UNMET},
        pull={"files": (ChangedFile(path="a", additions=1, deletions=0, is_renamed=True),)},
        policy=Policy(refused_paths=("own/**",)),
    ),
    # (4)
    Case(
        name="not validated", decision="Validate", open={4: WAITING}, proposal={"validation": None}
    ),
    Case(
        name="another commit was validated",
        decision="Validate",
        open={4: WAITING},
        proposal={"validation": a_validation(head_sha=OLD_HEAD)},
    ),
    Case(
        name="validated against another base branch",
        decision="Validate",
        open={4: WAITING},
        proposal={"validation": a_validation(base_branch="release")},
        words="against another base branch",
    ),
    Case(
        name="the sandbox is at work",
        decision="Blocked",
        open={4: WAITING},
        proposal={"validation": a_validation(conclusion=None)},
        words="is being validated",
    ),
    Case(
        name="the sandbox failed it",
        decision="Blocked",
        open={4: UNMET},
        proposal={"validation": a_validation(conclusion="failure")},
    ),
    # (5)
    Case(name="nobody approved", decision="Blocked", open={5: WAITING}, pull={"reviews": ()}),
    Case(
        name="one of two approved",
        decision="Blocked",
        open={5: WAITING},
        policy=Policy(approvals=Approvals(required=2)),
    ),
    Case(
        name="another commit was approved",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (a_review(head_sha=OLD_HEAD),)},
        words="bob approved 8a07e55, another commit than the head",
    ),
    Case(
        name="a commit that is gone was approved",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (a_review(head_sha=None),)},
        words="bob approved a commit that is gone",
    ),
    Case(
        name="approved before it was the head",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (a_review(submitted_at=minutes(-20)),)},
        words="before this commit was the head",
    ),
    Case(
        name="approved before the base branch was chosen",
        decision="Blocked",
        open={5: WAITING},
        pull={"base_changed_at": minutes(2)},
        words="bob approved before `main` became the base branch",
    ),
    Case(
        name="approved after the base branch was chosen",
        decision="Merge",
        pull={"base_changed_at": minutes(0.5)},
    ),
    Case(
        name="the approval was dismissed",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (a_review(state=ReviewState.DISMISSED),)},
        words="bob's review was dismissed",
    ),
    Case(
        name="a machine approved",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (a_review(author="helper[bot]", author_is_person=False),)},
        words="is not a person",
    ),
    Case(
        name="a stranger approved",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (a_review(author_can_push=False),)},
        words="no write permission",
    ),
    Case(
        name="the requester approved",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (a_review(author="Alice"),)},
        words="Alice requested the change",
    ),
    Case(
        name="the requester approved, where that counts",
        decision="Merge",
        pull={"reviews": (a_review(author="alice"),)},
        policy=Policy(approvals=Approvals(requester_counts=True)),
    ),
    Case(
        name="whoever pushed it approved",
        decision="Blocked",
        open={5: WAITING},
        pull={"head_committer": "bob"},
        words="bob pushed this commit",
    ),
    Case(
        name="whoever wrote a part of it approved",
        decision="Blocked",
        open={5: WAITING},
        pull={
            "commits": (
                PullRequestCommit(sha="d" * 40, parents=(BASE_TIP,), author="bob"),
                PullRequestCommit(sha=HEAD, parents=("d" * 40,)),
            )
        },
        words="bob made a commit of it",
    ),
    Case(
        name="more commits than are known",
        decision="Blocked",
        open={5: WAITING},
        pull={"commits_complete": False},
        words="not all authors are known",
    ),
    Case(
        name="bob has less permission than is asked for",
        decision="Blocked",
        open={5: WAITING},
        policy=Policy(approvals=Approvals(permission=Permission.ADMIN)),
        words="bob has no admin permission",
    ),
    Case(
        name="bob is not among those who may",
        decision="Blocked",
        open={5: WAITING},
        policy=Policy(approvals=Approvals(users=("carol",))),
        words="not among those who may approve",
    ),
    Case(
        name="bob is among those who may",
        decision="Merge",
        policy=Policy(approvals=Approvals(users=("carol", "Bob"))),
    ),
    Case(
        name="bob is in the team that may",
        decision="Merge",
        policy=Policy(approvals=Approvals(teams=("core",))),
        options={"authority": Authority(memberships={("octo/core", "bob"): Membership.MEMBER})},
    ),
    Case(
        name="whether bob is in the team is not shown",
        decision="Blocked",
        open={5: WAITING},
        policy=Policy(approvals=Approvals(teams=("core",))),
        words="is not shown to the App",
    ),
    Case(
        name="no owner approved",
        decision="Blocked",
        open={5: WAITING},
        pull=OWNED,
        words="No owner of",
    ),
    Case(
        name="an owner approved",
        decision="Merge",
        pull={**OWNED, "reviews": (a_review(author="carol"),)},
    ),
    Case(
        name="owners do not matter here",
        decision="Merge",
        pull=OWNED,
        policy=Policy(approvals=Approvals(codeowners=False)),
    ),
    Case(
        name="CODEOWNERS cannot be read",
        decision="Blocked",
        open={5: WAITING},
        pull={"codeowners_text": "\0"},
        words="CODEOWNERS",
    ),
    Case(
        name="one approved what needs two",
        decision="Blocked",
        open={5: WAITING},
        pull={"files": files("own/x")},
        policy=Policy(second_approver_paths=("own/**",)),
        words="Two people",
    ),
    Case(
        name="two approved what needs two",
        decision="Merge",
        pull={"files": files("own/x"), "reviews": (a_review(), a_review(id=2, author="carol"))},
        policy=Policy(second_approver_paths=("own/**",)),
    ),
    Case(
        name="a service approved, where that counts",
        decision="Merge",
        pull={"reviews": ()},
        proposal={"service_approval": SERVICE},
        policy=Policy(approvals=Approvals(api_approvals=True)),
    ),
    Case(
        name="a service approved another commit",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": ()},
        proposal={"service_approval": replace(SERVICE, head_sha=OLD_HEAD)},
        policy=Policy(approvals=Approvals(api_approvals=True)),
    ),
    Case(
        name="a service approved before the base branch was chosen",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (), "base_changed_at": minutes(1)},
        proposal={"service_approval": SERVICE},
        policy=Policy(approvals=Approvals(api_approvals=True)),
        words="api_user approved before `main` became the base branch",
    ),
    Case(
        name="a service approved after the base branch was chosen",
        decision="Merge",
        pull={"reviews": (), "base_changed_at": minutes(0.5)},
        proposal={"service_approval": SERVICE},
        policy=Policy(approvals=Approvals(api_approvals=True)),
    ),
    Case(
        name="a service approved, where that does not count",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": ()},
        proposal={"service_approval": SERVICE},
    ),
    Case(
        name="bob approved by a command, where that counts",
        decision="Merge",
        pull={"reviews": ()},
        proposal={"command_approvals": (COMMAND,)},
        policy=Policy(approvals=Approvals(commands=True)),
        options={"authority": Authority(permissions={"bob": Permission.WRITE})},
    ),
    Case(
        name="bob approved by a command and may not push",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": ()},
        proposal={"command_approvals": (COMMAND,)},
        policy=Policy(approvals=Approvals(commands=True)),
        options={"authority": Authority(permissions={"bob": Permission.READ})},
    ),
    Case(
        name="bob approved by a command, where that does not count",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": ()},
        proposal={"command_approvals": (COMMAND,)},
    ),
    Case(
        name="the approved commit with the base merged into it",
        decision="Merge",
        pull=OF_OLD_HEAD,
        proposal=carried(),
    ),
    Case(
        name="the same, where approvals are not kept",
        decision="Blocked",
        open={5: WAITING},
        pull=OF_OLD_HEAD,
        proposal=carried(),
        policy=Policy(approvals=Approvals(carry_over=False)),
    ),
    Case(
        name="the same without a proof",
        decision="Blocked",
        open={5: WAITING},
        pull=OF_OLD_HEAD,
        proposal=carried(carried=()),
    ),
    Case(
        name="the old head was approved before it was the head",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (a_review(head_sha=OLD_HEAD, submitted_at=minutes(-90)),)},
        proposal=carried(),
        words="before that was the head",
    ),
    Case(
        name="whoever pushed the old head approved it",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (a_review(head_sha=OLD_HEAD, author="dave", submitted_at=minutes(-30)),)},
        proposal=carried(
            heads=(
                PastHead(
                    head_sha=OLD_HEAD,
                    since=minutes(-60),
                    committed_at=minutes(-60),
                    people=("dave",),
                ),
            )
        ),
        words="dave pushed",
    ),
    Case(
        name="mode auto",
        decision="Merge",
        pull={"reviews": ()},
        policy=AUTO,
    ),
    Case(
        name="mode auto by the server's default",
        decision="Merge",
        pull={"reviews": ()},
        options={"default_mode": ApprovalMode.AUTO},
    ),
    Case(
        name="mode auto and a protected path",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (), "files": files("src/a.py", "Dockerfile")},
        policy=AUTO,
        words="protected paths",
    ),
    Case(
        name="mode auto and a renamed file",
        decision="Blocked",
        open={5: WAITING},
        pull={
            "reviews": (),
            "files": (ChangedFile(path="a", additions=1, deletions=0, is_renamed=True),),
        },
        policy=AUTO,
        words="renamed files",
    ),
    Case(
        name="mode auto and an owned path",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (), **OWNED},
        policy=AUTO,
        words="that have owners",
    ),
    Case(
        name="mode auto and an unreadable CODEOWNERS",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": (), "codeowners_text": "\0"},
        policy=AUTO,
        words="CODEOWNERS cannot be read",
    ),
    Case(
        name="mode auto and a change of its own measure",
        decision="Blocked",
        open={5: WAITING},
        pull={"reviews": ()},
        proposal={"validation": a_validation(measure=("tests deleted: 1 (test_a)",))},
        policy=AUTO,
        words="a change of its own measure",
    ),
    Case(
        name="a change of its own measure that somebody approved",
        decision="Merge",
        proposal={"validation": a_validation(measure=("tests deleted: 1 (test_a)",))},
        policy=AUTO,
    ),
    Case(
        name="mode auto, owners do not matter",
        decision="Merge",
        pull={"reviews": (), **OWNED},
        policy=Policy(approvals=Approvals(mode=ApprovalMode.AUTO, codeowners=False)),
    ),
    # (6)
    Case(
        name="somebody objects",
        decision="Blocked",
        open={6: UNMET},
        pull={
            "reviews": (
                a_review(),
                a_review(id=2, author="carol", state=ReviewState.CHANGES_REQUESTED),
            )
        },
    ),
    Case(
        name="a stranger objects",
        decision="Merge",
        pull={
            "reviews": (
                a_review(),
                a_review(
                    id=2,
                    author="eve",
                    author_can_push=False,
                    state=ReviewState.CHANGES_REQUESTED,
                ),
            )
        },
    ),
    Case(
        name="a thread is open", decision="Blocked", open={6: UNMET}, pull={"unresolved_threads": 1}
    ),
    Case(
        name="more reviews than are known",
        decision="Blocked",
        open={6: UNMET},
        pull={"reviews_complete": False},
    ),
    # (7)
    Case(name="it conflicts", decision="Blocked", open={7: UNMET}, pull={"mergeable": False}),
    Case(name="GitHub still computes that", decision="Merge", pull={"mergeable": None}),
    Case(name="behind its base", decision="Update", open={7: WAITING}, pull=behind()),
    Case(
        name="behind its base, which does not matter here",
        decision="Merge",
        pull=behind(),
        policy=Policy(merge=MergeRules(strict=False)),
    ),
    Case(
        name="the base was merged into it",
        decision="Merge",
        pull={
            "commits": (
                PullRequestCommit(sha=OLD_HEAD, parents=("a" * 40,)),
                PullRequestCommit(sha=HEAD, parents=(OLD_HEAD, BASE_TIP)),
            )
        },
    ),
    Case(
        name="behind its base, as far as its commits are known",
        decision="Blocked",
        open={7: UNMET},
        pull=behind(commits_complete=False),
        policy=Policy(approvals=Approvals(requester_counts=True)),
        words="not known whether it contains",
    ),
    Case(
        name="behind its base and not approved",
        decision="Blocked",
        open={5: WAITING, 7: WAITING},
        pull=behind(reviews=()),
    ),
    Case(
        name="behind its base with an objection",
        decision="Blocked",
        open={6: UNMET, 7: WAITING},
        pull=behind(unresolved_threads=1),
    ),
    Case(
        name="behind its base, the sandbox is at work",
        decision="Blocked",
        open={4: WAITING, 7: WAITING},
        pull=behind(),
        proposal={"validation": a_validation(conclusion=None)},
    ),
    Case(
        name="behind its base and never validated",
        decision="Update",
        open={4: WAITING, 7: WAITING},
        pull=behind(),
        proposal={"validation": None},
    ),
    Case(
        name="behind its base, never validated and not approved",
        decision="Validate",
        open={4: WAITING, 5: WAITING, 7: WAITING},
        pull=behind(reviews=()),
        proposal={"validation": None},
    ),
    # (8)
    Case(
        name="a required check is missing",
        decision="Blocked",
        open={8: WAITING},
        pull=checks(CheckState.PASSED, CheckState.MISSING),
        words="`check-missing` has not reported",
    ),
    Case(
        name="a required check is running",
        decision="Blocked",
        open={8: WAITING},
        pull=checks(CheckState.RUNNING),
        words="`check-running` is still running",
    ),
    Case(
        name="a required check fails",
        decision="Blocked",
        open={8: UNMET},
        pull=checks(CheckState.FAILED, CheckState.MISSING),
        words="`check-failed` is failing; `check-missing` has not reported",
    ),
    Case(name="all required checks passed", decision="Merge", pull=checks(CheckState.PASSED)),
    Case(
        name="Odyssey's own is still to be published",
        decision="Merge",
        pull=checks(CheckState.RUNNING, is_ours=True),
    ),
    Case(
        name="behind its base, a required check is running",
        decision="Blocked",
        open={7: WAITING, 8: WAITING},
        pull=behind(**checks(CheckState.RUNNING)),
    ),
    # (9)
    Case(
        name="an alarm stands",
        decision="Blocked",
        open={9: UNMET},
        options={"alarm": "#5 tells of a merge gone wrong."},
    ),
    Case(
        name="an alarm stands, and it was never validated",
        decision="Validate",
        open={4: WAITING, 9: UNMET},
        proposal={"validation": None},
        options={"alarm": "#5 tells of a merge gone wrong."},
    ),
)
