"""Moving a ref through an API: judged like a push, done by git, with the same consequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey.simulator import pushes
from odyssey.simulator.auth import Caller
from odyssey.simulator.errors import ApiError
from odyssey.simulator.git import ZERO, GitError
from odyssey.simulator.pushes import RefUpdate
from odyssey.simulator.refusals import judge
from odyssey.simulator.state import Repository

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator


def move_ref(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    update: RefUpdate,
    *,
    refused_status: int = 422,
) -> None:
    """
    Carry out *update* for *caller* and draw its consequences.

    Raises:
        ApiError: *refused_status* when a rule forbids it, 403 for workflow files, 409 when
            the ref moved meanwhile.
    """
    refusal = judge(repository, caller, update)
    if refusal is not None:
        status = refused_status if refusal.code else 403
        raise ApiError(status, refusal.api_text)
    apply_update(simulator, repository, caller, update)


def apply_update(
    simulator: Simulator, repository: Repository, caller: Caller, update: RefUpdate
) -> None:
    """Carry out *update* without judging it; 409 when the ref is not at `update.old`."""
    git = simulator.git(repository)
    try:
        if update.new == ZERO:
            git.delete_ref(update.ref, update.old)
        else:
            git.update_ref(update.ref, update.new, None if update.old == ZERO else update.old)
    except GitError as error:
        raise ApiError(409, f"Reference cannot be updated: {error}") from error
    pushes.apply(simulator, repository, [update], caller.actor, by_actions=caller.by_actions)
