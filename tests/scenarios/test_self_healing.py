"""
Odyssey away for a day, deliveries that never came, and Redis lost: it heals by itself.

The runs are decided by a file of the commit (`schedules.executor`): what a run does is not what
is shown here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from odyssey.domain.change import Files
from odyssey.domain.errors import NotFound, Unavailable
from odyssey.domain.events import WorkflowRunProgressed, parse_event
from odyssey.domain.identifiers import RepositoryRef, RunId
from odyssey.domain.proposal import Proposal, Status
from odyssey.handlers.propose import ProposalRequest, propose
from odyssey.handlers.rebuild import know
from odyssey.handlers.sweep_deliveries import sweep_deliveries
from odyssey.handlers.sweep_proposals import NAME, sweep_proposals
from odyssey.handlers.validated import is_ours
from odyssey.rebuilding import rebuild
from odyssey.scenario import Scenario
from odyssey.simulator import Fault, late_answer
from odyssey.sweeper import sweep_once, sweeping
from scenarios.changes import note
from scenarios.stage import (
    BOT,
    assert_one_of_each,
    calls_of,
    on_stage,
    pulls_of,
)
from schedules.executor import ScriptedExecutor

DAY = timedelta(hours=23)


@pytest.fixture
def runs() -> ScriptedExecutor:
    """What decides the runs."""
    return ScriptedExecutor()


@pytest_asyncio.fixture
async def quick(tmp_path: Path, runs: ScriptedExecutor) -> AsyncIterator[Scenario]:
    """A scenario whose runs end at once, and whose memory has no model."""
    async with on_stage(
        tmp_path, None, executor=runs, embeds=False, durable=False, files={"verdict.txt": "pass"}
    ) as scenario:
        yield scenario
        await scenario.settle()


async def work(scenario: Scenario) -> None:
    """Works off what has arrived, and nothing that is still on its way."""
    worker = scenario.worker()
    try:
        await worker.main()
    finally:
        await worker.close()


async def age(scenario: Scenario, by: timedelta) -> None:
    """Everything that happened so far happened that much earlier."""
    for proposal in await scenario.ports.proposals.newest(limit=100):
        validation = proposal.validation
        older = replace(
            proposal,
            updated_at=proposal.updated_at - by,
            rejection=proposal.rejection
            and replace(proposal.rejection, at=proposal.rejection.at - by),
            validation=validation
            and replace(validation, requested_at=validation.requested_at - by),
        )
        await scenario.ports.proposals.put(older)
    for delivery in scenario.simulator.outbox.log:
        if delivery.delivered_at:
            delivery.delivered_at -= by
    repository = scenario.simulator.repository(scenario.repository)
    for comment in repository.comments.values():
        comment.created_at -= by
        comment.updated_at -= by
    for issue in repository.issues.values():
        issue.created_at -= by
        issue.updated_at -= by
    for installation in scenario.simulator.state.installations.values():
        installation.created_at -= by


async def ask(scenario: Scenario, *, by: str = "ada") -> int:
    """The number of an issue on which a change was asked for; nothing is settled."""
    issue = await scenario.open_issue("Notes", by=by)
    await scenario.comment(issue, f"/odyssey propose Start the notes\n\n{note('notes')}", by=by)
    return issue


async def merge(scenario: Scenario, proposal: Proposal) -> None:
    """Ben approves, and everything settles."""
    await scenario.approve(proposal.pull_request.number)
    await scenario.settle()


async def heal_and_merge(scenario: Scenario) -> None:
    """Ten minutes later everything is found again; the validated proposal is approved."""
    await age(scenario, timedelta(minutes=10))
    await scenario.heal()
    proposal = await scenario.newest()
    assert proposal.status is Status.VALIDATION_PASSED
    await merge(scenario, proposal)


async def assert_merged_once(scenario: Scenario, issue: int) -> None:
    """One of everything, and the gate was gone through once."""
    [pull] = await pulls_of(scenario)
    await assert_one_of_each(scenario, issue, pull)
    assert len([each for each in calls_of(scenario) if each.path.endswith("/merge")]) == 1


async def test_a_lost_redis_is_rebuilt_once_a_proposal_is_merged(quick: Scenario) -> None:
    """Nothing is made twice, and the REST API knows it again."""
    issue = await ask(quick)
    await quick.settle()
    proposal = await quick.newest()
    await merge(quick, proposal)
    await assert_merged_once(quick, issue)
    await quick.lose_redis()

    await quick.heal()

    await assert_merged_once(quick, issue)
    rebuilt = await quick.get(proposal)
    assert rebuilt.status is Status.MERGED
    assert rebuilt.approved_by == "ben"
    assert rebuilt.requester == "ada"


WRITES = {
    "the reaction": ("POST", r".*/reactions"),
    "the pull request": ("POST", r".*/pulls"),
    "the dispatch": ("POST", r".*/dispatches"),
    "the check run": ("POST", r".*/check-runs"),
    "the status comment": ("POST", r".*/issues/\d+/comments"),
    "the result in the check run": ("PATCH", r".*/check-runs/\d+"),
    "the merge": ("PUT", r".*/merge"),
    "the last edit of the status comment": ("PATCH", r".*/issues/comments/\d+"),
}


@pytest.mark.parametrize("write", list(WRITES))
async def test_redis_lost_between_a_write_and_its_answer_makes_no_difference(
    quick: Scenario, write: str
) -> None:
    """Whatever was under way: in the end there is one of everything, merged once."""
    method, path = WRITES[write]
    fault = late_answer(path, quick.lose_redis, method=method)
    quick.simulator.faults.add(fault)
    issue = await ask(quick)
    await quick.settle()
    await heal_and_merge(quick)
    await quick.heal()

    assert fault.used == 1
    await assert_merged_once(quick, issue)
    assert (await quick.newest()).requester == "ada"


async def test_a_run_that_was_dispatched_before_everything_was_lost_is_the_one_that_counts(
    quick: Scenario,
) -> None:
    """The worker died before it made the check run, and Redis with it: no second run is started."""
    issue = await ask(quick)
    await quick.settle()
    repository = quick.simulator.repository(quick.repository)
    repository.check_runs.clear()
    repository.comments = {
        key: each for key, each in repository.comments.items() if each.user.login != BOT
    }
    await quick.lose_redis()
    await heal_and_merge(quick)

    await assert_merged_once(quick, issue)


async def test_a_run_that_a_person_began_is_not_taken_for_the_one_that_was_dispatched(
    quick: Scenario,
) -> None:
    """The name that both bear is no secret; before the answer comes only Odyssey's own counts."""
    proposal = await quick.propose(note("notes"), title="Start the notes")
    validation = proposal.validation
    assert validation is not None
    [run] = quick.simulator.actions.runs.values()
    await quick.push("mine", {"docs/mine.md": "Mine.\n"}, by="ben")
    path = f"/repos/{quick.repository}/actions/workflows/{validation.workflow}/dispatches"
    sent = {"ref": "mine", "inputs": dict(run.inputs)}
    await quick.person("ben").request("POST", path, sent)
    await quick.settle()
    [_, forged] = quick.simulator.actions.runs.values()

    found = await quick.ports.github.dispatch(
        proposal.repository,
        workflow=validation.workflow,
        branch="main",
        inputs=dict(run.inputs),
        nonce=validation.nonce,
        look_first=True,
    )

    assert forged.inputs == run.inputs
    assert found == run.id
    unanswered = replace(validation, run_id=None)
    for each, is_mine in ((run, True), (forged, False)):
        seen = await quick.ports.overview.run(proposal.repository, RunId(each.id))
        assert seen is not None
        event = parse_event("workflow_run", json.loads(seen.body))
        assert isinstance(event, WorkflowRunProgressed)
        event = replace(event, head_branch="main")
        assert is_ours(event, proposal, unanswered, bot_login=BOT) is is_mine


