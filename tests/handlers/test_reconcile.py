"""
Reconcile: a pull request that is retargeted is judged anew, by its new base branch.
"""

from __future__ import annotations

from handlers.conftest import REPOSITORY, Desk
from odyssey.domain.change import Files
from odyssey.handlers.propose import propose
from odyssey.handlers.reconcile import reconcile


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
