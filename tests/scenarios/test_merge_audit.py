"""
After the merge: the merge commit is held against what was judged, and a wrong one stops everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from odyssey.domain.identifiers import HeadSha
from odyssey.domain.merge_attempt import AuditOutcome, MergeAttempt, MergeAudit
from odyssey.domain.proposal import Proposal, Status
from odyssey.domain.verdict import Verdict
from odyssey.handlers.merge import STILL_FRESH
from odyssey.scenario import Scenario
from odyssey.simulator.faults import Fault, meanwhile, stale_read, tampered_merge
from scenarios.changes import note
from scenarios.stage import BOT, count_of, on_stage
from schedules.executor import ScriptedExecutor

MERGE = r".*/pulls/\d+/merge"
WRONG = "is not what was approved"


@asynccontextmanager
async def played(
    root: Path, policy: str = "", *, complaint: str | None = None
) -> AsyncIterator[Scenario]:
    """A scenario whose runs pass without a container; *policy* is more of its policy."""
    async with on_stage(
        root,
        None,
        embeds=False,
        durable=False,
        executor=ScriptedExecutor(),
        files={"verdict.txt": "pass\n"},
        policy=policy or "{}\n",
        complaint=complaint,
    ) as scenario:
        yield scenario


async def proposed(scenario: Scenario, name: str) -> Proposal:
    """A validated proposal that adds a page."""
    return await scenario.propose(note(name), title=f"Describe the {name}")


async def merged(scenario: Scenario, proposal: Proposal, *, by: str = "ben") -> Proposal:
    """The proposal once *by* approved it and all is quiet."""
    await scenario.approve(proposal.pull_request.number, by=by)
    await scenario.settle()
    return await scenario.get(proposal)


def audit_of(proposal: Proposal) -> MergeAudit:
    """What the audit of its merge found."""
    assert proposal.merge is not None
    assert proposal.merge.audit is not None
    return proposal.merge.audit


async def alarms(scenario: Scenario) -> list[Any]:
    """The alarm issues, open and closed, oldest first."""
    path = f"/repos/{scenario.repository}/issues?labels=odyssey-alarm&state=all&direction=asc"
    found: list[Any] = await scenario.person("ada").request("GET", path)
    return found


async def said(scenario: Scenario, proposal: Proposal) -> str:
    """The status comment."""
    [status] = await scenario.comments_of(BOT, proposal.pull_request.number)
    return status


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_a_merge_is_audited_as_exactly_what_was_judged(tmp_path: Path, method: str) -> None:
    """By parents and tree, whatever the method; the tuple was kept before anything was sent."""
    async with played(tmp_path, f"merge: {{method: {method}}}\n") as scenario:
        proposal = await proposed(scenario, "door")
        sha = await scenario.push(proposal.branch, {"docs/more.md": "More.\n"}, by="ada")
        await scenario.settle()
        proposal = await merged(scenario, proposal)

        verdict = proposal.merge.verdict if proposal.merge else None
        assert audit_of(proposal).outcome is AuditOutcome.EXACT
        assert verdict is not None
        assert (verdict.head_sha, verdict.approvals, verdict.method) == (sha, ("ben",), method)
        assert proposal.validation is not None
        assert verdict.evidence_digest == proposal.validation.evidence
        assert len(verdict.evidence_digest) == len(verdict.policy_digest) == 64
        assert await alarms(scenario) == []


async def test_what_a_merge_brings_in_beside_its_own_is_finished_too(tmp_path: Path) -> None:
    """
    GitHub counts a proposal as merged whose head a push brings into the base, and names Odyssey.
    """
    async with played(tmp_path) as scenario:
        first, second = await proposed(scenario, "door"), await proposed(scenario, "roof")
        await set_back(scenario, second)
        await scenario.settle()
        first = await merged(scenario, first)
        second = await scenario.get(second)
        branches = await scenario.branches()

        assert (first.status, second.status) == (Status.MERGED, Status.MERGED)
        assert branches == ["main"]
        assert await alarms(scenario) == []


async def set_back(scenario: Scenario, proposal: Proposal) -> None:
    """Its branch is where `main` is, so that every push to that brings it in."""
    refs = f"/repos/{scenario.repository}/git/refs/heads"
    main = await scenario.person("ada").request("GET", f"{refs.replace('refs', 'ref')}/main")
    back = {"sha": main["object"]["sha"], "force": True}
    await scenario.person("ada").request("PATCH", f"{refs}/{proposal.branch}", back)


async def test_a_refused_merge_is_not_held_against_the_one_that_brought_its_head_in(
    tmp_path: Path,
) -> None:
    """Nobody looked at the new head before; what was refused was another one."""
    async with played(tmp_path) as scenario:
        first, second = await proposed(scenario, "door"), await proposed(scenario, "roof")
        scenario.simulator.faults.add(Fault("PUT", MERGE, status=405))
        second = await merged(scenario, second)
        assert second.merge is not None
        assert second.merge.failure is not None

        async def in_the_same_moment() -> None:
            await set_back(scenario, second)

        scenario.simulator.faults.add(meanwhile(MERGE, in_the_same_moment, method="PUT"))
        first = await merged(scenario, first)
        second = await scenario.get(second)

        assert (first.status, second.status) == (Status.MERGED, Status.MERGED)
        assert audit_of(first).outcome is AuditOutcome.EXACT
        assert await alarms(scenario) == []


async def test_a_merge_that_was_never_sent_is_not_held_against_the_one_that_brought_its_head_in(
    tmp_path: Path,
) -> None:
    """Nobody knows whether it was: the commit that merged it is another proposal's."""
    async with played(tmp_path) as scenario:
        first, second = await proposed(scenario, "door"), await proposed(scenario, "roof")
        second = await scenario.get(second)
        assert second.validation is not None
        begun = MergeAttempt(
            head_sha=HeadSha(second.head_sha or ""),
            approved_by=("ben",),
            automatic=False,
            at=scenario.ports.now(),
            verdict=Verdict(
                head_sha=HeadSha(second.head_sha or ""), head_tree="1" * 40, base_branch="main",
                base_sha="2" * 40, method="squash", policy_digest="3" * 64,
                evidence_digest=second.validation.evidence, approvals=("ben",),
            ),
        )  # fmt: skip
        await scenario.ports.proposals.put(replace(second, merge=begun))

        async def in_the_same_moment() -> None:
            await set_back(scenario, second)

        scenario.simulator.faults.add(meanwhile(MERGE, in_the_same_moment, method="PUT"))
        first = await merged(scenario, first)
        await scenario.heal()
        second = await scenario.get(second)

        assert (first.status, second.status) == (Status.MERGED, Status.MERGED)
        assert audit_of(first).outcome is AuditOutcome.EXACT
        assert await alarms(scenario) == []