@pytest.mark.parametrize("phase", ["asked", "validating", "passed", "approved"])
async def test_redis_lost_while_something_is_awaited_makes_no_difference(
    quick: Scenario, runs: ScriptedExecutor, phase: str
) -> None:
    """The end on GitHub is the one without the loss."""
    runs.hold()
    issue = await ask(quick)
    await quick.simulator.outbox.deliver_all()
    if phase == "asked":
        await quick.lose_redis()
        await age(quick, timedelta(minutes=10))
        await sweep_once(quick.ports)
    await work(quick)
    [pull] = await pulls_of(quick)
    if phase == "validating":
        await quick.lose_redis()
        await sweep_once(quick.ports)
    runs.release()
    await quick.settle()
    if phase == "passed":
        await quick.lose_redis()
        await quick.heal()
    await quick.approve(pull["number"])
    if phase == "approved":
        await quick.simulator.outbox.deliver_all()
        await quick.lose_redis()
        await quick.heal()
    await quick.settle()

    await assert_merged_once(quick, issue)


async def test_away_for_a_day_it_catches_up_by_itself(quick: Scenario) -> None:
    """A command, an approval and a closing came while nobody was there."""
    await ask(quick)
    await quick.settle()
    approved = await quick.newest()
    closed = await quick.propose(note("two"), title="Start the second notes")
    away = Fault(path=".*", kind="drop_delivery", times=None)
    quick.simulator.faults.add(away)
    await quick.approve(approved.pull_request.number)
    await quick.person("ben").close(quick.repository, closed.pull_request.number)
    issue = await quick.open_issue("More")
    await quick.comment(issue, f"/odyssey propose Start the third\n\n{note('three')}")
    await quick.simulator.outbox.deliver_all()
    away.times = away.used
    await age(quick, DAY)

    deliveries = await sweep_deliveries(quick.ports)
    await quick.settle()

    assert len(deliveries.asked) == 3
    assert (await quick.get(approved)).status is Status.MERGED
    assert (await quick.get(closed)).status is Status.REJECTED
    third = await quick.newest()
    assert (third.title, third.status) == ("Start the third", Status.VALIDATION_PASSED)
    # What came through is not asked for again.
    assert (await sweep_deliveries(quick.ports)).asked == ()


