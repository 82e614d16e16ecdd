"""
Deliveries that come twice, late, in the wrong order, or not at all: one of everything.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from githubkit import AppAuthStrategy, GitHub
from githubkit.cache import MemCacheStrategy

from odyssey.adapters.embedding import Embedder
from odyssey.domain.proposal import Status
from odyssey.scenario import Scenario
from odyssey.simulator import doubled_delivery, dropped_delivery, late_answer
from scenarios.changes import note
from scenarios.stage import assert_one_of_each, calls_of, on_stage, pulls_of


async def work(scenario: Scenario) -> None:
    """Works off what has arrived, and nothing that is still on its way."""
    worker = scenario.worker()
    try:
        await worker.main()
    finally:
        await worker.close()


def as_app(scenario: Scenario) -> GitHub[Any]:
    """GitHub's API as the App itself, which may list its deliveries and have them repeated."""
    return GitHub(
        AppAuthStrategy(scenario.app.app_id, scenario.app.private_key),
        base_url=scenario.simulator.api_url,
        # githubkit's own cache would bring the credentials of another test's App.
        cache_strategy=MemCacheStrategy(),
        auto_retry=False,
    )


async def assert_one_merged(scenario: Scenario, issue: int) -> None:
    """One pull request, merged by one call, and one of everything that belongs to it."""
    [pull] = await pulls_of(scenario)
    await assert_one_of_each(scenario, issue, pull)
    merges = [each.status for each in calls_of(scenario) if each.path.endswith("/merge")]
    assert merges == [200]


async def test_doubled_and_redelivered_deliveries_are_done_once(scenario: Scenario) -> None:
    """Every delivery comes twice at once, and all of them once more when everything is over."""
    for event in ("issue_comment", "workflow_run", "pull_request_review", "pull_request"):
        scenario.simulator.faults.add(doubled_delivery(event, times=None))
    issue = await scenario.open_issue("Notes")
    await scenario.comment(issue, f"/odyssey propose Start the notes\n\n{note('notes')}")
    await scenario.settle()
    proposal = await scenario.newest()
    await scenario.approve(proposal.pull_request.number)
    await scenario.settle()
    await assert_one_merged(scenario, issue)

    scenario.simulator.faults.clear()
    app = as_app(scenario)
    for delivery in list(scenario.simulator.outbox.log):
        await app.rest.apps.async_redeliver_webhook_delivery(delivery.id)
    assert len(scenario.simulator.outbox.pending) >= 8
    since = len(scenario.simulator.calls)
    await scenario.settle()

    assert calls_of(scenario, since) == []
    await assert_one_merged(scenario, issue)


async def test_deliveries_in_reverse_order_lead_to_the_same_end(scenario: Scenario) -> None:
    """The approval comes first, then the run's end, then its beginning, then the opening."""
    issue = await scenario.open_issue("Notes")
    await scenario.comment(issue, f"/odyssey propose Start the notes\n\n{note('notes')}")
    simulator = scenario.simulator
    await simulator.outbox.deliver_all()
    await work(scenario)
    await simulator.actions.wait_until_idle()
    [pull] = await pulls_of(scenario)
    await scenario.approve(pull["number"])
    simulator.outbox.reorder(lambda delivery: -delivery.id)
    names = [each.name for each in simulator.outbox.pending]
    assert names.index("pull_request_review.submitted") < names.index("workflow_run.completed")
    assert names.index("workflow_run.completed") < names.index("workflow_run.in_progress")
    assert names.index("workflow_run.in_progress") < names.index("pull_request.opened")

    # One at a time, each worked off before the next arrives.
    while await simulator.outbox.deliver_next():
        await work(scenario)
    await scenario.settle()

    await assert_one_merged(scenario, issue)


async def test_a_run_may_end_before_the_dispatch_is_answered(
    tmp_path: Path, embedder: Embedder
) -> None:
    """Its deliveries are kept, and counted as soon as the run is known to be Odyssey's."""
    async with on_stage(tmp_path, embedder, github_timeout=timedelta(minutes=2)) as scenario:
        arrived: list[str] = []

        async def deliver_its_end() -> None:
            await scenario.simulator.actions.wait_until_idle()
            await scenario.simulator.outbox.deliver_all()
            arrived.extend(each.name for each in scenario.simulator.outbox.log)

        fault = late_answer(r".*/dispatches", deliver_its_end, method="POST")
        scenario.simulator.faults.add(fault)
        issue = await scenario.open_issue("Notes")
        await scenario.comment(issue, f"/odyssey propose Start the notes\n\n{note('notes')}")
        await scenario.settle()
        assert "workflow_run.completed" in arrived
        proposal = await scenario.newest()
        assert proposal.status is Status.VALIDATION_PASSED
        await scenario.approve(proposal.pull_request.number)
        await scenario.settle()

        await assert_one_merged(scenario, issue)


async def test_a_lost_end_of_a_run_is_made_good_by_a_redelivery(scenario: Scenario) -> None:
    """Until then the proposal waits; an approval given meanwhile is not lost."""
    scenario.simulator.faults.add(dropped_delivery("workflow_run.completed"))
    issue = await scenario.open_issue("Notes")
    await scenario.comment(issue, f"/odyssey propose Start the notes\n\n{note('notes')}")
    await scenario.settle()
    proposal = await scenario.newest()
    await scenario.approve(proposal.pull_request.number)
    await scenario.settle()
    assert (await scenario.get(proposal)).status is Status.VALIDATION_IN_PROGRESS
    assert not (await scenario.pull(proposal.pull_request.number))["merged"]

    app = as_app(scenario)
    listed = (await app.rest.apps.async_list_webhook_deliveries()).parsed_data
    [lost] = [each for each in listed if each.status_code == 0]
    assert (lost.event, lost.action) == ("workflow_run", "completed")
    await app.rest.apps.async_redeliver_webhook_delivery(lost.id)
    await scenario.settle()

    await assert_one_merged(scenario, issue)
