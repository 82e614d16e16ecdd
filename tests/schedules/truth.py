"""
What may be merged, judged by what GitHub itself knows, and never by what Odyssey stores.

The rules are written down a second time here, from the promises in `docs/design.md`: a gate that
errs must not be judged by itself.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from odyssey.simulator.actions.state import Run
from odyssey.simulator.comparing import compare
from odyssey.simulator.git import Git
from odyssey.simulator.mergeability import decisive_reviews
from odyssey.simulator.permissions import role_at_least, role_of
from odyssey.simulator.state import Comment, PullRequest, Repository, Review
from odyssey.simulator.webhooks import Event
from schedules.audit import verb_of
from schedules.door import Passage
from schedules.executor import Verdict, verdict_of
from schedules.policies import PROTECTED, Rules, rules_of
from schedules.world import BOT, World

CREATED = 201
UNAUTHORIZED = 401
"""The answer to a token that has ended: the request is made once more, in the same write."""
WORKFLOW_PATH = ".github/workflows/odyssey-validate.yml"
_MERGE = re.compile(r"/repos/[^/]+/[^/]+/pulls/(\d+)/merge")
_COMMENTS = re.compile(r"/repos/[^/]+/[^/]+/issues/\d+/comments")
_INTENT = re.compile(r"(revert_)?change_(\d+)$")
_APPROVES = re.compile(r"^/odyssey approve ([0-9a-f]{7,40})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """A comment with commands, as it was when it was made."""

    comment_id: int
    number: int
    by: str
    body: str
    at: datetime
    intent: int | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker was shown of a pull request, and what stood against a merge of it then."""

    head_sha: str
    base_branch: str
    base_sha: str | None
    obstacles: tuple[str, ...]


