"""
What people ask for: why, an approval by command, an update, a revert; and approvals that last.
"""

from __future__ import annotations

from pathlib import Path

from odyssey.adapters.embedding import Embedder
from odyssey.domain.proposal import Proposal, Status
from odyssey.scenario import Scenario
from scenarios.changes import a_file, note
from scenarios.stage import BOT, calls_of, on_stage, pulls_of

COMMANDS = "version: 1\napprovals: {commands: true}\n"
LOOSE = "version: 1\nmerge: {strict: false}\n"


async def answers(scenario: Scenario, number: int) -> list[str]:
    """Everything Odyssey said on a pull request but its status comment."""
    return (await scenario.comments_of(BOT, number))[1:]


async def ask(scenario: Scenario, proposal: Proposal, body: str, *, by: str = "ada") -> list[str]:
    """What Odyssey says to a comment on the proposal's pull request, beside its status."""
    number = proposal.pull_request.number
    before = len(await answers(scenario, number))
    await scenario.comment(number, body, by=by)
    await scenario.settle()
    return (await answers(scenario, number))[before:]


async def test_approvals_by_command_name_the_commit_and_follow_the_rules(
    tmp_path: Path, embedder: Embedder
) -> None:
    """Only the last commit's, only a permitted other person's, and only while the comment is."""
    async with on_stage(tmp_path, embedder, policy=COMMANDS) as scenario:
        proposal = await scenario.propose(note("asked"), title="Ask for words")
        number, head = proposal.pull_request.number, proposal.head_sha or ""

        [why] = await ask(scenario, proposal, "/odyssey why", by="eve")
        assert f"/odyssey approve {head}" in why
        assert "Missing: 5 (approval)." in why

        [no_sha] = await ask(scenario, proposal, "/odyssey approve", by="ben")
        assert "`/odyssey approve <sha>`" in no_sha
        [other] = await ask(scenario, proposal, f"/odyssey approve {'0' * 40}", by="ben")
        assert f"/odyssey approve {head}" in other
        [own] = await ask(scenario, proposal, f"/odyssey approve {head}", by="ada")
        assert "ada requested the change" in own
        [reader] = await ask(scenario, proposal, f"/odyssey approve {head}", by="eve")
        assert "`eve` has `read`" in reader
        assert not (await scenario.pull(number))["merged"]

        # Two approvals are wanted now; the first is taken back by deleting the comment.
        await scenario.push("main", {".github/odyssey.yml": policy_of_two()}, by="ada")
        await scenario.comment(number, f"/odyssey approve {head[:12]}", by="ben")
        await scenario.settle()
        [status, *_] = await scenario.comments_of(BOT, number)
        assert "1 of 2 approvals" in status
        comments = await scenario.person("ada").request(
            "GET", f"/repos/{scenario.repository}/issues/{number}/comments?per_page=100"
        )
        mine = [each["id"] for each in comments if each["user"]["login"] == "ben"][-1]
        path = f"/repos/{scenario.repository}/issues/comments/{mine}"
        await scenario.person("ben").request("DELETE", path)
        await scenario.settle()
        [status, *_] = await scenario.comments_of(BOT, number)
        assert "0 of 2 approvals" in status

        # By command and by review: both count, the branch is brought up to date, it merges.
        assert await ask(scenario, proposal, f"/odyssey approve {head}", by="ben") == []
        await scenario.approve(number, by="dora")
        await scenario.settle()
        assert (await scenario.pull(number))["merged"]
        merged = await scenario.get(proposal)
        assert merged.approved_by == "ben, dora"
        assert merged.head_sha != head
        [status, *_] = await scenario.comments_of(BOT, number)
        assert "**ben**" in status


def policy_of_two() -> str:
    """The policy with a second approval."""
    return COMMANDS.replace("commands: true", "commands: true, required: 2")


async def test_an_approval_survives_an_update_only_by_proof(scenario: Scenario) -> None:
    """
    A merge of the base branch and a rebase keep it, and say why; one more line loses it.
    """
    proposal = await scenario.propose(note("lasting"), title="Write something lasting")
    number, head = proposal.pull_request.number, proposal.head_sha or ""
    branch = proposal.branch
    ben = scenario.person("ben")
    # An open question keeps it from being merged while its approvals are looked at.
    await scenario.approve(number, by="dora")
    await ben.review(scenario.repository, number, "request_changes", "Wait for the release.")
    await scenario.push("main", {"docs/other.md": "# Other\n"}, by="ada")
    await scenario.settle()

    assert await ask(scenario, proposal, "/odyssey update") == []
    updated = (await scenario.get(proposal)).head_sha or ""
    [status, *_] = await scenario.comments_of(BOT, number)
    assert updated != head
    assert f"dora approved `{head[:7]}`" in status
    assert "merged into it without conflict" in status
    assert "git merge-tree --write-tree" in status
    assert (await scenario.check_conclusion(await scenario.get(proposal))) == "success"

    [again] = await ask(scenario, proposal, "/odyssey update")
    assert "Already up to date" in again

    # One more line by the requester: nobody has approved that.
    await scenario.push(branch, {"docs/lasting.md": "# Lasting\n\nNot quite.\n"}, by="ada")
    await scenario.settle()
    [status, *_] = await scenario.comments_of(BOT, number)
    assert "0 of 1 approvals" in status
    assert f"dora approved {head[:7]}" in status

    # Taken back, it is the approved change again: the proof is in what git sees.
    await scenario.push(branch, {"docs/lasting.md": "# Lasting\n\nThe service greets people.\n"})
    await scenario.approve(number, by="ben")
    await scenario.settle()
    assert (await scenario.pull(number))["merged"]


