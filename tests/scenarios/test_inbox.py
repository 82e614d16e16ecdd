"""
The inbox under fire: workers that are killed, commands that are given up, limits that are met.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from odyssey.adapters.redis_connection import connect
from odyssey.domain.change import CheckRun
from odyssey.domain.errors import OdysseyError
from odyssey.domain.identifiers import HeadSha, InstallationId, RepositoryRef
from odyssey.domain.report import TestFailure
from odyssey.handlers.sweep_proposals import sweep_proposals
from odyssey.ports import Delivery
from odyssey.scenario import REPOSITORY, Scenario, open_scenario
from odyssey.simulator import Fault, late_answer, secondary_limit
from odyssey.simulator.loopback import loopback_client
from odyssey.simulator.outbox import headers_of
from odyssey.worker import build_worker, keep_recovering, work
from scenarios.programs import Arrivals, logged, quiet, server, until, worker
from scenarios.stage import BOT, calls_of, reactions_to

HELP = "/odyssey help"
REACTIONS = r".*/reactions"
COMMENTS = r".*/issues/\d+/comments"


@pytest.fixture
def arrivals() -> Arrivals:
    """What the simulator saw, and when."""
    return Arrivals()


@pytest_asyncio.fixture
async def small(tmp_path: Path, arrivals: Arrivals) -> AsyncIterator[Scenario]:
    """A scenario without a model, whose end is nobody's business."""
    async with open_scenario(tmp_path, embeds=False, observers=[arrivals]) as scenario:
        yield scenario


async def asked_for_help(
    scenario: Scenario, count: int = 1, *, then: tuple[Fault, ...] = ()
) -> tuple[int, list[int]]:
    """
    An issue with so many comments that ask for help, and their ids; delivered.

    *then* are faults, set when people have said what they wanted.
    """
    issue = await scenario.open_issue("How does this work?")
    ids = [await scenario.comment(issue, HELP) for _ in range(count)]
    for fault in then:
        scenario.simulator.faults.add(fault)
    await scenario.simulator.outbox.deliver_all()
    return issue, ids


async def taken(scenario: Scenario) -> Delivery:
    """The delivery whose turn it is."""
    found = await scenario.ports.inbox.take_next()
    assert found is not None
    return found


async def assert_answered_once(scenario: Scenario, issue: int, ids: list[int]) -> None:
    """Each comment has our eyes on it and one answer."""
    said = await scenario.comments_of(BOT, issue)
    assert len(said) == len(ids)
    assert len(set(said)) == len(ids), "each answer has the marker of its own comment"
    for comment_id in ids:
        assert await reactions_to(scenario, comment_id) == [(BOT, "eyes")]


async def test_a_killed_workers_delivery_is_taken_over_within_two_seconds(
    small: Scenario, arrivals: Arrivals, tmp_path: Path
) -> None:
    """SIGKILL between a write and its answer: another process goes on, and nothing is doubled."""
    reached, let_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await let_go.wait()

    held = late_answer(COMMENTS, hold, method="POST")
    async with (
        worker(small, tmp_path / "one.log") as one,
        worker(small, tmp_path / "two.log") as two,
    ):
        two.freeze()
        issue, ids = await asked_for_help(small, then=(held,))
        async with asyncio.timeout(60):
            await reached.wait()
        two.thaw()
        before = len(arrivals.answered)
        killed_at = time.perf_counter()
        await one.kill()
        await until(lambda: len(arrivals.answered) > before, what="another worker asks GitHub")
        taken_over_after = arrivals.answered[before][0] - killed_at
        let_go.set()
        await small.settle()

    assert taken_over_after < 2
    await assert_answered_once(small, issue, ids)


async def test_two_servers_and_two_workers_work_as_one(small: Scenario, tmp_path: Path) -> None:
    """Every delivery comes to both servers at once, and has one effect."""
    issue = await small.open_issue("How does this work?")
    ids = [await small.comment(issue, HELP) for _ in range(20)]
    deliveries = list(small.simulator.outbox.pending)
    small.simulator.outbox.pending.clear()
    async with AsyncExitStack() as running:
        urls = [
            await running.enter_async_context(server(small, tmp_path / f"serve{number}.log"))
            for number in range(2)
        ]
        for number in range(2):
            await running.enter_async_context(worker(small, tmp_path / f"work{number}.log"))
        client = await running.enter_async_context(loopback_client())
        answers = await asyncio.gather(
            *[
                client.post(url, content=each.body, headers=headers_of(each))
                for each in deliveries
                for url in urls
            ]
        )
        await quiet(small)

    outcomes = [each.json()["status"] for each in answers]
    assert outcomes.count("accepted") == len(ids)
    assert outcomes.count("duplicate") == len(ids)
    await assert_answered_once(small, issue, ids)
    assert [line for line in logged(tmp_path) if " ERROR " in line] == []


