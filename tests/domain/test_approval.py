"""
Condition 5 of the gate: whose approval counts, and what is needed beside their number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.samples import BASE_TIP, HEAD, a_proposal, a_pull_request, a_review
from odyssey.domain.approval import candidates
from odyssey.domain.authority import MAX_QUESTIONS, Authority, Membership, questions
from odyssey.domain.gate import AUTOMATIC, Blocked, Condition, Merge, evaluate
from odyssey.domain.policy import ApprovalMode, Approvals, Policy
from odyssey.domain.proposal import ApiApproval
from odyssey.domain.pull_request import (
    ChangedFile,
    Permission,
    PullRequest,
    PullRequestCommit,
)

OWNERS = "* @bob\n/docs/ @acme/x @octo/docs\n/mail/ post@example.com\n/api/ @carol @dave\n"
BY_BOB_AND_CAROL = (a_review(), a_review(id=2, author="carol"))
IN, OUT, HIDDEN = Membership.MEMBER, Membership.NO_MEMBER, Membership.HIDDEN


def touching(*paths: str, **changes: Any) -> PullRequest:
    """The pull request with these files changed."""
    files = tuple(ChangedFile(path=each, additions=1, deletions=0) for each in paths)
    return a_pull_request(files=files, **changes)


def approval(pull: PullRequest, policy: Policy, authority: Authority) -> Condition | None:
    """Condition 5; None when everything is met and it would merge."""
    decision = evaluate(a_proposal(), pull, policy, authority=authority)
    if isinstance(decision, Merge):
        return None
    assert isinstance(decision, Blocked)
    assert [each.number for each in decision.open_conditions] == [5]
    return decision.open_conditions[0]


@pytest.mark.parametrize(
    ("needed", "has", "counts"),
    [
        (Permission.WRITE, Permission.NONE, True),
        (Permission.MAINTAIN, Permission.WRITE, False),
        (Permission.MAINTAIN, Permission.MAINTAIN, True),
        (Permission.MAINTAIN, Permission.ADMIN, True),
        (Permission.ADMIN, Permission.MAINTAIN, False),
        (Permission.ADMIN, Permission.NONE, False),
    ],
)
def test_more_than_write_has_to_be_what_github_answered(
    needed: Permission, has: Permission, counts: bool
) -> None:
    """
    Write comes with the review; anything more counts only when it was asked, and said.
    """
    policy = Policy(approvals=Approvals(permission=needed))
    found = approval(a_pull_request(), policy, Authority(permissions={"bob": has}))

    assert (found is None) is counts
    assert found is None or f"bob has no {needed} permission" in found.sentence
    assert found is None or found.remedy.startswith(f"Anyone with {needed} permission")


@pytest.mark.parametrize(
    ("users", "teams", "answers", "words"),
    [
        (("bob",), (), {}, ""),
        (("BOB",), (), {}, ""),
        (("carol",), (), {}, "bob is not among those who may approve"),
        ((), ("core",), {("octo/core", "bob"): IN}, ""),
        ((), ("Core",), {("octo/core", "bob"): IN}, ""),
        ((), ("core",), {("octo/core", "bob"): OUT}, "not among those"),
        ((), ("core",), {("octo/core", "bob"): HIDDEN}, "needs “Members: read”"),
        ((), ("core",), {}, "not shown to the App"),
        ((), ("a", "b"), {("octo/a", "bob"): OUT, ("octo/b", "bob"): IN}, ""),
        (("carol",), ("core",), {("octo/core", "bob"): IN}, ""),
    ],
)
def test_named_people_and_teams_are_the_only_ones_who_count(
    users: Any, teams: Any, answers: Any, words: str
) -> None:
    """
    A membership that is hidden, or was not asked, is none.
    """
    policy = Policy(approvals=Approvals(users=users, teams=teams))
    found = approval(a_pull_request(), policy, Authority(memberships=answers))

    assert (found is None) is (not words)
    assert found is None or words in found.sentence


def test_the_remedy_names_who_may_approve() -> None:
    """
    People and teams, and what they need.
    """
    policy = Policy(approvals=Approvals(users=("carol",), teams=("core",)))
    found = approval(a_pull_request(), policy, Authority())
    teams = approval(a_pull_request(), Policy(approvals=Approvals(teams=("core",))), Authority())

    assert found is not None
    assert found.remedy.startswith("carol or a member of `octo/core`, with write permission but")
    assert teams is not None
    assert teams.remedy.startswith("A member of `octo/core`, with write permission but")


@pytest.mark.parametrize(
    ("paths", "answers", "words"),
    [
        (("src/a.py",), {}, ""),
        (("docs/a.md",), {("octo/docs", "bob"): IN}, ""),
        (("docs/a.md",), {("octo/docs", "bob"): OUT, ("acme/x", "bob"): OUT},
         "No owner of `docs/a.md` has approved: a member of `acme/x` or a member of `octo/docs`."),
        (("docs/a.md",), {}, "No owner of `docs/a.md`"),
        (("src/a.py", "docs/a.md"), {}, "No owner of `docs/a.md`"),
        (("mail/a",), {}, "`post@example.com` (an e-mail address, which cannot be checked)"),
        (("api/a", "api/b"), {}, "No owner of `api/a`, `api/b` has approved: carol or dave."),
    ],
)  # fmt: skip
def test_each_owned_path_needs_one_of_its_owners(
    paths: tuple[str, ...], answers: Any, words: str
) -> None:
    """
    One who owns one path does not speak for another.
    """
    pull = touching(*paths, codeowners_text=OWNERS)
    found = approval(pull, Policy(), Authority(memberships=answers))

    assert (found is None) is (not words)
    assert found is None or words in found.sentence
    assert found is None or found.remedy


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("api/a", "One of the owners, who may push: approve"),
        ("docs/a", "“Members: read”"),
        ("mail/a", "name logins or teams instead of e-mail addresses"),
    ],
)
def test_who_can_change_that_an_owner_is_missing(path: str, words: str) -> None:
    """
    The owner; whoever may grant what hides them; or whoever mends the file.
    """
    found = approval(touching(path, codeowners_text=OWNERS), Policy(), Authority())

    assert found is not None
    assert words in found.remedy


def test_an_owner_s_approval_counts_like_any_other() -> None:
    """
    Not for an older commit, and not by the requester.
    """
    text = "* @alice @carol"
    pull = touching("src/a.py", codeowners_text=text, reviews=BY_BOB_AND_CAROL)
    requester = (a_review(), a_review(id=2, author="alice"))
    alone = approval(replace(pull, reviews=requester), Policy(), Authority())

    assert approval(pull, Policy(), Authority()) is None
    assert alone is not None
    assert "alice requested the change" in alone.sentence
    assert "No owner of `src/a.py`" in alone.sentence


def test_owners_are_nothing_where_the_policy_says_so() -> None:
    """
    `codeowners: false`; also where the file cannot be read.
    """
    policy = Policy(approvals=Approvals(codeowners=False))
    unread = touching("docs/a", codeowners_text="\0")
    found = approval(unread, Policy(), Authority())

    assert approval(touching("docs/a", codeowners_text=OWNERS), policy, Authority()) is None
    assert approval(unread, policy, Authority()) is None
    assert found is not None
    assert "CODEOWNERS on `main` is no text, or longer than GitHub shows." in found.sentence


def test_some_paths_take_two_people() -> None:
    """
    Whatever the number says; a service token is no person.
    """
    policy = Policy(approvals=Approvals(api_approvals=True), second_approver_paths=("/src/pay/",))
    pull = touching("src/pay/a.py")
    alone = approval(pull, policy, Authority())
    service = a_proposal(service_approval=ApiApproval(head_sha=HEAD, by="api_user", at=NOW))
    decision = evaluate(service, pull, policy)

    assert alone is not None
    assert "Two people have to approve a change of `src/pay/a.py`." in alone.sentence
    assert "who has not approved it: approve it as well" in alone.remedy
    assert isinstance(decision, Blocked)
    assert approval(replace(pull, reviews=BY_BOB_AND_CAROL), policy, Authority()) is None
    assert approval(touching("src/a.py"), policy, Authority()) is None


NOW = a_review().submitted_at


@pytest.mark.parametrize("needs", ["second", "refused", "owned"])
def test_where_a_renamed_file_came_from_matters_as_much(needs: str) -> None:
    """
    A protected, refused or owned path is not left behind by moving the file away; while it is
    not known where it came from nothing merges.
    """
    policy = Policy(
        second_approver_paths=("/kept/",) if needs == "second" else (),
        refused_paths=("/kept/",) if needs == "refused" else (),
    )
    moved = (ChangedFile(path="src/a.py", additions=0, deletions=0, is_renamed=True),)
    pull = a_pull_request(
        files=moved, codeowners_text="/kept/ @carol" if needs == "owned" else None
    )
    unknown = evaluate(a_proposal(), pull, policy)
    from_kept = evaluate(a_proposal(), pull, policy, authority=Authority(old_paths=("kept/a.py",)))
    elsewhere = evaluate(a_proposal(), pull, policy, authority=Authority(old_paths=("b.py",)))

    assert isinstance(unknown, Blocked)
    assert [each.number for each in unknown.open_conditions] == [3]
    assert isinstance(from_kept, Blocked)
    assert "kept/a.py" in from_kept.open_conditions[0].sentence
    assert isinstance(elsewhere, Merge)


def test_a_refused_path_blocks_whoever_approves() -> None:
    """
    Pushed by hand after the proposal was opened; a run of the sandbox is not spent on it.
    """
    policy = Policy(refused_paths=("*.lock",))
    pull = touching("deep/a.lock", reviews=BY_BOB_AND_CAROL)
    decision = evaluate(a_proposal(validation=None), pull, policy)

    assert isinstance(decision, Blocked)
    found = next(each for each in decision.conditions if each.number == 3)
    assert "`deep/a.lock`" in found.sentence
    assert "take that out" in found.remedy


@pytest.mark.parametrize("role", ["author", "committer"])
def test_whoever_made_any_commit_of_it_does_not_approve_it(role: str) -> None:
    """
    Not the head only: an older commit of one's own is one's own change too.
    """
    older = PullRequestCommit(sha="a" * 40, parents=(BASE_TIP,), **{role: "Bob"})
    pull = a_pull_request(commits=(older, PullRequestCommit(sha=HEAD, parents=("a" * 40,))))
    found = approval(pull, Policy(), Authority())
    counted = Policy(approvals=Approvals(requester_counts=True))

    assert found is not None
    assert "bob made a commit of it" in found.sentence
    assert approval(pull, counted, Authority()) is None


def test_more_commits_than_are_read_may_be_anybody_s() -> None:
    """
    So nobody is known to be somebody else.
    """
    found = approval(a_pull_request(commits_complete=False), Policy(), Authority())

    assert found is not None
    assert "not all authors are known" in found.sentence


@pytest.mark.parametrize(
    ("text", "path", "is_automatic"),
    [
        (None, "src/a.py", True),
        ("/docs/ @bob", "src/a.py", True),
        ("/docs/ @bob", "docs/a.md", False),
        ("\0", "src/a.py", False),
    ],
)
def test_auto_does_not_merge_what_has_owners(
    text: str | None, path: str, is_automatic: bool
) -> None:
    """
    An owner is asked instead; nor anything where owners cannot be read.
    """
    policy = Policy(approvals=Approvals(mode=ApprovalMode.AUTO))
    decision = evaluate(a_proposal(), touching(path, codeowners_text=text, reviews=()), policy)

    assert isinstance(decision, Merge) is is_automatic
    assert not isinstance(decision, Merge) or decision.approved_by == (AUTOMATIC,)


@pytest.mark.parametrize(
    "policy", [Policy(second_approver_paths=("/x/",)), Policy(refused_paths=("/x/",))]
)
def test_auto_does_not_merge_what_needs_more(policy: Policy) -> None:
    """
    What needs two people needs at least one.
    """
    pull = touching("x/a", reviews=())

    assert isinstance(evaluate(a_proposal(), pull, policy, default_mode=ApprovalMode.AUTO), Blocked)


def test_nothing_is_asked_that_does_not_matter() -> None:
    """
    The default policy without CODEOWNERS costs no call.
    """
    asked = questions(touching("src/a.py"), Policy(), ("bob",))

    assert (asked.permissions, asked.memberships, asked.old_paths) == ((), (), False)


def test_what_matters_is_asked_once_for_each_who_approves() -> None:
    """
    Permission; teams of the policy and of the touched paths; not where an owner is named.
    """
    rules = Approvals(permission=Permission.ADMIN, teams=("core",), users=("carol",))
    pull = touching("docs/a.md", "docs/b.md", "src/a.py", codeowners_text=OWNERS)
    asked = questions(pull, Policy(approvals=rules), ("Bob", "carol"))

    assert asked.permissions == ("Bob", "carol")
    assert asked.memberships == (
        ("octo/core", "bob"),
        ("acme/x", "bob"), ("acme/x", "carol"),
        ("octo/docs", "bob"), ("octo/docs", "carol"),
    )  # fmt: skip


def test_there_is_an_end_to_what_is_asked() -> None:
    """
    What is over counts for nobody, as it was not answered.
    """
    teams = tuple(f"team{number}" for number in range(MAX_QUESTIONS + 5))
    asked = questions(a_pull_request(), Policy(approvals=Approvals(teams=teams)), ("bob",))

    assert len(asked.memberships) == MAX_QUESTIONS


def test_only_those_whose_approval_may_count_are_asked_about() -> None:
    """
    Not whoever approved another commit, requested the change or may not push.
    """
    reviews = (
        a_review(),
        a_review(id=2, author="alice"),
        a_review(id=3, author="eve", author_can_push=False),
        a_review(id=4, author="dan", head_sha=BASE_TIP),
    )

    assert candidates(a_proposal(), a_pull_request(reviews=reviews), Policy()) == ("bob",)
