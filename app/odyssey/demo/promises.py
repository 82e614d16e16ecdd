"""
The four promises the demo keeps, each as people and Odyssey play it.

Every check reads GitHub's own state, never what Odyssey believes.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from odyssey.demo.narrator import Narrator
from odyssey.domain.proposal import Proposal, Status
from odyssey.scenario import SAMPLE, Scenario

ANSWERS = "service/answers.py"


class Broken(Exception):
    """What was promised did not happen; the message says what did."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How one promise ended; `evidence` is what was seen, or what went wrong."""

    number: int
    title: str
    is_kept: bool
    evidence: str
    seconds: float

    def summary(self) -> dict[str, object]:
        """The promise for the JSON summary."""
        return {
            "number": self.number,
            "title": self.title,
            "kept": self.is_kept,
            "evidence": self.evidence,
            "seconds": round(self.seconds, 1),
        }


def diff_of(path: str, old: str, new: str, *, before: str | None = None) -> str:
    """
    A unified diff of *path* with the first *old* made *new*, in a fence.

    *before* is the file's present text; without it the sample's.
    """
    before = (SAMPLE / path).read_text() if before is None else before
    if old not in before:
        raise ValueError(f"{path} does not hold {old!r}")
    after = before.replace(old, new, 1)
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return f"```diff\n{''.join(lines)}```"


def check(is_true: bool, otherwise: str) -> None:
    """
    Raises:
        Broken: *is_true* is not.
    """
    if not is_true:
        raise Broken(otherwise)


FAREWELL = diff_of(
    ANSWERS,
    "def add(text: str)",
    'def part(name: str) -> str:\n    """\n    A farewell to *name*.\n    """\n'
    '    return greet(name).replace("Hello", "Goodbye")\n\n\ndef add(text: str)',
)


async def comment_to_merge(scenario: Scenario, narrator: Narrator) -> str:
    """A comment becomes a pull request, is validated, approved and merged."""
    github = scenario.simulator
    proposal = await _propose(scenario, narrator, "Say goodbye too", FAREWELL)
    number = proposal.pull_request.number
    check(proposal.branch.startswith(f"proposal/{proposal.id}_"), f"branch is {proposal.branch}")
    conclusion = await scenario.check_conclusion(proposal)
    check(conclusion == "success", f"the check run is {conclusion}: {_why(proposal)}")
    narrator.says("github", f"the check run on pull request #{number} is green")
    check(not (await scenario.pull(number))["merged"], "it was merged without an approval")
    await scenario.approve(number, by="ben")
    narrator.says("ben", f"approves {(proposal.head_sha or '')[:7]}")
    with narrator.waiting("Odyssey asks the gate and merges"):
        await scenario.settle()
    proposal = await scenario.get(proposal)
    narrator.state(proposal)
    pull = await scenario.pull(number)
    check(pull["merged"], f"pull request #{number} is not merged: {proposal.status}")
    names = await scenario.branches()
    check(proposal.branch not in names, f"{proposal.branch} is still there")
    content = await scenario.read(ANSWERS)
    check("Goodbye" in content, "the base branch does not have the change")
    remembered = await scenario.remembered(proposal)
    check("merged" in remembered, f"memory says {remembered}")
    check(bool(github.actions.runs), "no workflow ran")
    return f"#{number} merged by odyssey[bot], branch deleted, outcome remembered"


BRIEFER = ('return f"Hello, {name}!"', 'return f"Hi, {name}!"')


async def failing_test_blocks(scenario: Scenario, narrator: Narrator) -> str:
    """A failing test blocks, is quoted, and a mended commit merges."""
    base = await scenario.read(ANSWERS)
    change = diff_of(ANSWERS, *BRIEFER, before=base)
    proposal = await _propose(scenario, narrator, "Greet more briefly", change)
    number = proposal.pull_request.number
    check(proposal.status is Status.VALIDATION_FAILED, f"it is {proposal.status}")
    annotations = await scenario.annotations(proposal)
    check(bool(annotations), "the check run has no annotation")
    comments = await scenario.comments_of("odyssey[bot]", number)
    quoting = [each for each in comments if "test_a_person_is_greeted_by_name" in each]
    check(len(quoting) == 1, f"{len(quoting)} comments quote the failing test")
    narrator.says("odyssey", f"quotes the failing test, {len(annotations)} annotations")
    await scenario.approve(number, by="ben")
    narrator.says("ben", "approves it all the same")
    await scenario.settle()
    check(not (await scenario.pull(number))["merged"], "a failed validation was merged")
    narrator.says("odyssey", "does not merge it: the sandbox has not passed this commit")
    mended = base.replace("A greeting for", "A short greeting for", 1)
    sha = await scenario.push(proposal.branch, {ANSWERS: mended}, by="ada")
    narrator.says("ada", f"pushes {sha[:7]}, which mends it")
    with narrator.waiting("the new commit is validated"):
        await scenario.settle()
    proposal = await scenario.get(proposal)
    narrator.state(proposal)
    check(proposal.status is Status.VALIDATION_PASSED, f"it is {proposal.status}: {_why(proposal)}")
    await scenario.approve(number, by="ben")
    narrator.says("ben", f"approves {sha[:7]}")
    await scenario.settle()
    check((await scenario.pull(number))["merged"], "the mended commit was not merged")
    return f"#{number} blocked at the first commit, merged at the mended one"


