"""
Schedules that once broke a promise, each with what was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from schedules.batch import find_broken
from schedules.schedule import Player
from schedules.steps import read

FOUND = {
    "a branch that is set back to its base": (
        # Its head had the first time there is, from which no skew can be taken; and it was brought
        # up to date with what it was already, over and over.
        "propose 0 0 0, settle, force 0 1, approve 0 0 0, settle, reopen 0, approve 1 0 0, settle"
    ),
    "an approval of a branch that was set back to its base": (
        # Its merge commit had one parent only, which looked like a merge of something else: the
        # repository's gate was closed. What changes nothing is not merged.
        "propose 1 0 1, policy 5, work 8 0, work 9 1, force 0 1, approve 2 2 0"
    ),
    "a validation of a branch that was set back to its base": (
        # What changes nothing costs no run, and nobody said so: the command had no answer.
        "propose 0 0 0, settle, force 0 1, say 0 0 0 0"
    ),
    "a pull request that is retargeted before it is known": (
        # The next try looked for it by its base, and opened another.
        "propose 2 2 2, work 10 1, kill 0 1, work 1 1, work 11 1, approve 0 2 1, retarget 0 0"
    ),
    "a validation of a head that is pushed over while the policy cannot be read": (
        # Odyssey had validated it; the promise had asked for a run of the last head.
        "propose 0 6 0, settle, say 0 7 2 1, work 10 1, work 8 0, go, push 2 1 6, approve 1 0 1,"
        " kill 1 1, policy 4"
    ),
    "a run that is cancelled for a forged one and run again by a person": (
        # The result of the second attempt was passed over as the end that was known already.
        "propose 0 1 0, work 7 0, fail 3 1, work 4 2, halt, forge 0 0, rerun 1"
    ),
    "an approval in the thread of the issue, whose comment is deleted": (
        # The intake passed over deletions in issues, and nobody asked whether it was still there.
        "policy 7, propose 0 0 0, settle, draft 0, say 1 9 0 1, settle, unsay 1, settle, ready 0,"
        " settle"
    ),
    "an approval whose comment is deleted, of which no delivery tells": (
        # It was found by a sweep only; the merge came first.
        "propose 0 0 0, policy 7, settle, draft 0, say 1 9 0 0, settle, unsay 1, drop 5, ready 0,"
        " settle"
    ),
    "an approval whose comment is deleted while the pull request is closed": (
        # Closed was taken for over.
        "policy 7, propose 0 0 0, settle, draft 0, say 1 9 0 0, settle, close 0, settle, unsay 1,"
        " settle, reopen 0, ready 0, settle"
    ),
    "a run that ends anew while the pull request is closed": (
        # Its result was passed over, and nobody tells of it a second time.
        "propose 0 0 0, settle, close 0, settle, halt, rerun 0, forge 0 0, settle, reopen 0, settle"
    ),
    "a merge that GitHub refused, of a head that another merge then brought in": (
        # The merge commit of the other one was held against what had been refused: an alarm.
        "propose 0 0 0, propose 0 0 0, settle, approve 0 0 0, work 1 0, draft 0, settle,"
        " force 0 1, settle, approve 0 1 0, settle"
    ),
    "a branch of which the policy cannot be read any more": (
        # It stayed, as nobody could say whether it was to be deleted; the gate had read it.
        "propose 0 0 0, settle, approve 0 0 0, fail 7 1, work 2 0, policy 4, settle, policy 0"
    ),
    "an approval of the head, of which a read does not know yet": (
        # The command was refused for good.
        "propose 0 0 0, policy 7, settle, push 0 0 0, settle, stale 1, say 1 9 0 0, settle"
    ),
    "an approval by command that is carried over": (
        # The promise had known reviews only.
        "propose 0 0 0, policy 7, settle, base 0, say 1 9 0 0, settle"
    ),
    "an approval by command that was refused": (
        # The promise had asked for the merge once the reason was gone.
        "policy 7, propose 0 0 0, settle, demote 0, say 1 9 0 0, settle, promote 0"
    ),
    "a merge while the run is run again": (
        # The promise had taken the second attempt's end for known before there was one.
        "propose 0 0 0, settle, halt, rerun 0, approve 0 0 0, work 11 0"
    ),
    "an answer that is found after an error, and then deleted": (
        # The promise had not counted it, as nobody had heard of it at first.
        "propose 0 0 0, settle, tidy 0, say 0 3 0 0, fail 5 1, settle, tidy 0"
    ),
    "another base branch, chosen right after the merge": (
        # The simulator had let somebody choose one for a merged pull request; GitHub does not.
        "propose 2 2 2, work 10 2, demote 0, work 10 0, work 6 1, work 11 1, work 4 1,"
        " approve 2 0 1, retarget 2 1, double 0, approve 0 0 1, say 1 11 0 0, work 7 0,"
        " retarget 0 0"
    ),
    "a comment that is edited within its first second": (
        # Its times, which are whole seconds, did not show it: the sweep obeyed what it said then.
        "propose 0 4 0, settle, say 3 13 2 0, say 0 1 0 0, drop 2, edit 2"
    ),
    "a requester who loses the right to propose between two tries": (
        # The branch was pushed and the worker killed; the next try was refused, the branch stayed.
        "propose 1 4 0, revoke, work 2 1, expire, work 7 1, kill 0 0, revoke, demote 0"
    ),
    "a comment that is deleted while its proposal is opened": (
        # The pull request was refused once; at the next try the comment was gone, the branch not.
        "propose 0 0 0, fail 1 0, work 6 0, unsay 0, settle"
    ),
}


@pytest.fixture(scope="module")
def player() -> Iterator[Player]:
    """One world for all of them."""
    player = Player()
    yield player
    player.close()


@pytest.mark.parametrize("line", FOUND.values(), ids=FOUND.keys())
def test_what_was_found_before_stays_mended(line: str, player: Player) -> None:
    """Every promise holds."""
    assert find_broken(player, read(line)) == ""