async def test_what_github_forgot_to_log_is_found_by_looking(quick: Scenario) -> None:
    """Longer away than the log goes back: the lists show commands, closings and ends of runs."""
    await ask(quick)
    await quick.settle()
    approved = await quick.newest()
    closed = await quick.propose(note("two"), title="Start the second notes")
    away = Fault(path=".*", kind="drop_delivery", times=None)
    quick.simulator.faults.add(away)
    await quick.approve(approved.pull_request.number)
    await quick.person("ben").close(quick.repository, closed.pull_request.number)
    issue = await quick.open_issue("More")
    await quick.comment(issue, f"/odyssey propose Start the third\n\n{note('three')}")
    await quick.simulator.outbox.deliver_all()
    away.times = away.used
    await age(quick, timedelta(days=4))

    await quick.heal()

    assert (await quick.get(approved)).status is Status.MERGED
    assert (await quick.get(closed)).status is Status.REJECTED
    third = await quick.newest()
    assert (third.title, third.status) == ("Start the third", Status.VALIDATION_PASSED)
    # A second look finds nothing more to do.
    since = len(quick.simulator.calls)
    await quick.heal()
    writes = [each for each in calls_of(quick, since) if each.method != "GET"]
    assert writes == []


async def test_old_deliveries_that_come_again_after_a_loss_repeat_nothing(quick: Scenario) -> None:
    """Their ids are forgotten, and so are the comments: GitHub tells what was done."""
    issue = await ask(quick)
    await quick.settle()
    proposal = await quick.newest()
    number = proposal.pull_request.number
    for command in ("validate", "status", "help", "frobnicate", "reject It is too early."):
        await quick.comment(number, f"/odyssey {command}")
        await quick.settle()
    await quick.person("ada").request("POST", _branch_of(quick), _ref(proposal))
    await quick.person("ben").reopen(quick.repository, number)
    await quick.settle()
    await merge(quick, proposal)
    said = await _said(quick, number)
    await age(quick, timedelta(minutes=10))
    await quick.lose_redis()
    since = len(quick.simulator.calls)

    for delivery in list(quick.simulator.outbox.log):
        quick.simulator.outbox.redeliver(delivery)
    await quick.settle()
    await quick.heal()

    assert await _said(quick, number) == said
    assert await quick.comments_of(BOT, issue) == []
    assert len(await pulls_of(quick)) == 1
    dispatched = [each for each in calls_of(quick, since) if each.path.endswith("/dispatches")]
    assert dispatched == []
    assert (await quick.get(proposal)).status is Status.MERGED