async def old_approval_never_merges(scenario: Scenario, narrator: Narrator) -> str:
    """An approval of an older commit never merges a newer one."""
    change = "`docs/notes.md`\n```markdown\n# Notes\n\nThe service greets people.\n```"
    proposal = await _propose(scenario, narrator, "Start the notes", change)
    number, approved = proposal.pull_request.number, proposal.head_sha or ""
    sha = await scenario.push(proposal.branch, {"docs/notes.md": "# Notes\n\nSlipped in.\n"})
    narrator.says("ada", f"pushes {sha[:7]} at the last moment")
    await scenario.approve(number, by="ben", commit_id=approved)
    narrator.says("ben", f"approves {approved[:7]}, the commit they had read")
    with narrator.waiting("both are delivered, and the new commit is validated"):
        await scenario.settle()
    proposal = await scenario.get(proposal)
    narrator.state(proposal)
    check(not (await scenario.pull(number))["merged"], "an approval of another commit merged")
    check(
        proposal.status is Status.VALIDATION_PASSED,
        f"it is {proposal.status}, so the approval was not what stopped it",
    )
    await scenario.comment(number, "/odyssey reject The late commit was not asked for", by="ben")
    narrator.says("ben", "comments: /odyssey reject The late commit was not asked for")
    await scenario.settle()
    check((await scenario.pull(number))["state"] == "closed", "the pull request is still open")
    return f"{sha[:7]} was never merged by the approval of {approved[:7]}"


async def recognises_the_same_change(scenario: Scenario, narrator: Narrator) -> str:
    """The same change again is refused, and with a word on what differs names the earlier one."""
    change = "`docs/notes.md`\n```markdown\n# Notes\n\nThe service greets people.\n```"
    issue = await scenario.open_issue("Begin with notes", by="ada")
    narrator.says("ada", f"comments on issue #{issue}: /odyssey propose Begin with notes")
    await scenario.comment(issue, f"/odyssey propose Begin with notes\n\n{change}", by="ada")
    await scenario.settle()
    said = "\n".join(await scenario.comments_of("odyssey[bot]", issue))
    check("the same change as" in said, "the change was not refused as turned down before")
    check("late commit was not asked for" in said, "the refusal lacks the reason")
    narrator.says("odyssey", "refuses it: the same change was rejected, and why")
    differs = '--differs "This time without the late commit"'
    proposal = await _propose(scenario, narrator, "Begin with notes", change, option=differs)
    pull = await scenario.pull(proposal.pull_request.number)
    earlier = [each for each in proposal.resembles if each.is_same_change]
    check(bool(earlier), "no earlier attempt was recognised")
    number = f"#{earlier[0].pull_number}"
    check(number in pull["body"], f"the pull request does not name {number}")
    check("rejected" in pull["body"], "the pull request does not say how the earlier one ended")
    check("late commit was not asked for" in pull["body"], "the pull request lacks the reason")
    narrator.says("odyssey", f"“the same change as {number}, which was rejected”")
    return f"#{pull['number']} names {number}, its outcome and the reason"


Promise = Callable[[Scenario, Narrator], Awaitable[str]]

PROMISES: dict[int, tuple[str, Promise]] = {
    1: ("From an issue comment to a merged pull request", comment_to_merge),
    2: ("A failing test blocks, is quoted, and a mended commit merges", failing_test_blocks),
    3: ("An approval of an older commit never merges a newer one", old_approval_never_merges),
    4: ("The same change again is recognised", recognises_the_same_change),
}


async def _propose(
    scenario: Scenario, narrator: Narrator, title: str, change: str, *, option: str = ""
) -> Proposal:
    number = await scenario.open_issue(title, by="ada")
    command = f"/odyssey propose {option} {title}" if option else f"/odyssey propose {title}"
    narrator.says("ada", f"comments on issue #{number}: {command}")
    await scenario.comment(number, f"{command}\n\n{change}", by="ada")
    with narrator.waiting("branch, pull request, and the sandbox in a container"):
        await scenario.settle()
    proposal = await scenario.newest()
    check(proposal.issue_number == number, f"no proposal was made for issue #{number}")
    narrator.says("odyssey", f"opens pull request #{proposal.pull_number} from {proposal.branch}")
    narrator.state(proposal)
    return proposal


def _why(proposal: Proposal) -> str:
    validation = proposal.validation
    return (validation.reason or validation.output[-400:]) if validation else "not validated"