@dataclass(slots=True)
class Witness:
    """
    Sees every request of the workers and keeps what was wrong.

    A merge is judged by the last look that the worker who asks for it was given: what changes
    after it, GitHub's `sha` guards; nobody could know of the rest.

    `tidied` are Odyssey's comments that somebody deleted, `unheard` the ids of those whose answer
    from GitHub never came. `ends` is how each attempt of a run ended, oldest first, `told` how many
    of them Odyssey had heard of when all was quiet last. `rightful` are the comments that approved
    when they were made, with nothing else in between. `astray` are pull requests that somebody
    turned to another base branch in the moment of their merge.
    """

    world: World
    requesters: dict[int, str] = field(default_factory=dict)
    reverter: str = ""
    said: list[Said] = field(default_factory=list)
    looks: dict[tuple[int, int], Look] = field(default_factory=dict)
    newest: int = 0
    merged: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    tidied: list[Comment] = field(default_factory=list)
    unheard: set[int] = field(default_factory=set)
    rightful: set[int] = field(default_factory=set)
    astray: set[int] = field(default_factory=set)
    ends: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    told: dict[int, int] = field(default_factory=dict)
    pushes: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)

    def before(self, place: int, passage: Passage) -> None:
        """Notes which pull requests are merged already."""
        if _MERGE.fullmatch(passage.path) and passage.method == "PUT":
            self.merged = [p.number for p in self.world.repository.pulls.values() if p.merged]
        if _COMMENTS.fullmatch(passage.path) and passage.method == "POST":
            self.newest = max(self.world.repository.comments, default=0)

    def after(self, place: int, passage: Passage) -> None:
        """Counts a write, notes a look, or judges a merge."""
        if passage.is_write and passage.status != UNAUTHORIZED:
            self.writes[verb_of(passage.method, passage.path)] += 1
        if passage.path == "/graphql" and passage.status == 200:
            self._note(place, passage)
        found = _MERGE.fullmatch(passage.path)
        if found and passage.method == "PUT":
            self._judge(place, int(found[1]))
        if _COMMENTS.fullmatch(passage.path) and passage.method == "POST":
            made = max(self.world.repository.comments, default=0)
            if made > self.newest and (passage.ends_with_effect or passage.status != CREATED):
                self.unheard.add(made)

    def heard(self, event: Event) -> None:
        """Counts the pushes of Odyssey's, by branch, and keeps how runs ended."""
        if event.name == "workflow_run" and event.action == "completed":
            run = event.payload["workflow_run"]
            self.ends[run["id"]].append(run["conclusion"])
        if event.name == "push" and event.sender is not None and event.sender.login == BOT:
            self.pushes[str(event.payload["ref"]).removeprefix("refs/heads/")] += 1

    def all_is_told(self) -> None:
        """Odyssey has worked every delivery that there was."""
        self.told = {run_id: len(ends) for run_id, ends in self.ends.items()}

    def _note(self, place: int, passage: Passage) -> None:
        number = passage.variables.get("number")
        pull = self.world.repository.pulls.get(number) if isinstance(number, int) else None
        if pull is None:
            return
        if passage.scope.get("stale_read") and pull.previous is not None:
            pull = pull.previous
        git = Git(self.world.repository.git_dir)
        base = git.find_ref(f"refs/heads/{pull.base_branch}")
        obstacles = self.obstacles(pull)
        self.looks[place, pull.number] = Look(pull.head_sha, pull.base_branch, base, obstacles)

    def _judge(self, place: int, number: int) -> None:
        pull = self.world.repository.pulls.get(number)
        if pull is None or not pull.merged or number in self.merged:
            return
        look = self.looks.get((place, number))
        if look is None:
            self.problems.append(f"#{number} was merged without a look at it")
        elif look.head_sha != pull.head_sha:
            self.problems.append(
                f"#{number} was merged at {pull.head_sha[:7]}; seen was {look.head_sha[:7]}"
            )
        elif look.base_branch != pull.base_branch:
            # GitHub takes no base branch with a merge: an alarm is all that can follow.
            self.astray.add(number)
        elif look.obstacles:
            self.problems.append(f"#{number} was merged although {'; '.join(look.obstacles)}")
        else:
            self._compare_trees(pull, look)

    def _compare_trees(self, pull: PullRequest, look: Look) -> None:
        """What merged is what was validated, where the base branch was strict and stood still."""
        git = Git(self.world.repository.git_dir)
        assert pull.merge_commit_sha is not None
        is_strict = look.base_sha == pull.base_sha and self._rules_at(look.base_sha).is_strict
        trees = [git.commit(sha).tree for sha in (pull.merge_commit_sha, pull.head_sha)]
        if is_strict and trees[0] != trees[1]:
            self.problems.append(f"#{pull.number}: what merged is not the tree that was validated")

    def obstacles(self, pull: PullRequest, *, for_sure: bool = False) -> tuple[str, ...]:
        """
        What stands against a merge of *pull* as it is, in sentences; empty when nothing does.

        With *for_sure* also what may: approvals that count only if Odyssey knew of an older head.
        """
        repository = self.world.repository
        rules = self.rules(pull)
        found: list[str] = []
        if pull.merged or pull.issue.state != "open":
            found.append("it was not open")
        if pull.draft:
            found.append("it was a draft")
        if not rules.is_valid:
            found.append("its policy was invalid")
        if for_sure and self.astray:
            found.append("an alarm stood")
        found += self._missing_run(repository, pull, for_sure=for_sure)
        found += self._missing_approvals(pull, rules, for_sure=for_sure)
        found += [
            f"{review.user.login} requested changes"
            for review in latest_reviews(self.world, pull)
            if review.state == "CHANGES_REQUESTED"
        ]
        tip = Git(repository.git_dir).find_ref(f"refs/heads/{pull.base_branch}")
        if rules.is_strict and tip and not Git(repository.git_dir).is_ancestor(tip, pull.head_sha):
            found.append("the head lacked the tip of the base branch")
        if tip and not compare(repository, tip, pull.head_sha).changes:
            found.append("it changed nothing")
        return tuple(found)

    def rules(self, pull: PullRequest) -> Rules:
        """The policy on the branch *pull* merges into."""
        git = Git(self.world.repository.git_dir)
        return self._rules_at(git.find_ref(f"refs/heads/{pull.base_branch}"))

    def _rules_at(self, sha: str | None) -> Rules:
        if sha is None:
            return Rules(text="", is_valid=False)
        git = Git(self.world.repository.git_dir)
        entry = git.find_entry(sha, ".github/odyssey.yml")
        return rules_of(git.read_blob(entry.sha).decode() if entry else None)

    def _missing_run(
        self, repository: Repository, pull: PullRequest, *, for_sure: bool
    ) -> list[str]:
        runs = trusted_runs(self.world, pull)
        if not runs:
            return ["no trusted run judged this head"]
        last = runs[-1]
        # Of an attempt that is under way, or ended a moment ago, no look tells: the last end that
        # was heard of counts.
        ends = self.ends[last.id]
        unsettled = [] if for_sure else ends[max(self.told.get(last.id, 0) - 1, 0) :]
        if last.conclusion != "success" and "success" not in unsettled:
            return [f"the last trusted run of this head ended as {last.conclusion}"]
        verdict = verdict_of(repository.git_dir, pull.head_sha)
        if verdict is not Verdict.PASS:
            return [f"the sandbox's word for this head was {verdict}"]
        return []

    def _missing_approvals(self, pull: PullRequest, rules: Rules, *, for_sure: bool) -> list[str]:
        git = Git(self.world.repository.git_dir)
        if rules.is_automatic:
            tip = git.find_ref(f"refs/heads/{pull.base_branch}") or pull.base_sha
            base = git.merge_base(tip, pull.head_sha) or pull.base_sha
            touched = git.changed_paths(base, pull.head_sha)
            if not any(path.startswith((PROTECTED, ".github/")) for path in touched):
                return []
        barred = set() if rules.requester_counts else self._makers(pull)
        counting = {
            login
            for login, sha in self._approvals(pull, rules, for_sure=for_sure)
            if login not in barred
            and (sha == pull.head_sha or (rules.carries_over and not for_sure
                 and is_same_change(git, sha, pull)))
        }  # fmt: skip
        if len(counting) >= rules.required:
            return []
        return [f"{len(counting)} of {rules.required} approvals of this head counted"]

    def _approvals(
        self, pull: PullRequest, rules: Rules, *, for_sure: bool
    ) -> Iterator[tuple[str, str]]:
        """
        Who approves which commit, by their last word.

        *for_sure*: after the base branch was chosen, as GitHub tells it, in whole seconds.
        """
        since = pull.base_changes[-1].at if pull.base_changes else None
        if since and for_sure:
            since = since.replace(microsecond=999_999)
        latest = {r.user.login: r for r in latest_reviews(self.world, pull)}
        for login, review in latest.items():
            is_later = since is None or (review.submitted_at or since) > since
            if review.state == "APPROVED" and review.user.kind == "User" and is_later:
                yield login, review.commit_id
        if not rules.takes_commands:
            return
        git = Git(self.world.repository.git_dir)
        for said in self.said:
            found = _APPROVES.search(said.body)
            if not found or said.comment_id not in self.world.repository.comments:
                continue
            last = latest.get(said.by)
            user = self.world.simulator.state.find_user(said.by)
            may_push = role_at_least(role_of(user, self.world.repository), "write")
            is_later = since is None or said.at > since
            is_last = last is None or (last.submitted_at or said.at) <= said.at
            if not (may_push and is_later and is_last):
                continue
            if for_sure and said.comment_id not in self.rightful and self.answers(said, 0):
                continue  # an approval is answered only where it was refused
            if pull.head_sha.startswith(found[1]):
                yield said.by, pull.head_sha
            elif not for_sure and (approved := git.find_commit(found[1])):
                yield said.by, approved

    def approves(self, said: Said, pull: PullRequest) -> bool:
        """Whether the comment just made approves *pull*, for all that is known now."""
        rules = self.rules(pull)
        barred = set() if rules.requester_counts else self._makers(pull)
        approvals = {login for login, _ in self._approvals(pull, rules, for_sure=True)}
        found = _APPROVES.search(said.body)
        return found is not None and said.by in approvals - barred

    def answers(self, said: Said, index: int) -> list[Comment]:
        """
        What Odyssey answered to the command at place *index*, deleted answers included.
        """
        marker = f"odyssey:answer comment={said.comment_id} command={index} "
        there = [
            each
            for each in self.world.repository.comments.values()
            if each.issue_number == said.number and each.user.login == BOT
        ]
        return [each for each in (*self.tidied, *there) if marker in each.body]

    def repeats(self, answers: Sequence[Comment]) -> int:
        """
        How often a command was answered that has *answers*.

        One that was deleted before Odyssey could know that it was there does not count: it is
        written again, and rightly.
        """
        gone = {each.id for each in self.tidied} & self.unheard
        return sum(each.id not in gone for each in answers)

    def _makers(self, pull: PullRequest) -> set[str]:
        """Who asked for the change, or made a commit of it."""
        git = Git(self.world.repository.git_dir)
        base = git.find_ref(f"refs/heads/{pull.base_branch}") or pull.base_sha
        emails = {
            email
            for commit in git.log(f"{base}..{pull.head_sha}")
            if not is_pure_update(git, commit.sha, base)
            for email in (commit.author.email, commit.committer.email)
        }
        users = self.world.simulator.state.users.values()
        return {self.requester_of(pull), *(u.login for u in users if u.email in emails)}

    def requester_of(self, pull: PullRequest) -> str:
        """Who asked for the change: the author of the comment it came from."""
        intent = intent_of(pull)
        if intent is None:
            return ""
        return self.reverter if intent[0] else self.requesters.get(intent[1], "")