async def test_a_delivery_that_kills_its_worker_is_given_up_and_its_author_told(
    small: Scenario,
) -> None:
    """The others go on meanwhile; the one that never came to an end gets an answer too."""
    small.settings.lease = timedelta(seconds=0.5)
    issue, ids = await asked_for_help(small, 3)
    poison = await taken(small)
    attempts = small.settings.delivery_attempts
    for _ in range(attempts - 1):
        await _worker_dies(small, poison)
        again = await small.ports.inbox.take(poison.id)
        assert again is not None
    await _worker_dies(small, poison)
    await small.settle()

    said = await small.comments_of(BOT, issue)
    apologies = [each for each in said if "given up" in each]
    assert len(said) == len(ids)
    assert len(apologies) == 1
    assert "the process that worked on it ended each time" in apologies[0]


async def test_when_github_does_not_answer_for_good_the_author_is_told_later(
    small: Scenario,
) -> None:
    """Not even the answer comes through at first: it is owed, and kept until it does."""
    down = (Fault("POST", REACTIONS, times=2), Fault("POST", COMMENTS, times=2))
    issue, _ = await asked_for_help(small, then=down)
    for attempt in (1, 2):
        delivery = await taken(small)
        assert delivery.attempt == attempt
        await work(delivery, small.ports, attempts=2)
        await _now_due(small)
    for attempt in (1, 2, 3):
        owed = await taken(small)
        assert (owed.event, owed.attempt) == ("odyssey_answer_owed", attempt)
        await work(owed, small.ports, attempts=2)
        await _now_due(small)

    assert await small.ports.inbox.is_quiet()
    [answer] = await small.comments_of(BOT, issue)
    assert answer.startswith("**ada**, your command was given up: GitHub, or another service")
    assert "in a new comment" in answer


async def test_a_command_that_is_given_up_is_not_carried_out_by_the_sweep_that_has_it_already(
    small: Scenario,
) -> None:
    """It was given to the inbox before its author was told; told is told."""
    down = (Fault("POST", REACTIONS),)
    issue, [comment_id] = await asked_for_help(small, then=down)
    await work(await taken(small), small.ports, attempts=1)
    comment = small.simulator.repository(REPOSITORY).comments[comment_id]
    comment.created_at = comment.updated_at = comment.created_at - timedelta(minutes=10)
    small.simulator.state.installations[small.installation.installation_id].created_at -= timedelta(
        hours=1
    )

    sweep = await sweep_proposals(small.ports)
    for event in ("odyssey_answer_owed", "issue_comment"):
        delivery = await taken(small)
        assert delivery.event == event
        await work(delivery, small.ports, attempts=12)

    assert sweep.comments == [comment_id]
    assert await small.ports.inbox.is_quiet()
    [answer] = await small.comments_of(BOT, issue)
    assert "your command was given up" in answer


async def test_a_defect_is_answered_without_its_insides(small: Scenario) -> None:
    """What went wrong in Odyssey is for its log; its author learns that it did."""
    issue, _ = await asked_for_help(small)
    broken = replace(small.ports, github=_Broken(small.ports.github))
    await work(await taken(small), broken, attempts=12)
    await small.settle()

    [answer] = await small.comments_of(BOT, issue)
    assert "it met a mistake in Odyssey itself. Whoever runs Odyssey finds the details" in answer
    assert "KeyError" not in answer
    assert "the inside of it" not in answer


async def test_a_conversation_that_takes_no_comment_keeps_nothing_else_from_going_on(
    small: Scenario,
) -> None:
    """Neither the first command's answer nor the reaction: the second command is carried out."""
    locked = "Unable to create comment because issue is locked."
    issue = await small.open_issue("How does this work?")
    await small.comment(issue, f"{HELP}\n/odyssey frobnicate")
    for path in (REACTIONS, COMMENTS):
        small.simulator.faults.add(Fault("POST", path, status=403, message=locked))
    await small.settle()

    [answer] = await small.comments_of(BOT, issue)
    assert "there is no command `frobnicate`" in answer


async def test_what_github_limits_waits_as_long_as_it_named_and_is_not_tried_in_vain(
    small: Scenario, arrivals: Arrivals
) -> None:
    """Another comment of the same installation does not even begin; neither attempt counts."""
    small.simulator.faults.add(secondary_limit(REACTIONS, method="POST", retry_after=2))
    issue, ids = await asked_for_help(small, 2)
    first, second = await taken(small), await taken(small)
    await small.ports.inbox.retry(second.id, timedelta(0), counts=False)
    await work(first, small.ports, attempts=1)
    limited_at, before = time.perf_counter(), len(arrivals.answered)
    assert await small.ports.inbox.take_next() is None
    assert not await small.ports.budget.allows_background(_repository(small).installation_id)
    small.settings.delivery_attempts = 1
    await small.settle()
    next_at = arrivals.answered[before][0]

    assert 1.9 <= next_at - limited_at < 4
    await assert_answered_once(small, issue, ids)