async def _said(scenario: Scenario, number: int) -> list[str]:
    """Odyssey's comments, but for the place in the audit log that each edit names anew."""
    return [each.partition("\n\nAudit:")[0] for each in await scenario.comments_of(BOT, number)]


def _branch_of(scenario: Scenario) -> str:
    return f"/repos/{scenario.repository}/git/refs"


def _ref(proposal: Proposal) -> dict[str, str]:
    assert proposal.head_sha is not None
    return {"ref": f"refs/heads/{proposal.branch}", "sha": proposal.head_sha}


async def test_an_edited_description_does_not_change_who_asked(quick: Scenario) -> None:
    """Ada asked; she writes that Ben did, loses Redis, and approves: that does not count."""
    wipe = late_answer(r".*/pulls", quick.lose_redis, method="POST")
    quick.simulator.faults.add(wipe)
    await ask(quick)
    await quick.settle()
    await quick.lose_redis()
    [pull] = await pulls_of(quick)
    forged = pull["body"].replace("requester=ada", "requester=ben")
    assert forged != pull["body"]
    path = f"/repos/{quick.repository}/pulls/{pull['number']}"
    await quick.person("ada").request("PATCH", path, {"body": forged})
    await age(quick, timedelta(minutes=10))

    await quick.heal()
    await quick.approve(pull["number"], by="ada")
    await quick.settle()

    proposal = await quick.newest()
    assert proposal.requester == "ada"
    assert proposal.status is Status.VALIDATION_PASSED


async def test_who_asked_through_the_api_and_cannot_be_proven_is_not_guessed(
    quick: Scenario,
) -> None:
    """The pull request is left alone, and says so once."""
    repository = await _repository(quick)
    await know(repository, quick.ports)
    # The pull request is opened, and nothing comes after it.
    quick.simulator.faults.add(Fault("POST", r".*/pulls", when="after_effect"))
    quick.simulator.faults.add(Fault("GET", r".*/pulls"))
    request = ProposalRequest(
        repository=repository,
        change=Files({"docs/notes.md": "# Notes\n"}),
        message="Start the notes",
        requester="ada",
        requested_via="api",
        source_url="https://github.com/acme/greeter",
        issue_number=None,
        seed=("api", "ada", "one"),
    )
    with pytest.raises(Unavailable):
        await propose(request, quick.ports)
    [pull] = await pulls_of(quick)
    path = f"/repos/{quick.repository}/pulls/{pull['number']}"
    forged = pull["body"].replace("requester=ada", "requester=ben")
    await quick.person("ada").request("PATCH", path, {"body": forged})

    await quick.lose_redis()
    await quick.heal()
    await quick.heal()

    assert await quick.ports.proposals.newest(limit=5) == []
    [said] = await quick.comments_of(BOT, pull["number"])
    assert "who asked" in said


async def _repository(scenario: Scenario) -> RepositoryRef:
    found = await scenario.ports.github.find_installation(scenario.repository)
    assert found is not None
    return found


