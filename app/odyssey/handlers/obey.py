"""
Obey: does what `/odyssey ...` in a comment asks for, and answers each command once.
"""

from __future__ import annotations

from odyssey.domain import comments
from odyssey.domain.commands import (
    Command,
    Help,
    Malformed,
    Propose,
    Reject,
    StatusAsked,
    Unknown,
    Validate,
    parse_commands,
)
from odyssey.domain.errors import (
    ChangeRefused,
    CommandRefused,
    NotFound,
    NotProposable,
    PermissionDenied,
)
from odyssey.domain.events import IssueCommented
from odyssey.domain.identifiers import PullRequestRef
from odyssey.domain.proposal import Proposal
from odyssey.handlers.propose import ProposalRequest, propose
from odyssey.handlers.reconcile import look, validate_again
from odyssey.handlers.reject import reject
from odyssey.ports import Ports


async def obey(event: IssueCommented, ports: Ports, *, again: bool = False) -> None:
    """
    Carries out the commands of one new comment, in order.

    The comment is acknowledged with a reaction before anything else. A command
    whose effect shows itself (a pull request, a status comment) is answered by
    that; every other one, every refusal, and that hidden characters were left
    out of a command, by one comment.
    """
    if not event.author_is_person:
        return
    commands = parse_commands(event.body)
    if not commands:
        return
    await ports.github.react(event.repository, event.comment_id, "eyes")
    for index, command in enumerate(commands):
        try:
            answer = await _carry_out(command, index, event, ports)
        except (CommandRefused, ChangeRefused) as error:
            answer = comments.refusal(event.author, error)
        except NotFound as error:
            answer = comments.refusal(event.author, NotProposable(str(error)))
        answer = "\n\n".join(filter(None, (answer, comments.hidden_note(command.hidden))))
        if not answer:
            continue
        marker = comments.answer_marker(event.comment_id, index)
        await ports.github.post_comment(
            event.repository,
            event.number,
            f"{answer}\n\n{marker}",
            marker=marker,
            look_first=again,
        )


async def _carry_out(
    command: Command, index: int, event: IssueCommented, ports: Ports
) -> str | None:
    match command:
        case Help():
            return comments.help_comment()
        case Unknown(word=word, nearest=nearest):
            return comments.unknown_command(event.author, word, nearest)
        case Malformed():
            return comments.malformed(event.author, command)
        case StatusAsked():
            return comments.status_answer(*await look(await _proposal(event, ports), ports))
    await _require_write(event, ports)
    match command:
        case Propose(change=None):
            return comments.not_drafting_yet(event.author)
        case Propose():
            await _propose(command, index, event, ports)
            return None
        case Validate():
            proposal = await _proposal(event, ports)
            request = f"comment {event.comment_id}"
            await validate_again(proposal.pull_request, ports, request=request)
            return None
        case Reject(reason=reason):
            proposal = await _proposal(event, ports)
            await reject(proposal, ports, by=event.author, reason=reason)
            if event.is_pull_request:
                return None
            return comments.rejected(event.author, proposal.pull_request.number)


async def _require_write(event: IssueCommented, ports: Ports) -> None:
    permission = await ports.github.permission(event.repository, event.author)
    if not permission.can_write:
        raise PermissionDenied(
            f"This command needs write permission in `{event.repository}`; "
            f"`{event.author}` has `{permission}`. Ask a maintainer to give the command."
        )


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
            seed=("comment", str(event.comment_id), str(index)),
            branch_prefix=command.branch_prefix,
            base_branch=event.default_branch,
        ),
        ports,
    )


async def _proposal(event: IssueCommented, ports: Ports) -> Proposal:
    """The proposal a command is about: of this pull request, or the newest one of this issue."""
    if event.is_pull_request:
        found = await ports.proposals.find_by_pull_request(
            PullRequestRef(event.repository, event.number)
        )
    else:
        newest = await ports.proposals.newest(limit=50, repository=event.repository.full_name)
        found = next(
            (each for each in newest if each.issue_number == event.number and each.pull_number),
            None,
        )
    if found is None:
        where = "pull request is no proposal" if event.is_pull_request else "issue has no proposal"
        raise NotProposable(
            f"This {where} of Odyssey's. Start one with `/odyssey propose` on an issue."
        )
    return found
