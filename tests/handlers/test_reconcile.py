"""
Reconcile: every look at a pull request leads to what is true of it now.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.domain.errors import Conflict, NotProposable
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.proposal import Status
from odyssey.handlers.asked import SEEN_WITHIN
from odyssey.handlers.propose import propose
from odyssey.handlers.reconcile import reconcile, validate_again
from odyssey.handlers.reject import reject


async def test_a_retargeted_pull_request_is_validated_once_by_its_new_base(desk: Desk) -> None:
    """
    The validation of the old base branch counts no more, and one run is started for the new one.
    """
    ada = desk.person("ada")
    await ada.push(REPOSITORY, "release", {"VERSION": "1\n"}, "Begin a release")
    first = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    await ada.request(
        "PATCH", f"/repos/{REPOSITORY}/pulls/{first.pull_number}", {"base": "release"}
    )
    second = await reconcile(first.pull_request, desk.ports)
    third = await reconcile(first.pull_request, desk.ports)

    assert first.validation and second and second.validation and third
    assert first.validation.base_branch == "main"
    assert (second.base_branch, second.validation.base_branch) == ("release", "release")
    assert second.validation.nonce != first.validation.nonce
    assert third.validation == second.validation


async def test_asked_twice_by_one_request_the_sandbox_runs_again_once(desk: Desk) -> None:
    """
    A delivery that is worked again starts no second run; another request does.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    ref, nonces = proposal.pull_request, []
    for request in ("comment 1", "comment 1", "comment 2"):
        await validate_again(ref, desk.ports, request=request)
        now = await desk.ports.proposals.get(proposal.id)
        nonces.append(now.validation.nonce if now and now.validation else "")
    asked = [each for each in desk.simulator.calls if each.path.endswith("/dispatches")]

    assert nonces[0] == nonces[1] != nonces[2]
    assert proposal.validation and proposal.validation.nonce not in nonces
    assert len(asked) == 3


async def test_what_is_closed_is_not_validated_again(desk: Desk) -> None:
    """
    Whoever asks is told, instead of waiting.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    await reject(proposal, desk.ports, by="ben", reason="Not now")
    with pytest.raises(NotProposable, match="only an open proposal"):
        await validate_again(proposal.pull_request, desk.ports, request="comment 1")


async def test_a_merge_that_was_begun_and_came_to_nothing_is_not_shown_for_ever(
    desk: Desk,
) -> None:
    """
    GitHub never answered, and by now something else stands in the way. A read that is about as old
    as the merge may be from before it, and is not believed.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    assert proposal.head_sha is not None
    begun = MergeAttempt(
        head_sha=proposal.head_sha, approved_by=("ben",), automatic=False, at=desk.ports.now()
    )
    await desk.ports.proposals.put(replace(proposal, merge=begun))
    with pytest.raises(Conflict, match="older than a merge"):
        await reconcile(proposal.pull_request, desk.ports)
    at_first = await desk.ports.proposals.get(proposal.id)
    await desk.ports.proposals.put(
        replace(proposal, merge=replace(begun, at=begun.at - SEEN_WITHIN))
    )
    after = await reconcile(proposal.pull_request, desk.ports)

    assert at_first and at_first.merge == begun
    assert after and after.merge is None
    assert after.status is Status.VALIDATION_FAILED


async def test_a_read_from_before_the_merge_is_not_believed(desk: Desk) -> None:
    """
    What is merged stays merged; the pull request is read once more.
    """
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    assert proposal.head_sha is not None
    done = MergeAttempt(
        head_sha=proposal.head_sha,
        approved_by=("ben",),
        automatic=False,
        at=desk.ports.now(),
        sha="a" * 40,
    )
    await desk.ports.proposals.put(replace(proposal, merge=done))
    with pytest.raises(Conflict, match="older than the merge"):
        await reconcile(proposal.pull_request, desk.ports)
    after = await desk.ports.proposals.get(proposal.id)

    assert after and after.merge == done


async def test_what_github_refused_is_said_of_that_head_only(desk: Desk) -> None:
    """Of the next one nothing was refused, and what merges it is no second try of that merge."""
    proposal = await propose(desk.request(Files({"src/app.py": "new\n"})), desk.ports)
    assert proposal.head_sha is not None
    refused = MergeAttempt(
        head_sha=proposal.head_sha,
        approved_by=("ben",),
        automatic=False,
        at=desk.ports.now(),
        failure="It is a draft.",
    )
    await desk.ports.proposals.put(replace(proposal, merge=refused))
    same = await reconcile(proposal.pull_request, desk.ports)
    await desk.person("ada").push(REPOSITORY, proposal.branch, {"x.md": "More.\n"}, "Say more")
    other = await reconcile(proposal.pull_request, desk.ports)

    assert same and same.merge == refused
    assert other and other.merge is None
