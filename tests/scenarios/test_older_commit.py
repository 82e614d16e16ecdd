"""
An approval is of one commit, and merges no other.
"""

from __future__ import annotations

from odyssey.domain.proposal import Status
from odyssey.scenario import Scenario
from odyssey.simulator.faults import meanwhile
from scenarios.changes import note
from scenarios.stage import BOT, calls_of

LATE = {"docs/notes.md": "# Notes\n\nSlipped in at the last moment.\n"}


async def test_an_approval_never_merges_a_newer_commit(scenario: Scenario) -> None:
    """Neither when the push comes after the approval, nor when it comes while Odyssey decides."""
    proposal = await scenario.propose(note("notes"), title="Start the notes")
    number, read = proposal.pull_request.number, proposal.head_sha or ""

    # Ben has read the first commit; the second is there when he presses the button.
    second = await scenario.push(proposal.branch, LATE)
    await scenario.approve(number, by="ben", commit_id=read)
    await scenario.settle()
    assert (await scenario.get(proposal)).status is Status.VALIDATION_PASSED
    assert not (await scenario.pull(number))["merged"]
    assert not [each for each in calls_of(scenario) if each.path.endswith("/merge")]
    [status] = await scenario.comments_of(BOT, number)
    assert f"`{second[:7]}`" in status
    assert f"ben approved {read[:7]}" in status

    # Now he approves the second, and a third is pushed after Odyssey's last read, before its merge.
    async def push_a_third() -> None:
        await scenario.push(proposal.branch, {"docs/notes.md": "# Notes\n\nOnce more.\n"})

    merge = f"/repos/acme/greeter/pulls/{number}/merge"
    scenario.simulator.faults.add(meanwhile(merge, push_a_third, method="PUT"))
    await scenario.approve(number, by="ben", commit_id=second)
    await scenario.settle()
    merges = [each.status for each in calls_of(scenario) if each.path.endswith("/merge")]
    assert merges == [409]
    pull = await scenario.pull(number)
    third = pull["head"]["sha"]
    assert (pull["merged"], pull["state"]) == (False, "open")
    assert third not in (read, second)
    assert (await scenario.get(proposal)).status is Status.VALIDATION_PASSED
    judged = [each.inputs["head_sha"] for each in scenario.simulator.actions.runs.values()]
    assert judged == [read, second, third]

    # What is approved now is what is merged.
    await scenario.approve(number, by="ben", commit_id=third)
    await scenario.settle()
    merges = [each.status for each in calls_of(scenario) if each.path.endswith("/merge")]
    assert merges == [409, 200]
    assert "Once more." in await scenario.read("docs/notes.md")
