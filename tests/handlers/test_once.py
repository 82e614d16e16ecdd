"""
Once: a command that was cut off is carried out by the next try, and one that was done is not.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from handlers.conftest import Desk
from odyssey.adapters.github import GitHubApp
from odyssey.domain.change import Files
from odyssey.domain.events import IssueCommented
from odyssey.domain.identifiers import RepositoryRef
from odyssey.handlers.once import obey_once
from odyssey.handlers.propose import propose


class Killed(BaseException):
    """The worker ends here."""


async def asked_to_validate(desk: Desk) -> IssueCommented:
    """`/odyssey validate` on a proposal, written before the store first knew the repository."""
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    event = await desk.commented("/odyssey validate")
    return replace(
        event,
        number=proposal.pull_request.number,
        is_pull_request=True,
        created_at=desk.ports.now() - timedelta(hours=1),
    )


async def validation_of(desk: Desk) -> str:
    """The nonce of the only proposal's validation; each validation has its own."""
    [proposal] = await desk.ports.proposals.newest(limit=2)
    assert proposal.validation
    return proposal.validation.nonce


async def test_a_worker_that_dies_after_its_reaction_leaves_the_command_to_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its reaction is the first try's own, and no sign that the command was carried out before.
    """
    event = await asked_to_validate(desk)
    first = await validation_of(desk)
    react, lives = GitHubApp.react, iter([False])

    async def react_and_die_once(
        self: GitHubApp, repository: RepositoryRef, comment_id: int, content: str
    ) -> None:
        await react(self, repository, comment_id, content)
        if not next(lives, True):
            raise Killed

    monkeypatch.setattr(GitHubApp, "react", react_and_die_once)
    with pytest.raises(Killed):
        await obey_once(event, desk.ports)
    assert await validation_of(desk) == first

    await obey_once(event, desk.ports)
    second = await validation_of(desk)
    await obey_once(event, desk.ports)

    assert second != first
    assert await validation_of(desk) == second


async def test_a_command_carried_out_for_an_older_store_is_not_carried_out_again(
    desk: Desk,
) -> None:
    """
    Somebody put Odyssey's eyes on it, and a later validation answers the wish for one.
    """
    event = await asked_to_validate(desk)
    first = await validation_of(desk)
    await desk.ports.github.react(event.repository, event.comment_id, "eyes")

    await obey_once(event, desk.ports)

    assert await validation_of(desk) == first
