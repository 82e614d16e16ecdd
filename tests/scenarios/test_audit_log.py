"""
The audit log of a whole proposal: every write on GitHub has its line, for whom it was, and no more.
"""

from __future__ import annotations

from odyssey.adapters.audit_reader import log_files, read_entries, verify_files
from odyssey.bootstrap import AUDIT
from odyssey.domain.audit import Entry, read_witness
from odyssey.domain.audit_story import steps_of, story
from odyssey.scenario import Scenario
from scenarios.changes import FAREWELL
from scenarios.stage import BOT, calls_of


def entries_of(scenario: Scenario) -> list[Entry]:
    """The log of the scenario's machine."""
    return list(read_entries(log_files(scenario.settings.data_dir / AUDIT)))


async def test_every_effect_of_a_proposal_is_in_the_log_before_and_after_it(
    scenario: Scenario,
) -> None:
    """From the comment to the deleted branch: as many steps as writes, each for somebody."""
    issue = await scenario.open_issue("The service never says goodbye")
    await scenario.comment(issue, f"/odyssey propose Say goodbye too\n\n{FAREWELL}")
    await scenario.settle()
    proposal = await scenario.newest()
    await scenario.approve(proposal.pull_request.number)
    await scenario.settle()

    steps = steps_of(entries_of(scenario))
    told = story(steps, scenario.repository, proposal.pull_request.number)
    verbs = [each.intent.verb for each in told]
    written = [
        each
        for each in calls_of(scenario)
        if each.method in ("POST", "PUT", "PATCH") and "access_tokens" not in each.path
    ]
    [merge] = [each for each in told if each.intent.verb == "merge"]
    commits = await scenario.person("ada").request("GET", f"/repos/{scenario.repository}/commits")
    assert verify_files(log_files(scenario.settings.data_dir / AUDIT)).is_intact
    [status] = await scenario.comments_of(BOT, proposal.pull_request.number)
    witness = read_witness(status.strip().splitlines()[-1])
    assert told == steps
    assert all(each.is_done for each in told)
    assert verbs[:4] == ["react", "push", "open_pull_request", "dispatch"]
    assert verbs[-1] == "delete_branch"
    # git's own writes are no calls of the API.
    assert len(told) - verbs.count("push") - verbs.count("delete_branch") == len(written)
    # The status comment shows the newest entry after the merge: the merge's own outcome.
    assert merge.outcome is not None
    assert (witness.sequence, witness.hash) == (merge.outcome.sequence, merge.outcome.hash[:32])
    assert (merge.intent.sha, merge.result) == (proposal.head_sha, commits[0]["sha"])
    assert (merge.intent.actor, told[0].intent.actor) == ("ben", "ada")
    # Of texts it holds digests and lengths only; of tokens nothing.
    text = "".join(each.read_text() for each in log_files(scenario.settings.data_dir / AUDIT))
    secret = scenario.settings.webhook_secret.get_secret_value()
    told_too_much = [
        each
        for each in ("Say goodbye too", "/odyssey", "diff --git", "ghs_", "ghp_", secret)
        if each in text
    ]
    assert told_too_much == []
