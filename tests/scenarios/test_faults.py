"""
Bad days of GitHub's: every write may fail before or after its effect, and is made once.
"""

from __future__ import annotations

from odyssey.scenario import Scenario
from odyssey.simulator import (
    Fault,
    base_branch_modified,
    late_answer,
    secondary_limit,
    token_expiry,
)
from odyssey.simulator.faults import meanwhile
from scenarios.changes import note
from scenarios.stage import BOT, assert_one_of_each, pulls_of

WRITES = {
    "reaction": ("POST", r".*/reactions"),
    "pull request": ("POST", r".*/pulls"),
    "dispatch": ("POST", r".*/dispatches"),
    "check run": ("POST", r".*/check-runs"),
    "comment": ("POST", r".*/issues/\d+/comments"),
    "merge": ("PUT", r".*/merge"),
}


async def asked(scenario: Scenario, *names: str) -> dict[str, int]:
    """A new issue for each name, with a proposal asked for in a comment, not settled."""
    issues = {}
    for name in names:
        issues[name] = await scenario.open_issue(f"Note {name}")
        body = f"/odyssey propose Note {name}\n\n{note(name)}"
        await scenario.comment(issues[name], body)
    return issues


async def assert_merged_once_each(scenario: Scenario, issues: dict[str, int]) -> None:
    """Every issue has its one merged pull request, and there are no others."""
    pulls = await pulls_of(scenario)
    assert sorted(each["title"] for each in pulls) == sorted(f"Note {each}" for each in issues)
    for pull in pulls:
        assert pull["merged_at"] is not None
        name = pull["title"].removeprefix("Note ")
        await assert_one_of_each(scenario, issues[name], pull)
    assert await scenario.branches() == ["main"]


async def test_a_write_that_fails_before_its_effect_is_made_once(scenario: Scenario) -> None:
    """502, and nothing happened: it is tried again, whichever write it was."""
    issues = await asked(scenario, "one", "two")
    faults = {
        what: scenario.simulator.faults.add(Fault(method, path))
        for what, (method, path) in WRITES.items()
    }
    await scenario.settle()
    for pull in await pulls_of(scenario):
        await scenario.approve(pull["number"])
    await scenario.settle()

    assert [what for what, fault in faults.items() if not fault.used] == []
    await assert_merged_once_each(scenario, issues)


async def test_a_write_that_fails_after_its_effect_is_not_made_twice(scenario: Scenario) -> None:
    """502, and it had happened: it is looked for before it is made again."""
    issues = await asked(scenario, "one")
    faults = {
        what: scenario.simulator.faults.add(Fault(method, path, when="after_effect"))
        for what, (method, path) in WRITES.items()
    }
    await scenario.settle()
    [pull] = await pulls_of(scenario)
    await scenario.approve(pull["number"])
    await scenario.settle()

    assert [what for what, fault in faults.items() if not fault.used] == []
    await assert_merged_once_each(scenario, issues)


async def test_a_base_that_moves_while_a_proposal_is_opened_costs_time_only(
    scenario: Scenario,
) -> None:
    """The branch is there, the pull request is not, and `main` is another when it goes on."""
    faults, pulls = scenario.simulator.faults, r".*/pulls"

    async def move_main() -> None:
        await scenario.push("main", {"docs/elsewhere.md": "# Elsewhere\n"}, by="ben")

    used = [
        faults.add(Fault("POST", pulls)),
        faults.add(late_answer(pulls, move_main, method="GET")),
    ]
    issues = await asked(scenario, "one")
    await scenario.settle()
    [pull] = await pulls_of(scenario)
    await scenario.approve(pull["number"])
    await scenario.settle()

    assert [each.used for each in used] == [1, 1]
    await assert_merged_once_each(scenario, issues)
    assert "Elsewhere" in await scenario.read("docs/elsewhere.md")


async def test_limits_dead_tokens_and_a_moved_base_cost_time_only(scenario: Scenario) -> None:
    """A secondary limit, a token that expires or is revoked midway, `Base branch was modified`."""
    simulator = scenario.simulator
    issues = await asked(scenario, "one")
    faults = [
        simulator.faults.add(token_expiry(r".*/reactions", method="POST")),
        simulator.faults.add(secondary_limit(r".*/pulls", method="POST", retry_after=1)),
        simulator.faults.add(token_expiry(r".*/check-runs", method="POST")),
    ]
    await scenario.settle()
    [pull] = await pulls_of(scenario)
    for token in simulator.state.tokens.values():
        token.revoked |= token.installation is scenario.installation
    faults += [
        simulator.faults.add(base_branch_modified()),
        simulator.faults.add(
            secondary_limit(r".*/issues/comments/\d+", method="PATCH", status=429, retry_after=1)
        ),
    ]
    await scenario.approve(pull["number"])
    await scenario.settle()

    assert [each.path for each in faults if not each.used] == []
    tokens = [each for each in simulator.calls if each.path.endswith("/access_tokens")]
    assert len(tokens) >= 4, "each dead token was replaced"
    await assert_merged_once_each(scenario, issues)
    assert len(await scenario.comments_of(BOT, pull["number"])) == 1


async def test_a_proposal_that_is_open_is_not_refused_for_what_changed_since(
    scenario: Scenario,
) -> None:
    """The dispatch fails, and before the next try the policy is one that nobody can read."""

    async def break_policy() -> None:
        await scenario.push("main", {".github/odyssey.yml": "approvals: {required: none}\n"})

    dispatch = WRITES["dispatch"]
    scenario.simulator.faults.add(meanwhile(dispatch[1], break_policy, method=dispatch[0]))
    scenario.simulator.faults.add(Fault(*dispatch))
    issues = await asked(scenario, "one")
    await scenario.settle()

    [pull] = await pulls_of(scenario)
    assert "takes a whole number" in str(await scenario.comments_of(BOT, pull["number"]))
    assert await scenario.comments_of(BOT, issues["one"]) == []