async def test_somebody_elses_pull_request_is_never_taken_for_a_proposal(quick: Scenario) -> None:
    """Neither its branch's name nor a record in its description makes it one."""
    await ask(quick)
    await quick.settle()
    [ours] = await pulls_of(quick)
    branch = "proposal/prop_aaaaaaaaaa_mine"
    await quick.push(branch, {"docs/mine.md": "mine\n"})
    opened = await quick.person("ada").open_pull(quick.repository, branch, "Mine")
    path = f"/repos/{quick.repository}/pulls/{opened['number']}"
    await quick.person("ada").request("PATCH", path, {"body": ours["body"]})
    await quick.settle()
    await quick.lose_redis()

    await quick.heal()

    held = await quick.ports.proposals.newest(limit=5)
    assert [each.pull_number for each in held] == [ours["number"]]
    assert await quick.comments_of(BOT, opened["number"]) == []


async def test_a_reopening_nobody_told_of_is_seen(quick: Scenario) -> None:
    """What was closed and is open again is taken up again, and can be merged."""
    await ask(quick)
    await quick.settle()
    proposal = await quick.newest()
    number = proposal.pull_request.number
    await quick.person("ben").close(quick.repository, number)
    await quick.settle()
    assert (await quick.get(proposal)).status is Status.REJECTED
    away = Fault(path=".*", kind="drop_delivery", times=None)
    quick.simulator.faults.add(away)
    await quick.person("ben").reopen(quick.repository, number)
    await quick.simulator.outbox.deliver_all()
    away.times = away.used
    await age(quick, timedelta(days=4))

    await quick.heal()

    assert (await quick.get(proposal)).status is Status.VALIDATION_PASSED
    await merge(quick, proposal)
    assert (await quick.get(proposal)).status is Status.MERGED


async def test_the_end_of_a_run_nobody_told_of_is_read(quick: Scenario) -> None:
    """A proposal does not wait for ever for a delivery that is lost."""
    away = Fault(path="workflow_run.completed", kind="drop_delivery", times=None)
    quick.simulator.faults.add(away)
    await ask(quick)
    await quick.settle()
    away.times = away.used
    proposal = await quick.newest()
    assert proposal.status is Status.VALIDATION_IN_PROGRESS
    await age(quick, timedelta(days=4))

    await quick.heal()

    assert (await quick.get(proposal)).status is Status.VALIDATION_PASSED
    assert len(quick.simulator.actions.runs) == 1


async def test_a_failed_validation_is_rebuilt_without_showing_its_failures_twice(
    tmp_path: Path, runs: ScriptedExecutor
) -> None:
    """GitHub adds the annotations of every write to a check run; so there is no second one."""
    async with on_stage(
        tmp_path, None, executor=runs, embeds=False, durable=False, files={"verdict.txt": "fail"}
    ) as scenario:
        await ask(scenario)
        await scenario.settle()
        proposal = await scenario.newest()
        shown = await scenario.annotations(proposal)
        assert len(shown) == 1
        await scenario.lose_redis()

        await scenario.heal()

        rebuilt = await scenario.get(proposal)
        assert rebuilt.status is Status.VALIDATION_FAILED
        assert await scenario.annotations(proposal) == shown
        assert len(scenario.simulator.actions.runs) == 1


async def test_a_comment_that_was_edited_is_no_command(quick: Scenario) -> None:
    """Whoever may edit others' comments cannot give commands in their names."""
    issue = await quick.open_issue("Notes")
    comment = await quick.comment(issue, "Good morning")
    await quick.settle()
    await age(quick, timedelta(minutes=10))
    await quick.person("ben").edit_comment(quick.repository, comment, "/odyssey help")
    await quick.settle()

    await quick.heal()

    assert await quick.comments_of(BOT, issue) == []


