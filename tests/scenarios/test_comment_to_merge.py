"""
The main job: a comment becomes a merged pull request.
"""

from __future__ import annotations

import re
from collections import Counter

from odyssey.domain.proposal import Status
from odyssey.scenario import Scenario
from scenarios.changes import FAREWELL
from scenarios.stage import (
    BOT,
    calls_of,
    check_runs_of,
    count_of,
    pulls_of,
    reactions_to,
)

TITLE = "Say goodbye too"


async def test_a_comment_becomes_a_merged_pull_request(scenario: Scenario) -> None:
    """Branch, commit, pull request, validation, approval, merge, clean-up, memory: each once."""
    issue = await scenario.open_issue("The service never says goodbye")
    await scenario.settle()
    since = len(scenario.simulator.calls)
    comment_id = await scenario.comment(issue, f"/odyssey propose {TITLE}\n\n{FAREWELL}")
    await scenario.settle()
    proposal = await scenario.newest()
    number, sha = proposal.pull_request.number, proposal.head_sha or ""

    # The pull request says whose wish it is, on a branch that says what it is.
    [pull] = await pulls_of(scenario)
    assert pull["number"] == number
    assert pull["user"]["login"] == BOT
    assert pull["title"] == TITLE
    assert "Requested by **ada**" in pull["body"]
    assert f"#{issue}" in pull["body"]
    assert pull["base"]["ref"] == "main"
    assert re.fullmatch(r"proposal/prop_[a-z2-7]{10}_say_goodbye_too", pull["head"]["ref"])
    commits = await scenario.person("ada").request(
        "GET", f"/repos/{scenario.repository}/pulls/{number}/commits"
    )
    assert [each["sha"] for each in commits] == [sha]
    assert commits[0]["commit"]["message"].startswith(TITLE)
    assert commits[0]["commit"]["author"]["name"] == BOT

    # The comment was acknowledged before anything else.
    assert await reactions_to(scenario, comment_id) == [(BOT, "eyes")]
    writes = [each for each in calls_of(scenario, since) if each.method != "GET"]
    first = next(each for each in writes if "access_tokens" not in each.path)
    assert first.path.endswith(f"/comments/{comment_id}/reactions")

    # The workflow ran on the base branch, was asked about the head, and passed it.
    [run] = scenario.simulator.actions.runs.values()
    assert (run.head_branch, run.event, run.actor.login) == ("main", "workflow_dispatch", BOT)
    assert run.inputs["head_sha"] == sha
    assert run.conclusion == "success"
    [check_run] = await check_runs_of(scenario, sha)
    assert (check_run["status"], check_run["conclusion"]) == ("completed", "success")

    # Nothing is merged before the approval.
    assert pull["merged_at"] is None
    assert proposal.status is Status.VALIDATION_PASSED
    assert count_of(scenario, "PUT", "/merge") == 0

    await scenario.approve(number, by="ben")
    await scenario.settle()

    pull = await scenario.pull(number)
    assert pull["merged"]
    assert pull["merged_by"]["login"] == BOT
    merge = await scenario.person("ada").request(
        "GET", f"/repos/{scenario.repository}/commits/main"
    )
    assert len(merge["parents"]) == 1, "squashed, not merged"
    assert merge["commit"]["message"].startswith(f"{TITLE} (#{number})")
    assert "Requested-by: ada" in merge["commit"]["message"]
    assert "Approved-by: ben" in merge["commit"]["message"]
    assert "Goodbye" in await scenario.read("service/answers.py")
    assert await scenario.branches() == ["main"]
    assert await scenario.remembered(proposal) == ["opened", "merged"]

    # One status comment, edited in place; not a word on the issue.
    [status] = await scenario.comments_of(BOT, number)
    assert "Merged" in status
    assert "ben" in status
    assert await scenario.comments_of(BOT, issue) == []
    assert count_of(scenario, "POST", f"/issues/{number}/comments") == 1

    # At most 15 REST calls, two of them for the first look at a repository not known yet, and
    # nothing is asked twice.
    rest = calls_of(scenario, since)
    listed = "\n".join(f"{each.method} {each.path} {each.status}" for each in rest)
    assert len(rest) <= 15, listed
    asked = Counter(each.path for each in rest if each.method == "GET")
    assert [path for path, times in asked.items() if times > 1] == [], listed
    assert len(calls_of(scenario, since, graphql=True)) <= 8