async def test_what_is_brought_in_hides_no_merge_of_something_else(tmp_path: Path) -> None:
    """The answer to the merge is lost, and the other proposal is finished first."""
    async with played(tmp_path, complaint=WRONG) as scenario:
        first, second = await proposed(scenario, "door"), await proposed(scenario, "roof")
        await set_back(scenario, second)
        await scenario.settle()
        scenario.simulator.faults.add(tampered_merge())
        scenario.simulator.faults.add(Fault("PUT", MERGE, status=502, when="after_effect"))
        first = await merged(scenario, first)
        second = await scenario.get(second)

        assert (first.status, second.status) == (Status.MERGED, Status.MERGED)
        assert audit_of(first).outcome is AuditOutcome.TAMPERED
        assert len(await alarms(scenario)) == 1


@pytest.mark.parametrize(
    ("method", "what"), [("squash", "tree"), ("merge", "parents"), ("rebase", "tree")]
)
async def test_a_merge_of_something_else_closes_the_gate_until_an_admin_opens_it(
    tmp_path: Path, method: str, what: Literal["tree", "parents"]
) -> None:
    """One issue; nothing merges, whoever approves or closes it, till `/odyssey open-gate`."""
    async with played(tmp_path, f"merge: {{method: {method}}}\n", complaint=WRONG) as scenario:
        first, second = await proposed(scenario, "door"), await proposed(scenario, "roof")
        scenario.simulator.faults.add(tampered_merge(what))
        first = await merged(scenario, first)
        [issue] = await alarms(scenario)
        second = await merged(scenario, second)

        assert audit_of(first).outcome is AuditOutcome.TAMPERED
        assert audit_of(first).alarm_issue == issue["number"]
        assert issue["user"]["login"] == BOT
        assert f"#{issue['number']} is answered" in await said(scenario, first)
        assert "tampered" in await scenario.remembered(first)
        assert second.status is not Status.MERGED
        assert "tells of a merge gone wrong" in await said(scenario, second)

        # Neither closing nor editing the issue, nor the word of somebody without admin permission.
        await scenario.person("ben").close(scenario.repository, issue["number"])
        path = f"/repos/{scenario.repository}/issues/{issue['number']}"
        await scenario.person("ben").request("PATCH", path, {"body": "All is well."})
        await scenario.comment(issue["number"], "/odyssey open-gate", by="ben")
        await scenario.comment(second.pull_request.number, "/odyssey open-gate", by="ada")
        await scenario.settle()
        assert (await scenario.get(second)).status is not Status.MERGED
        refused = (await scenario.comments_of(BOT, issue["number"]))[-1]
        assert "**ben**, that is not permitted here." in refused
        elsewhere = (await scenario.comments_of(BOT, second.pull_request.number))[-1]
        assert f"keeps the merge gate closed is #{issue['number']};" in elsewhere

        await scenario.comment(issue["number"], "/odyssey open-gate", by="ada")
        await scenario.settle()
        second = await scenario.get(second)
        assert second.status is Status.MERGED
        assert audit_of(second).outcome is AuditOutcome.EXACT
        [issue] = await alarms(scenario)
        assert issue["state"] == "closed"
        opened = (await scenario.comments_of(BOT, issue["number"]))[-1]
        assert "**ada** opened the merge gate. 1 open proposal is looked at again." in opened


