"""
Remember what was said: comments, reviews and the comments beside the diff, reports of the sandbox.

All of it was read for something else already; nothing is asked of GitHub for it. What Odyssey
wrote itself is left out: it would learn from its own words.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from odyssey.domain.commands import (
    MAX_COMMENT,
    Command,
    Forget,
    Recall,
    Remember,
    parse_commands,
)
from odyssey.domain.errors import Unavailable
from odyssey.domain.events import IssueCommented
from odyssey.domain.memory.record import Record, Trust
from odyssey.domain.memory_kinds import COMMENT, REPORT, REVIEW
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import Comment, PullRequest, Review
from odyssey.handlers.remember import keep, mentioned_in
from odyssey.ports import Ports

log = logging.getLogger("odyssey.memory")

MAX_LINES = 100
"""Comments beside the diff, the newest, that are looked at."""
MAX_KEPT = 300
"""Of how many reviews and reports a proposal knows that they are in memory."""


def thread_of(event: IssueCommented) -> str:
    """The thread that a comment is said in, `pull/7` or `issues/7`, as in its address."""
    return f"{'pull' if event.is_pull_request else 'issues'}/{event.number}"


async def retain_comment(event: IssueCommented, commands: Sequence[Command], ports: Ports) -> None:
    """
    Keeps a comment with commands, wherever it was written. Repeatable.

    One that speaks to memory is left out: its words are kept already, or are a question,
    or name what is to be forgotten.
    """
    if any(isinstance(each, Remember | Recall | Forget) for each in commands):
        return
    record = Record(
        id=f"comment:{event.comment_id}",
        kind=COMMENT,
        text=event.body[:MAX_COMMENT],
        occurred_at=event.created_at,
        trust=Trust.PERSON,
        source=event.url,
        actor=event.author,
        thread=thread_of(event),
        person=event.author,
        attributes={
            "comment_id": str(event.comment_id),
            "command": ",".join(dict.fromkeys(_word(each) for each in commands)),
            "issue": str(event.number),
            **mentioned_in(event.body, event.created_at),
        },
    )
    try:
        await keep(event.repository, [record], ports)
    except Unavailable as error:
        # The commands are carried out; to do them again for the words' sake would be worse.
        log.warning("comment %s is not remembered: %s", event.comment_id, error)


async def retain_said(proposal: Proposal, pull: PullRequest, ports: Ports) -> Proposal:
    """
    The proposal, once what was written at *pull* and what the sandbox passed are kept.
    """
    lines = sorted(pull.line_comments, key=lambda each: each.said_at)[-MAX_LINES:]
    said: list[Review | Comment] = [*pull.reviews, *lines, *pull.comments]
    records = [
        _review(each, proposal, pull)
        if isinstance(each, Review)
        else _comment(each, proposal, pull)
        for each in said
        if each.body.strip() and each.author != ports.app.bot_login and not _is_command(each)
    ]
    if report := _report(proposal):
        records.append(report)
    new = [each for each in records if each.id not in proposal.kept]
    if not new:
        return proposal
    await keep(proposal.repository, new, ports)
    kept = (*proposal.kept, *(each.id for each in new))
    return replace(proposal, kept=kept[-MAX_KEPT:])


def _review(review: Review, proposal: Proposal, pull: PullRequest) -> Record:
    return Record(
        id=f"review:{review.id}",
        kind=REVIEW,
        text=review.body,
        occurred_at=review.submitted_at,
        trust=Trust.PERSON if review.author_is_person else Trust.AGENT,
        source=f"{pull.url}#pullrequestreview-{review.id}",
        actor=review.author,
        thread=f"pull/{pull.ref.number}",
        person=review.author,
        attributes={
            "proposal_id": proposal.id,
            "pull_request": str(pull.ref.number),
            "head_sha": review.head_sha or "",
            "state": str(review.state),
            "title": proposal.title,
            **mentioned_in(review.body, review.submitted_at),
        },
    )


def _is_command(said: Review | Comment) -> bool:
    """Whether it is kept when it is carried out; beside the diff and in reviews nothing is."""
    return isinstance(said, Comment) and said.path is None and bool(parse_commands(said.body))


def _comment(comment: Comment, proposal: Proposal, pull: PullRequest) -> Record:
    is_beside_diff = comment.path is not None
    return Record(
        id=f"{'review_comment' if is_beside_diff else 'comment'}:{comment.id}",
        kind=REVIEW if is_beside_diff else COMMENT,
        text=comment.body[:MAX_COMMENT],
        occurred_at=comment.said_at,
        trust=Trust.PERSON if comment.author_is_person else Trust.AGENT,
        source=comment.url,
        actor=comment.author,
        thread=f"pull/{pull.ref.number}",
        person=comment.author,
        attributes={
            "proposal_id": proposal.id,
            "pull_request": str(pull.ref.number),
            "comment_id": str(comment.id),
            "title": proposal.title,
            **({"files": comment.path} if comment.path is not None else {}),
            **mentioned_in(comment.body, comment.said_at),
        },
    )


def _report(proposal: Proposal) -> Record | None:
    """What the sandbox passed; that it failed is an outcome, and kept as one."""
    validation = proposal.current_validation
    if validation is None or not validation.is_success or validation.completed_at is None:
        return None
    return Record(
        id=f"{proposal.id}:validation_passed:{validation.nonce}",
        kind=REPORT,
        text=f"Validation passed: {proposal.title}. {validation.passed} tests passed, "
        f"{validation.skipped} were skipped.",
        occurred_at=validation.completed_at,
        trust=Trust.TOOL,
        source=validation.run_url or proposal.source_url,
        actor="sandbox",
        thread=f"pull/{proposal.pull_number}",
        attributes={
            "proposal_id": proposal.id,
            "pull_request": str(proposal.pull_number),
            "head_sha": validation.head_sha,
            "run_id": str(validation.run_id or ""),
            "outcome": "validation_passed",
            "title": proposal.title,
        },
    )


def _word(command: Command) -> str:
    return str(getattr(type(command), "word", "unknown"))
