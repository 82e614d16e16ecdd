"""
Once: a comment's commands are carried out one time, however often they come.

The same comment may come by its delivery, by a redelivery and by the sweep, which give it
different delivery ids. What was done is noted by the comment's id. Where the notes do not reach
back to the comment, what is on GitHub tells what was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from odyssey.domain import comments, given_up
from odyssey.domain.commands import (
    Approve,
    Command,
    Propose,
    Reject,
    Revert,
    Update,
    Validate,
    parse_commands,
)
from odyssey.domain.errors import NotFound
from odyssey.domain.events import IssueCommented
from odyssey.domain.identifiers import RepositoryRef, branch_name
from odyssey.handlers.asked import asked_in, find_proposal
from odyssey.handlers.obey import obey
from odyssey.handlers.rebuild import know, rebuild_missing
from odyssey.handlers.remember_said import retain_comment
from odyssey.ports import Ports
from odyssey.ports.healing import APOLOGISED

NEWEST = 1_000
LONG_AGO = timedelta(hours=2)
"""Whoever worked a command that is older than this was not in the midst of it."""


def comment_key(repository: RepositoryRef, comment_id: int) -> str:
    """What is locked while a comment's commands are carried out, or given up before its author."""
    return f"comment:{repository.full_name.lower()}:{comment_id}"


async def obey_once(
    event: IssueCommented, ports: Ports, *, again: bool = False, swept: bool = False
) -> None:
    """
    Obeys the comment, unless that was done before.

    *swept* says that a sweep took it up, and nobody asked for another try: nothing is done
    once its author was told that it is given up.

    Raises:
        Busy: another worker is at it; call again.
        Unavailable: the repository is being rebuilt; call again.
    """
    if not event.author_is_person:
        return
    commands = parse_commands(event.body)
    if not commands:
        return
    repository = event.repository
    async with ports.proposals.lock(comment_key(repository, event.comment_id)):
        if await ports.notes.is_obeyed(repository, event.comment_id):
            return
        if swept and (await ports.notes.tries(f"{APOLOGISED}{event.comment_id}"))[0]:
            return
        known_since = await know(repository, ports)
        # GitHub's times are whole seconds: which was first within one nobody knows.
        is_forgotten = event.created_at <= known_since.replace(microsecond=0)
        # An earlier try of this store's own is no work from before it.
        if is_forgotten and await ports.notes.was_untouched(repository, event.comment_id):
            is_forgotten, again = False, True
        done = await find_done(event, commands, known_since, ports) if is_forgotten else frozenset()
        if len(done) < len(commands) and await obey(
            event, ports, again=again or is_forgotten, skip=done
        ):
            await retain_comment(event, commands, ports)
        await ports.notes.obeyed(repository, event.comment_id)


async def find_done(
    event: IssueCommented, commands: Sequence[Command], known_since: datetime, ports: Ports
) -> frozenset[int]:
    """
    Which of the commands of a comment from before the notes were carried out, by GitHub's word.

    An answer has its marker. A command without an answer shows in its effect; one that Odyssey
    never put its eyes on was never begun. What shows in no effect for good (a pull request that
    was rejected may be reopened, a base branch moves on) was carried out if it is long ago.
    """
    repository = event.repository
    try:
        begun = await ports.overview.has_reacted(repository, event.comment_id)
    except NotFound:
        # Deleted, or so new that GitHub does not show it yet: whoever obeys it finds out which.
        return frozenset()
    if not begun:
        await ports.notes.untouched(repository, event.comment_id)
        return frozenset()
    apology = given_up.answer_marker(event.comment_id)
    if await ports.overview.find_answer(repository, event.number, apology):
        return frozenset(range(len(commands)))
    done = set()
    for index, command in enumerate(commands):
        marker = comments.answer_marker(event.comment_id, index)
        if await ports.overview.find_answer(
            repository, event.number, marker
        ) or await _is_in_effect(command, index, event, known_since, ports):
            done.add(index)
    return frozenset(done)


async def _is_in_effect(
    command: Command, index: int, event: IssueCommented, known_since: datetime, ports: Ports
) -> bool:
    match command:
        case Propose(change=change) if change is not None:
            return await _is_proposed(command, index, event, ports)
        case Revert():
            identifier = asked_in(event.repository, event.comment_id, index, kind="revert")
            known = await ports.proposals.get(identifier)
            return known is not None and known.pull_number is not None
        case Validate() | Reject() | Approve() | Update():
            proposal = await find_proposal(event, ports)
            if proposal is None or proposal.status.is_final:
                return True
            if isinstance(command, Approve):
                # Of the present head it is kept again; of another one it says nothing any more.
                return not (proposal.head_sha or "").startswith(command.sha)
            if not isinstance(command, Validate):
                return known_since - event.created_at > LONG_AGO
            validation = proposal.validation
            is_older = proposal.head_since is not None and event.created_at < proposal.head_since
            # A later validation of the same head answers an earlier wish for one.
            return is_older or (
                validation is not None and validation.requested_at >= event.created_at
            )
    return False


async def _is_proposed(command: Propose, index: int, event: IssueCommented, ports: Ports) -> bool:
    repository = event.repository
    identifier = asked_in(repository, event.comment_id, index)
    known = await ports.proposals.get(identifier)
    if known is not None:
        return known.pull_number is not None
    try:
        branch = branch_name(
            identifier, command.message.strip(), prefix=command.branch_prefix or "proposal"
        )
    except ValueError:
        return False
    found = await ports.overview.find_pull(repository, branch)
    if found is None:
        return await _is_proposed_elsewhere(command, event, ports)
    await rebuild_missing(found, ports)
    await ports.inbox.ask_reconcile(found)
    return True


async def _is_proposed_elsewhere(command: Propose, event: IssueCommented, ports: Ports) -> bool:
    """Whether it was proposed while the repository had another name, and so another branch."""
    newest = await ports.proposals.newest(limit=NEWEST, repository=event.repository.full_name)
    asked = f"#issuecomment-{event.comment_id}"
    message = command.message.strip()
    return any(
        each.source_url.endswith(asked) and each.commit_message == message for each in newest
    )