async def test_the_gate_stays_closed_when_redis_forgets_everything(tmp_path: Path) -> None:
    """The issue on GitHub is what closes it."""
    async with played(tmp_path, complaint=WRONG) as scenario:
        first, second = await proposed(scenario, "door"), await proposed(scenario, "roof")
        scenario.simulator.faults.add(tampered_merge())
        await merged(scenario, first)
        await scenario.lose_redis()
        await scenario.heal()
        await scenario.approve(second.pull_request.number)
        await scenario.settle()
        pull = await scenario.pull(second.pull_request.number)

        assert not pull["merged"]
        assert len(await alarms(scenario)) == 1


@pytest.mark.parametrize("how", ["unlabelled", "crowded"])
async def test_an_alarm_that_is_out_of_sight_keeps_the_gate_closed(
    tmp_path: Path, how: str
) -> None:
    """Triage permission takes its label off, or labels more issues than one read shows."""
    async with played(tmp_path, complaint=WRONG) as scenario:
        first, second = await proposed(scenario, "door"), await proposed(scenario, "roof")
        scenario.simulator.faults.add(tampered_merge())
        await merged(scenario, first)
        [issue] = await alarms(scenario)
        where = f"/repos/{scenario.repository}/issues"
        ben = scenario.person("ben")
        if how == "unlabelled":
            await ben.request("DELETE", f"{where}/{issue['number']}/labels/odyssey-alarm")
        else:
            crowd = {"title": "Noise", "labels": ["odyssey-alarm"]}
            for _ in range(100):
                await ben.request("POST", where, crowd)
        second = await merged(scenario, second)
        pull = await scenario.ports.github.snapshot(second.pull_request)

        assert pull.alarm_issue is None
        assert second.status is not Status.MERGED
        assert "tells of a merge gone wrong" in await said(scenario, second)

        await scenario.comment(issue["number"], "/odyssey open-gate", by="ada")
        await scenario.settle()
        assert (await scenario.get(second)).status is Status.MERGED
        answered = await ben.request("GET", f"{where}/{issue['number']}")
        assert answered["state"] == "closed"
        assert "**ada** opened the merge gate again." in answered["body"]
        assert "is not what was approved" in answered["body"]


