"""
Obey: does what `/odyssey ...` in a comment asks for, and answers each command once.
"""

from __future__ import annotations

import logging
from collections.abc import Set

from odyssey.domain import comments
from odyssey.domain.commands import (
    Approve,
    Command,
    Forget,
    Help,
    Malformed,
    OpenGate,
    Propose,
    Recall,
    Reject,
    Remember,
    Revert,
    StatusAsked,
    Unknown,
    Update,
    Validate,
    Why,
    parse_commands,
)
from odyssey.domain.errors import (
    ChangeRefused,
    CommandRefused,
    Conflict,
    NotFound,
    NotProposable,
    WriteRefused,
)
from odyssey.domain.events import IssueCommented
from odyssey.handlers.abandon import abandon, abandon_one
from odyssey.handlers.approve_command import approve_by_command
from odyssey.handlers.asked import SEEN_WITHIN, asked_in, find_proposal, get_proposal, seed_of
from odyssey.handlers.authority import require_permission
from odyssey.handlers.memory_commands import forget, recall, remember
from odyssey.handlers.open_gate import open_gate
from odyssey.handlers.propose import ProposalRequest, propose
from odyssey.handlers.reconcile import look, validate_again
from odyssey.handlers.reject import reject
from odyssey.handlers.revert import revert
from odyssey.handlers.update import update
from odyssey.ports import Ports, UpdateMethod

log = logging.getLogger("odyssey.obey")


async def obey(
    event: IssueCommented,
    ports: Ports,
    *,
    again: bool = False,
    skip: Set[int] = frozenset(),
) -> bool:
    """
    Carries out the commands of one new comment, in order; whether there were any to carry out.

    The comment is acknowledged with a reaction before anything else. A command
    whose effect shows itself (a pull request, a status comment) is answered by
    that; every other one, every refusal, and that hidden characters were left
    out of a command, by one comment. *skip* are the commands, by their place,
    that were carried out before.
    """
    if not event.author_is_person:
        return False
    commands = parse_commands(event.body)
    if not commands:
        return False
    if not await _acknowledge(event, ports):
        await abandon(event, commands, ports)
        return False
    for index, command in enumerate(commands):
        if index in skip:
            continue
        try:
            answer = await _carry_out(command, index, event, ports, again=again)
        except (CommandRefused, ChangeRefused, NotFound) as error:
            # An earlier try may have pushed a branch, before its author lost the right to.
            await abandon_one(command, index, event, ports, why=str(error))
            refused = NotProposable(str(error)) if isinstance(error, NotFound) else error
            answer = comments.refusal(event.author, refused)
        answer = "\n\n".join(filter(None, (answer, comments.hidden_note(command.hidden))))
        if not answer:
            continue
        marker = comments.answer_marker(event.comment_id, index)
        try:
            await ports.github.post_comment(
                event.repository,
                event.number,
                f"{answer}\n\n{marker}",
                marker=marker,
                look_first=again,
            )
        except (WriteRefused, NotFound) as error:
            # A locked conversation, or one that is gone: what was asked for goes on without words.
            log.warning("comment %s is not answered: %s", event.comment_id, error)
    return True


async def _acknowledge(event: IssueCommented, ports: Ports) -> bool:
    """Whether the comment is still there, now with our eyes on it where GitHub lets us."""
    try:
        await ports.github.react(event.repository, event.comment_id, "eyes")
    except WriteRefused as error:
        log.warning("comment %s is not acknowledged: %s", event.comment_id, error)
    except NotFound as error:
        if ports.now() - event.created_at < SEEN_WITHIN:
            raise Conflict(f"comment {event.comment_id} is not to be seen yet") from error
        log.info("comment %s was deleted, and its commands with it", event.comment_id)
        return False
    return True


async def _carry_out(
    command: Command, index: int, event: IssueCommented, ports: Ports, *, again: bool
) -> str | None:
    match command:
        case Help():
            return comments.help_comment()
        case Unknown(word=word, nearest=nearest):
            return comments.unknown_command(event.author, word, nearest)
        case Malformed():
            return comments.malformed(event.author, command)
        case StatusAsked():
            return comments.status_answer(*await look(await get_proposal(event, ports), ports))
        case Why():
            return comments.why_answer(*await look(await get_proposal(event, ports), ports))
    # What an earlier try opened was permitted then; its pull request is the answer.
    if not (again and isinstance(command, Propose) and await _is_open(index, event, ports)):
        await _require_permission(command.word, event, ports)
    match command:
        case Propose(change=None):
            return comments.not_drafting_yet(event.author)
        case Propose():
            await _propose(command, index, event, ports)
            return None
        case OpenGate():
            return await open_gate(event, ports)
        case Remember(text=text):
            return await remember(text, index, event, ports)
        case Recall(question=question):
            return await recall(question, event, ports)
        case Forget():
            return await forget(command, event, ports)
        case Validate():
            proposal = await get_proposal(event, ports)
            request = f"comment {event.comment_id}"
            hindering = await validate_again(proposal.pull_request, ports, request=request)
            if hindering:
                raise NotProposable(comments.not_validated(hindering))
            return None
        case Approve(sha=sha):
            await approve_by_command(await get_proposal(event, ports), sha, event, ports)
            return None
        case Update(rebase=rebase):
            return await update(
                await get_proposal(event, ports),
                ports,
                method=UpdateMethod.REBASE if rebase else UpdateMethod.MERGE,
                request=f"comment {event.comment_id}/{index}",
                at=event.created_at,
            )
        case Revert(reason=reason):
            proposal = await get_proposal(event, ports)
            return await revert(proposal, reason, index, event, ports)
        case Reject(reason=reason):
            proposal = await get_proposal(event, ports)
            await reject(proposal, ports, by=event.author, reason=reason)
            if event.is_pull_request:
                return None
            return comments.rejected(event.author, proposal.pull_request.number)


async def _is_open(index: int, event: IssueCommented, ports: Ports) -> bool:
    begun = await ports.proposals.get(asked_in(event.repository, event.comment_id, index))
    return begun is not None and begun.pull_number is not None


async def _require_permission(word: str, event: IssueCommented, ports: Ports) -> None:
    """Judged by the policy of the branch it is about: where the proposal goes, or would go."""
    of_branch = (Propose.word, Remember.word, Recall.word, Forget.word)
    found = None if word in of_branch else await find_proposal(event, ports)
    branch = found.base_branch if found else event.default_branch
    await require_permission(word, event.author, event.repository, branch, ports)


async def _propose(command: Propose, index: int, event: IssueCommented, ports: Ports) -> None:
    if not event.is_open or event.is_locked:
        raise NotProposable(comments.closed_or_locked(event.number, is_locked=event.is_locked))
    assert command.change is not None
    await propose(
        ProposalRequest(
            repository=event.repository,
            change=command.change,
            message=command.message,
            requester=event.author,
            requested_via="comment",
            source_url=event.url,
            issue_number=event.number,
            seed=seed_of(event.comment_id, index),
            at=event.created_at,
            branch_prefix=command.branch_prefix,
            base_branch=event.default_branch,
            differs=command.differs,
        ),
        ports,
    )
