"""
Reject: what was decided is carried out, whatever happened in between.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.domain.errors import NotProposable
from odyssey.domain.proposal import Rejection, Status
from odyssey.handlers.propose import propose
from odyssey.handlers.reconcile import reconcile
from odyssey.handlers.reject import reject


async def test_a_rejection_that_was_cut_off_is_carried_out_by_the_next_look(desk: Desk) -> None:
    """
    The process died between the decision and its first write; the reason is not lost.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    decided = Rejection(by="ben", reason="Not in this tone", at=desk.ports.now())
    await desk.ports.proposals.put(replace(proposal, rejection=decided))
    after = await reconcile(proposal.pull_request, desk.ports)
    pull = await desk.read(f"pulls/{proposal.pull_number}")
    [comment] = await desk.answers(proposal.pull_request.number)

    assert after and after.status is Status.REJECTED
    assert after.rejection and after.rejection.is_carried_out
    assert (pull["state"], pull["merged"]) == ("closed", False)
    assert await desk.branches() == ["main"]
    assert "Not in this tone" in comment


async def test_rejecting_twice_keeps_the_first_reason(desk: Desk) -> None:
    """
    As a delivery that is worked again does.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    first = await reject(proposal, desk.ports, by="ben", reason="Not now")
    second = await reject(proposal, desk.ports, by="ada", reason="Never")

    assert second.rejection == first.rejection
    assert await desk.branches() == ["main"]


async def test_what_somebody_merged_meanwhile_is_not_rejected(desk: Desk) -> None:
    """
    Odyssey has not heard of the merge yet, and learns of it by looking.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    await desk.person("ada").merge(REPOSITORY, proposal.pull_request.number)
    with pytest.raises(NotProposable, match="merged already"):
        await reject(proposal, desk.ports, by="ben", reason="Too late")
    after = await desk.ports.proposals.get(proposal.id)

    assert after and after.status is Status.MERGED
