"""
Which alarm keeps the gate closed: one of Odyssey's own, in this repository.
"""

from __future__ import annotations

from handlers.conftest import REPOSITORY, Desk


async def test_the_number_of_an_alarm_that_is_somebody_else_s_issue_by_now_is_none(
    desk: Desk,
) -> None:
    """The alarm was moved away, or the repository is another one of the same name."""
    issue = await desk.person("ada").open_issue(REPOSITORY, "A typo")

    assert await desk.ports.github.alarms(desk.repository, known={issue["number"], 404}) == {}