async def test_a_conflict_is_said_once_with_its_files(tmp_path: Path, embedder: Embedder) -> None:
    """
    In the status comment; an update is refused with them, and what helps is said.
    """
    async with on_stage(tmp_path, embedder, policy=LOOSE) as scenario:
        proposal = await scenario.propose(a_file("docs/ü.md", "# One\n"), title="Write one page")
        number = proposal.pull_request.number
        await scenario.push("main", {"docs/ü.md": "# Another\n"}, by="ada")
        await scenario.settle()
        await scenario.approve(number, by="ben")
        await scenario.settle()
        edits = len([each for each in calls_of(scenario) if each.method == "PATCH"])
        [status] = await scenario.comments_of(BOT, number)
        assert "conflicts with `main` in `docs/ü.md`" in status

        [refused] = await ask(scenario, proposal, "/odyssey update --rebase", by="ben")
        assert "`docs/ü.md`" in refused
        [why] = await ask(scenario, proposal, "/odyssey why")
        assert f"git switch {proposal.branch}" in why
        patches = [each for each in calls_of(scenario) if each.method == "PATCH"]
        assert len(patches) == edits, "said once: nothing new, nothing edited"


async def test_a_revert_is_a_proposal_under_the_same_gate(scenario: Scenario) -> None:
    """
    It says why, both are linked, memory has the reason, and a revert can be reverted.
    """
    proposal = await scenario.propose(note("regret"), title="Write what we regret")
    number = proposal.pull_request.number
    [too_early] = await ask(scenario, proposal, "/odyssey revert I was wrong", by="ben")
    assert "only what is merged can be reverted" in too_early
    await scenario.approve(number, by="ben")
    await scenario.settle()
    assert "docs/regret.md" in [each["path"] for each in await files_of(scenario)]

    [linked] = await ask(scenario, proposal, "/odyssey revert It frightens @people", by="ben")
    revert = await scenario.newest()
    back = revert.pull_request.number
    assert f"[#{back}](" in linked
    assert revert.reverts == proposal.id
    pull = await scenario.pull(back)
    assert pull["title"] == 'Revert "Write what we regret"'
    assert f"It takes back #{number}." in pull["body"]
    assert "It frightens" in pull["body"]
    [open_already] = await ask(scenario, proposal, "/odyssey revert Me too", by="ada")
    assert f"[#{back}](" in open_already
    assert len(await pulls_of(scenario)) == 2

    # Ben asked for it, so somebody else has to approve it.
    await scenario.approve(back, by="ben")
    await scenario.settle()
    assert not (await scenario.pull(back))["merged"]
    await scenario.approve(back, by="dora")
    await scenario.settle()
    assert (await scenario.get(revert)).status is Status.MERGED
    assert "docs/regret.md" not in [each["path"] for each in await files_of(scenario)]
    assert await scenario.remembered(proposal) == ["opened", "merged", "reverted"]
    [done] = await ask(scenario, proposal, "/odyssey revert Once more", by="ada")
    assert "has taken this back already" in done

    await ask(scenario, revert, "/odyssey revert We miss it", by="ada")
    again = await scenario.newest()
    assert again.title == 'Revert "Revert "Write what we regret""'
    await scenario.approve(again.pull_request.number, by="dora")
    await scenario.settle()
    assert "docs/regret.md" in [each["path"] for each in await files_of(scenario)]


async def files_of(scenario: Scenario) -> list[dict[str, str]]:
    """The files on the default branch."""
    path = f"/repos/{scenario.repository}/git/trees/main?recursive=1"
    found: list[dict[str, str]] = (await scenario.person("ada").request("GET", path))["tree"]
    return found


async def test_a_pull_request_of_somebody_else_is_no_proposal(scenario: Scenario) -> None:
    """
    Whoever asks there hears so, and nothing is done to it.
    """
    await scenario.push("mine", {"docs/mine.md": "# Mine\n"}, by="ada")
    pull = await scenario.person("ada").open_pull(scenario.repository, "mine", "Mine")
    for word in ("why", "update", "revert because", f"approve {'0' * 7}"):
        await scenario.comment(pull["number"], f"/odyssey {word}", by="ben")
    await scenario.settle()

    said = await scenario.comments_of(BOT, pull["number"])
    assert len(said) == 4
    assert all("no proposal of Odyssey's" in each for each in said)