async def test_an_allowance_that_is_used_up_is_waited_for(
    small: Scenario, arrivals: Arrivals
) -> None:
    """The primary limit: the answer that says nothing is left is the last of its hour."""
    issue, ids = await asked_for_help(small)
    await small.settle()
    assert await small.ports.budget.allows_background(_repository(small).installation_id)
    [allowance] = [
        each
        for (actor, resource), each in small.simulator.limits.allowances.items()
        if (actor, resource) == (BOT, "core")
    ]
    allowance.used = allowance.limit - 1
    # A time in whole seconds, as GitHub names it.
    allowance.reset_at = small.simulator.clock().replace(microsecond=0) + timedelta(seconds=3)
    more = await small.comment(issue, HELP)
    await small.simulator.outbox.deliver_all()
    await work(await taken(small), small.ports, attempts=1)
    before = len(calls_of(small))
    assert await small.ports.inbox.take_next() is None
    await small.settle()

    refused = [each for each in calls_of(small) if each.status in (403, 429)]
    assert len(calls_of(small)) > before
    assert refused == []
    await assert_answered_once(small, issue, [*ids, more])


async def test_annotations_are_not_doubled_by_an_update_that_came_through_unanswered(
    small: Scenario,
) -> None:
    """120 go in three requests; the second fails after its effect, and all is tried again."""
    head = await small.person("ada").request("GET", f"/repos/{REPOSITORY}/commits/main")
    at = small.ports.now()
    failures = tuple(
        TestFailure(name=f"test_{number}", path="app.py", line=1, message="no")
        for number in range(120)
    )
    check_run = CheckRun(
        head_sha=HeadSha(head["sha"]),
        external_id="prop_aaaaaaaaaa/1",
        title="120 tests fail",
        summary="",
        failures=failures,
        conclusion="failure",
        started_at=at,
        completed_at=at,
    )
    repository = _repository(small)
    small.simulator.faults.add(
        Fault("PATCH", r".*/check-runs/\d+", when="after_effect", status=502)
    )
    with pytest.raises(OdysseyError):
        await small.ports.github.put_check_run(repository, check_run, check_run_id=None)
    for _ in range(2):
        await small.ports.github.put_check_run(
            repository, check_run, check_run_id=None, look_first=True
        )

    runs = await small.person("ada").request(
        "GET", f"/repos/{REPOSITORY}/commits/{head['sha']}/check-runs"
    )
    assert [each["output"]["annotations_count"] for each in runs["check_runs"]] == [120]


async def test_a_stopped_worker_hands_back_what_it_holds_without_counting(small: Scenario) -> None:
    """A restart of the service is no failure of the work."""
    reached = asyncio.Event()

    async def hold() -> None:
        reached.set()
        await asyncio.Event().wait()

    held = late_answer(COMMENTS, hold, method="POST")
    issue, ids = await asked_for_help(small, then=(held,))
    stopped = asyncio.create_task(work(await taken(small), small.ports, attempts=12))
    async with asyncio.timeout(30):
        await reached.wait()
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    again = await taken(small)
    await work(again, small.ports, attempts=1)

    assert (again.attempt, again.is_repeated) == (1, True)
    await assert_answered_once(small, issue, ids)


async def test_a_worker_that_was_frozen_longer_than_its_lease_writes_nothing_more(
    small: Scenario, tmp_path: Path
) -> None:
    """It wakes up in the middle of its work, which another one has done meanwhile."""
    reached, let_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await let_go.wait()

    small.simulator.faults.add(late_answer(REACTIONS, hold, method="POST"))
    async with worker(small, tmp_path / "frozen.log") as frozen:
        issue, ids = await asked_for_help(small)
        async with asyncio.timeout(60):
            await reached.wait()
        frozen.freeze()
        let_go.set()
        other = build_worker(small.settings, small.ports)
        tasks = [
            asyncio.create_task(other.async_run()),
            asyncio.create_task(keep_recovering(small.ports, every=timedelta(milliseconds=50))),
        ]
        await quiet(small)
        # The delivery is done; arq's job, which was cut off otherwise, has a word to say yet.
        await asyncio.gather(*other.tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await other.close()
        frozen.thaw()
        await frozen.says("left to another")

    await assert_answered_once(small, issue, ids)


class _Broken:
    """A port with a defect in its first write."""

    def __init__(self, sound: Any) -> None:
        self._sound = sound

    async def react(self, *_: Any) -> None:
        """Fails as no port may."""
        raise KeyError("the inside of it")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sound, name)


def _repository(scenario: Scenario) -> RepositoryRef:
    owner, name = REPOSITORY.split("/")
    return RepositoryRef(InstallationId(scenario.installation.installation_id), owner, name)


async def _redis(scenario: Scenario) -> Any:
    return connect(scenario.settings.redis_url)


async def _worker_dies(scenario: Scenario, delivery: Delivery) -> None:
    redis = await _redis(scenario)
    await redis.zadd("odyssey:inbox:open", {delivery.id: 1})
    await redis.aclose()
    await scenario.ports.inbox.recover()


async def _now_due(scenario: Scenario) -> None:
    """Brings what waits for a later try forward."""
    redis = await _redis(scenario)
    for job in await redis.zrange("arq:queue", 0, -1):
        await redis.zadd("arq:queue", {job: 1})
    await redis.aclose()