async def test_a_comment_that_was_edited_within_its_first_second_is_no_command(
    quick: Scenario,
) -> None:
    """GitHub's times are whole seconds and show no edit; what its delivery held is obeyed."""
    quick.simulator.faults.add(Fault(path="issue_comment.created", kind="drop_delivery"))
    issue = await quick.open_issue("Notes")
    number = await quick.comment(issue, "/odyssey help")
    await quick.person("ben").edit_comment(quick.repository, number, "/odyssey reject Mine")
    await quick.settle()
    comment = quick.simulator.repository(quick.repository).comments[number]
    comment.created_at = comment.created_at.replace(microsecond=0)
    comment.updated_at = comment.created_at.replace(microsecond=1)
    await age(quick, timedelta(minutes=10))
    await sweep_proposals(quick.ports)
    await quick.settle()
    assert await quick.comments_of(BOT, issue) == []

    await quick.heal()

    [answer] = await quick.comments_of(BOT, issue)
    assert "`/odyssey help`" in answer
    assert "reject" not in answer.splitlines()[0]


async def test_a_look_at_what_did_not_change_costs_no_rate_limit(quick: Scenario) -> None:
    """Every list is answered with 304, which GitHub does not count."""
    await ask(quick)
    await quick.settle()
    await quick.heal()
    await quick.heal()
    since = len(quick.simulator.calls)

    await sweep_proposals(quick.ports)

    answers = [(each.template, each.status) for each in calls_of(quick, since)]
    assert {status for _, status in answers} == {304}
    assert len(answers) == 4


async def test_a_proposal_nobody_took_up_expires(quick: Scenario) -> None:
    """It is closed as the policy says, with the reason kept, and one comment tells it."""
    await ask(quick)
    await quick.settle()
    proposal = await quick.newest()
    later = replace(quick.ports, now=lambda: datetime.now(UTC) + timedelta(days=40))

    swept = await sweep_proposals(later)
    await sweep_proposals(later)
    await quick.settle()

    assert swept.expired == [proposal.id]
    pull = await quick.pull(proposal.pull_request.number)
    assert pull["state"] == "closed"
    rejection = (await quick.get(proposal)).rejection
    assert rejection is not None
    assert rejection.reason.startswith("Expired")
    said = await quick.comments_of(BOT, pull["number"])
    assert sum("Expired" in each and "odyssey:status" not in each for each in said) == 1


async def test_the_command_rebuilds_too(quick: Scenario) -> None:
    """`odyssey rebuild` says what it brought back; what is there is left as it is."""
    await ask(quick)
    await quick.settle()
    proposal = await quick.newest()
    await quick.lose_redis()

    report = await rebuild(quick.ports, repository=quick.repository, is_quiet=True)
    again = await rebuild(quick.ports, repository=None, is_quiet=True)
    await quick.settle()

    [shown] = report["repositories"][quick.repository]
    assert (shown["id"], shown["status"]) == (proposal.id, "validation_passed")
    assert again["repositories"] == {quick.repository: []}
    with pytest.raises(NotFound):
        await rebuild(quick.ports, repository="acme/nothing", is_quiet=True)


async def test_a_worker_sweeps_right_after_its_start(quick: Scenario) -> None:
    """And once more as soon as the notes of its last sweep are gone."""
    away = Fault(path="issue_comment.created", kind="drop_delivery", times=None)
    quick.simulator.faults.add(away)
    await ask(quick)
    await quick.simulator.outbox.deliver_all()
    away.times = away.used
    await age(quick, timedelta(minutes=10))

    async with asyncio.timeout(60), sweeping(quick.settings, quick.ports):
        while not quick.simulator.outbox.pending:  # until GitHub was asked for it
            await quick.ports.inbox.is_quiet()
        while await quick.ports.notes.time(NAME) is None:
            await quick.ports.inbox.is_quiet()
    await quick.settle()

    assert (await quick.newest()).status is Status.VALIDATION_PASSED
    assert len(await pulls_of(quick)) == 1