def intent_of(pull: PullRequest) -> tuple[bool, int] | None:
    """Whether *pull* takes a change back, and which, from its branch's name."""
    found = _INTENT.search(pull.head_branch)
    return (found[1] is not None, int(found[2])) if found else None


def is_pure_update(git: Git, sha: str, tip: str) -> bool:
    """Whether a commit is what git makes of its first parent and a commit of the base branch."""
    parents = git.commit(sha).parents
    if len(parents) != 2 or not git.is_ancestor(parents[1], tip):
        return False
    tree, is_clean = git.merge_tree(*parents)
    return is_clean and tree == git.commit(sha).tree


def is_same_change(git: Git, approved: str, pull: PullRequest) -> bool:
    """Whether the head is *approved*, brought up to date with the base branch and nothing more."""
    tip = git.find_ref(f"refs/heads/{pull.base_branch}")
    if tip is None or not git.exists(approved):
        return False
    head = pull.head_sha
    while head != approved and is_pure_update(git, head, tip):
        head = git.commit(head).parents[0]
    if head == approved:
        return True
    bases = [git.merge_base(tip, each) for each in (approved, pull.head_sha)]
    if git.commit(approved).tree == git.commit(pull.head_sha).tree and bases[0] == bases[1]:
        return True
    changes = [_changes(git, f"{tip}..{each}") for each in (approved, pull.head_sha)]
    return bool(changes[0]) and changes[0] == changes[1]