async def test_an_alarm_whose_issue_was_deleted_is_answered_elsewhere(tmp_path: Path) -> None:
    """Only by somebody with admin permission; nobody could ever say it there."""
    async with played(tmp_path) as scenario:
        proposal = await proposed(scenario, "door")
        number = proposal.pull_request.number
        await scenario.ports.notes.alarm_raised(proposal.repository, 404)
        proposal = await merged(scenario, proposal)
        assert proposal.status is not Status.MERGED
        await scenario.comment(number, "/odyssey open-gate", by="ben")
        await scenario.settle()
        assert (await scenario.get(proposal)).status is not Status.MERGED

        await scenario.comment(number, "/odyssey open-gate", by="ada")
        await scenario.settle()
        assert (await scenario.get(proposal)).status is Status.MERGED
        assert "**ada** opened the merge gate." in (await scenario.comments_of(BOT, number))[-1]


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_a_base_that_moves_in_the_moment_of_the_merge_is_said(
    tmp_path: Path, method: str
) -> None:
    """Between the second read and the merge: nothing unapproved came in, but nobody tested both."""
    async with played(tmp_path, f"merge: {{method: {method}}}\n") as scenario:
        proposal = await proposed(scenario, "door")
        await scenario.push(proposal.branch, {"docs/more.md": "More.\n"}, by="ada")
        await scenario.settle()

        async def push_to_main() -> None:
            await scenario.push("main", {"docs/other.md": "Meanwhile.\n"}, by="ada")

        scenario.simulator.faults.add(meanwhile(MERGE, push_to_main, method="PUT"))
        proposal = await merged(scenario, proposal)

        assert audit_of(proposal).outcome is AuditOutcome.BASE_MOVED
        assert "`main` moved from" in await said(scenario, proposal)
        assert "never validated" in await said(scenario, proposal)
        assert await alarms(scenario) == []
        assert "Meanwhile" in await scenario.read("docs/other.md")


async def test_another_base_branch_in_the_moment_of_the_merge_raises_the_alarm(
    tmp_path: Path,
) -> None:
    """GitHub is told the head with a merge, and no base: what was judged went elsewhere."""
    async with played(tmp_path, complaint=WRONG) as scenario:
        await scenario.push("release", {"docs/release.md": "Released.\n"}, by="ada")
        await scenario.settle()
        proposal = await proposed(scenario, "door")
        path = f"/repos/{scenario.repository}/pulls/{proposal.pull_request.number}"

        async def turn_to_release() -> None:
            await scenario.person("ada").request("PATCH", path, {"base": "release"})

        scenario.simulator.faults.add(meanwhile(MERGE, turn_to_release, method="PUT"))
        proposal = await merged(scenario, proposal)

        assert audit_of(proposal).outcome is AuditOutcome.TAMPERED
        assert (
            "It merged into `release`; judged was a merge into `main`" in audit_of(proposal).words
        )
        assert len(await alarms(scenario)) == 1


async def test_what_changes_while_somebody_is_asked_about_is_judged_again(tmp_path: Path) -> None:
    """The read is old by then, and is made once more right before the merge."""
    async with played(tmp_path, "approvals: {commands: true}\n") as scenario:
        await scenario.push("release", {"docs/release.md": "Released.\n"}, by="ada")
        await scenario.settle()
        proposal = await proposed(scenario, "door")
        number, head = proposal.pull_request.number, proposal.head_sha or ""
        asked = 0

        async def turn_to_release_at_the_second_question() -> None:
            nonlocal asked
            asked += 1
            await asyncio.sleep(1.1 * STILL_FRESH / timedelta(seconds=1))
            if asked == 2:
                path = f"/repos/{scenario.repository}/pulls/{number}"
                await scenario.person("ada").request("PATCH", path, {"base": "release"})

        scenario.simulator.faults.add(
            meanwhile(
                r".*/issues/comments/\d+",
                turn_to_release_at_the_second_question,
                method="GET",
                times=None,
            )
        )
        await scenario.comment(number, f"/odyssey approve {head}", by="ben")
        await scenario.settle()

        assert asked > 1
        assert count_of(scenario, "PUT", "/merge") == 0
        assert (await scenario.get(proposal)).base_branch == "release"


async def test_who_is_cut_off_between_merge_and_audit_leaves_it_to_the_next(
    tmp_path: Path,
) -> None:
    """GitHub answers nothing more right after the merge: it is audited once it answers again."""
    async with played(tmp_path) as scenario:
        proposal = await proposed(scenario, "door")
        faults = scenario.simulator.faults

        async def go_dark() -> None:
            faults.add(Fault("POST", "/graphql", status=502, times=2))

        faults.add(meanwhile(MERGE, go_dark, method="PUT"))
        proposal = await merged(scenario, proposal)

        assert audit_of(proposal).outcome is AuditOutcome.EXACT
        assert count_of(scenario, "PUT", "/merge") == 1


async def test_a_merge_whose_answer_is_lost_is_audited_against_what_was_kept(
    tmp_path: Path,
) -> None:
    """The tuple was written down before the merge was sent, so the answer is not needed."""
    async with played(tmp_path) as scenario:
        proposal = await proposed(scenario, "door")
        lost = Fault("PUT", MERGE, status=502, when="after_effect")
        scenario.simulator.faults.add(lost)
        proposal = await merged(scenario, proposal)

        assert lost.used == 1
        assert audit_of(proposal).outcome is AuditOutcome.EXACT
        assert proposal.approved_by == "ben"


