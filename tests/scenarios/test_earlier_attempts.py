"""
Earlier attempts: the same change is recognised, a similar one is named as similar.
"""

from __future__ import annotations

from odyssey.scenario import Scenario
from scenarios.changes import a_file, note

TITLE = "Explain how the service greets people in different languages"


async def test_a_new_attempt_names_the_earlier_ones_and_how_they_ended(scenario: Scenario) -> None:
    """The same change with its reason, a reworded one as similar, an unrelated one not at all."""
    change = note("languages", "Hello, bonjour, guten Tag.")
    first = await scenario.propose(change, title=TITLE)
    number = first.pull_request.number
    assert "Earlier attempts" not in (await scenario.pull(number))["body"]
    await scenario.comment(number, "/odyssey reject Nobody here speaks French", by="ben")
    await scenario.settle()

    # The same change under another name, then another change with nearly the same words,
    # then something else altogether; all at once, so that their runs share the machine.
    same = await scenario.open_issue("Again")
    differs = '--differs "Somebody speaks it now"'
    await scenario.comment(same, f"/odyssey propose {differs} Polyglot\n\n{change}")
    await scenario.settle()
    again = await scenario.pull((await scenario.newest()).pull_request.number)
    similar, other = await scenario.open_issue("Similar"), await scenario.open_issue("Other")
    reworded = "Explain how the service greets people in other languages"
    longer = note("languages", "Hello, bonjour, guten Tag, buenos días.")
    await scenario.comment(similar, f"/odyssey propose {differs} {reworded}\n\n{longer}")
    unrelated = a_file("Procfile", "web: python -m service\n")
    await scenario.comment(other, f"/odyssey propose Deploy to a platform\n\n{unrelated}")
    await scenario.settle()
    pulls = {each.title: each.pull_request.number
             for each in await scenario.ports.proposals.newest(limit=4)}  # fmt: skip

    assert f"[#{number}]" in again["body"]
    assert "is the same change" in again["body"]
    assert "rejected" in again["body"]
    assert "Nobody here speaks French" in again["body"]
    body = (await scenario.pull(pulls[reworded]))["body"]
    [line] = [each for each in body.splitlines() if f"[#{number}]" in each]
    assert "is similar" in line
    assert "same change" not in line
    assert "rejected" in line
    assert "Earlier attempts" not in (await scenario.pull(pulls["Deploy to a platform"]))["body"]