def _changes(git: Git, revisions: str) -> list[tuple[str, str]]:
    """The message and the identity of each commit's change; nothing where a merge is among them."""
    commits = git.log(revisions)
    if any(len(commit.parents) != 1 for commit in commits):
        return []
    found = []
    for commit in commits:
        shown = git.run("diff-tree", "-p", commit.parents[0], commit.sha)
        found.append((commit.message, git.run("patch-id", "--stable", stdin=shown)[:40].decode()))
    return found


def latest_reviews(world: World, pull: PullRequest) -> list[Review]:
    """The decisive review of each person who may push."""
    found = decisive_reviews(world.simulator, world.repository, pull).values()
    return [r for r in found if role_at_least(role_of(r.user, world.repository), "write")]


def trusted_runs(world: World, pull: PullRequest) -> list[Run]:
    """The runs that Odyssey itself dispatched for this head and base, oldest first."""
    return [
        run
        for run in dispatched_runs(world)
        if run.ref == f"refs/heads/{pull.base_branch}"
        and run.inputs.get("head_sha") == pull.head_sha
    ]


def dispatched_runs(world: World, pull: PullRequest | None = None) -> list[Run]:
    """The runs that Odyssey itself dispatched, for whatever head of *pull*, oldest first."""
    return [
        run
        for run in world.simulator.actions.runs.values()
        if run.repository is world.repository
        and run.event == "workflow_dispatch"
        and run.workflow.path == WORKFLOW_PATH
        and run.actor.login == BOT
        and (pull is None or run.inputs.get("proposal_id", "-") in pull.head_branch)
    ]