@pytest.mark.parametrize("strict", ["true", "false"])
async def test_a_read_from_before_a_merge_whose_answer_is_lost_is_not_acted_upon(
    tmp_path: Path, strict: str
) -> None:
    """
    It shows the pull request open, behind a base branch that has the merge: nothing is pushed to
    the branch, which goes, and the audit is done.
    """
    async with played(tmp_path, f"merge: {{strict: {strict}}}\n") as scenario:
        proposal = await proposed(scenario, "door")
        faults = scenario.simulator.faults
        faults.add(Fault("PUT", MERGE, status=502, when="after_effect"))
        stale = stale_read("/graphql")
        stale.method = "POST"

        async def lag_behind() -> None:
            faults.add(stale)

        faults.add(meanwhile(MERGE, lag_behind, method="PUT"))
        proposal = await merged(scenario, proposal)

        assert stale.used == 1
        assert audit_of(proposal).outcome is AuditOutcome.EXACT
        assert proposal.approved_by == "ben"
        assert await scenario.branches() == ["main"]


async def test_the_branch_goes_as_the_policy_said_by_which_it_was_merged(tmp_path: Path) -> None:
    """Also where the one that holds when Odyssey tidies up cannot be read."""
    async with played(tmp_path) as scenario:
        proposal = await proposed(scenario, "door")
        faults = scenario.simulator.faults
        faults.add(Fault("PUT", MERGE, status=502, when="after_effect"))

        async def break_the_policy() -> None:
            await scenario.push("main", {".github/odyssey.yml": "approvals: 7\n"}, by="ada")

        async def at_the_next_read() -> None:
            faults.add(meanwhile("/graphql", break_the_policy, method="POST"))

        faults.add(meanwhile(MERGE, at_the_next_read, method="PUT"))
        proposal = await merged(scenario, proposal)

        assert proposal.status is Status.MERGED
        assert await scenario.branches() == ["main"]


async def test_an_approve_command_whose_merge_was_not_answered_is_not_refused(
    tmp_path: Path,
) -> None:
    """The next try finds it merged, by this very command, and ends what the first one began."""
    async with played(tmp_path, "approvals: {commands: true}\n") as scenario:
        proposal = await proposed(scenario, "door")
        scenario.simulator.faults.add(Fault("PUT", MERGE, status=502, when="after_effect"))
        number, head = proposal.pull_request.number, proposal.head_sha or ""
        await scenario.comment(number, f"/odyssey approve {head}", by="ben")
        await scenario.settle()
        proposal = await scenario.get(proposal)

        assert audit_of(proposal).outcome is AuditOutcome.EXACT
        assert len(await scenario.comments_of(BOT, number)) == 1
        assert await scenario.branches() == ["main"]


async def test_a_merge_by_a_person_is_noted_and_alarms_nobody(tmp_path: Path) -> None:
    """Whoever may push may press the button; it says so, and the gate stays open."""
    async with played(tmp_path) as scenario:
        proposal = await proposed(scenario, "door")
        await scenario.person("ada").merge(scenario.repository, proposal.pull_request.number)
        await scenario.settle()
        proposal = await scenario.get(proposal)

        assert audit_of(proposal).outcome is AuditOutcome.BY_PERSON
        assert "**ada** merged it on GitHub, outside of the gate" in await said(scenario, proposal)
        assert await alarms(scenario) == []


async def test_an_approval_taken_back_between_the_two_reads_stops_the_merge(
    tmp_path: Path,
) -> None:
    """The second read judges anew; what differs from the first is sent to nobody."""
    async with played(tmp_path) as scenario:
        proposal = await proposed(scenario, "door")
        number, reads = proposal.pull_request.number, 0

        async def object_at_the_second_read() -> None:
            nonlocal reads
            reads += 1
            if reads == 2:
                ben = scenario.person("ben")
                await ben.review(scenario.repository, number, "request_changes", "Wait")

        await scenario.approve(number)
        scenario.simulator.faults.add(
            meanwhile("/graphql", object_at_the_second_read, method="POST", times=None)
        )
        await scenario.settle()

        assert reads > 2
        assert count_of(scenario, "PUT", "/merge", is_success=True) == 0
        assert count_of(scenario, "PUT", "/merge", is_success=False) == 0
        assert (await scenario.get(proposal)).merge is None
