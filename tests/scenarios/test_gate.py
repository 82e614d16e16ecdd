"""
The gate: whose approval counts, who can stop a merge, and what a policy changes.
"""

from __future__ import annotations

from pathlib import Path

from odyssey.adapters.embedding import Embedder
from odyssey.domain.proposal import Proposal, Status
from odyssey.scenario import Scenario
from scenarios.changes import a_file, note
from scenarios.stage import BOT, calls_of, on_stage, reviews_of

POLICY = ".github/odyssey.yml"


async def merged(scenario: Scenario, proposal: Proposal) -> bool:
    """Whether the pull request is merged once all is quiet."""
    await scenario.settle()
    return bool((await scenario.pull(proposal.pull_request.number))["merged"])


async def said(scenario: Scenario, proposal: Proposal) -> str:
    """The status comment."""
    [status] = await scenario.comments_of(BOT, proposal.pull_request.number)
    return status


async def proposed(scenario: Scenario, *changes: tuple[str, str]) -> list[Proposal]:
    """A validated proposal for each title and change, asked for at once, in their order."""
    issues = [await scenario.open_issue(title) for title, _ in changes]
    for issue, (title, change) in zip(issues, changes, strict=True):
        await scenario.comment(issue, f"/odyssey propose {title}\n\n{change}")
    await scenario.settle()
    newest = await scenario.ports.proposals.newest(limit=len(changes))
    return sorted(newest, key=lambda each: issues.index(each.issue_number or 0))


async def test_only_approvals_of_permitted_others_count_and_objections_block(
    scenario: Scenario,
) -> None:
    """The requester's own, a reader's and a dismissed approval do not count; an objection stops."""
    [proposal] = await proposed(scenario, ("Start the notes", note("notes")))
    number = proposal.pull_request.number

    await scenario.approve(number, by="ada")
    assert not await merged(scenario, proposal)
    assert "ada requested the change" in await said(scenario, proposal)

    await scenario.approve(number, by="eve")
    assert not await merged(scenario, proposal)
    assert "eve has no write permission" in await said(scenario, proposal)

    # A dismissal that arrives together with the approval.
    await scenario.approve(number, by="ben")
    review = (await reviews_of(scenario, number))[-1]
    await scenario.person("ada").dismiss(scenario.repository, number, review["id"], "By mistake")
    assert not await merged(scenario, proposal)

    await scenario.person("dora").review(
        scenario.repository, number, "request_changes", "Say it in French"
    )
    await scenario.approve(number, by="ben")
    assert not await merged(scenario, proposal)
    assert "Changes are requested by dora" in await said(scenario, proposal)
    assert not [each for each in calls_of(scenario) if each.path.endswith("/merge")]

    await scenario.approve(number, by="dora")
    assert await merged(scenario, proposal)


async def test_a_policy_may_ask_for_two_and_let_the_requester_count(
    tmp_path: Path, embedder: Embedder
) -> None:
    """`required: 2` with `requester_counts: true`: ada's own and ben's together open the gate."""
    policy = "approvals: {required: 2, requester_counts: true}\n"
    async with on_stage(tmp_path, embedder, policy=policy) as scenario:
        [proposal] = await proposed(scenario, ("Start the notes", note("notes")))
        number = proposal.pull_request.number

        await scenario.approve(number, by="ada")
        assert not await merged(scenario, proposal)
        assert "1 of 2 approvals" in await said(scenario, proposal)
        await scenario.approve(number, by="ada")
        await scenario.approve(number, by="eve")
        assert not await merged(scenario, proposal)
        await scenario.approve(number, by="ben")
        assert await merged(scenario, proposal)
        status = await said(scenario, proposal)
        assert "**ada**" in status
        assert "**ben**" in status


async def test_auto_mode_merges_by_itself_but_never_a_protected_path(
    tmp_path: Path, embedder: Embedder
) -> None:
    """What measures the change, and what the policy protects, still needs a person."""
    policy = "approvals: {mode: auto}\nprotected_paths: ['tests/**']\n"
    async with on_stage(tmp_path, embedder, policy=policy) as scenario:
        free, guarded, measure = await proposed(
            scenario,
            ("Start the notes", note("notes")),
            ("Add a test", a_file("tests/test_more.py", "ONE = 1\n")),
            ("Touch the policy", a_file(POLICY, "approvals: {mode: auto}\n")),
        )

        assert await merged(scenario, free)
        assert "approved automatically" in await said(scenario, free)
        for proposal, path in ((guarded, "tests/test_more.py"), (measure, POLICY)):
            assert (await scenario.get(proposal)).status is Status.VALIDATION_PASSED
            assert not await merged(scenario, proposal)
            assert path in await said(scenario, proposal)
        await scenario.approve(guarded.pull_request.number)
        assert await merged(scenario, guarded)
        assert not await merged(scenario, measure)


async def test_a_conflict_is_said_once_with_its_remedy(scenario: Scenario) -> None:
    """Also where GitHub has not computed it yet; once it is resolved and approved, it merges."""
    [proposal] = await proposed(scenario, ("Start the notes", note("notes")))
    number = proposal.pull_request.number
    await scenario.push("main", {"docs/notes.md": "# Other notes\n"}, by="ben")
    await scenario.settle()
    await scenario.approve(number, by="ben")
    assert not await merged(scenario, proposal)
    # GitHub may not know of the conflict before somebody asks for the merge.
    tries = [each.status for each in calls_of(scenario) if each.path.endswith("/merge")]
    assert tries in ([], [405])
    status = await said(scenario, proposal)
    assert "conflicts with `main`" in status
    assert "merge `main` into the branch" in status
    since = len(scenario.simulator.calls)
    await scenario.comment(number, "Oh dear")
    await scenario.settle()
    assert calls_of(scenario, since) == []

    apart = {"docs/notes.md": None, "docs/more.md": "# More notes\n\nBoth of them.\n"}
    await scenario.push(proposal.branch, apart)
    assert not await merged(scenario, proposal)
    await scenario.approve(number, by="dora")
    assert await merged(scenario, proposal)
    assert "Both of them." in await scenario.read("docs/more.md")


async def test_a_closed_proposal_is_remembered_as_rejected_and_may_be_taken_up_again(
    scenario: Scenario,
) -> None:
    """The reviewer's words are the reason; reopening makes it a proposal once more."""
    [proposal] = await proposed(scenario, ("Start the notes", note("notes")))
    number = proposal.pull_request.number
    ben = scenario.person("ben")
    await ben.review(scenario.repository, number, "request_changes", "We have a wiki for that")
    await scenario.settle()
    await ben.close(scenario.repository, number)
    await scenario.settle()

    assert (await scenario.get(proposal)).status is Status.REJECTED
    status = await said(scenario, proposal)
    assert "We have a wiki for that" in status
    assert "**ben**" in status
    assert await scenario.remembered(proposal) == ["opened", "rejected"]

    await ben.reopen(scenario.repository, number)
    await scenario.approve(number, by="ben")
    assert await merged(scenario, proposal)
    assert await scenario.remembered(proposal) == ["opened", "rejected", "merged"]
    assert proposal.branch not in await scenario.branches()
