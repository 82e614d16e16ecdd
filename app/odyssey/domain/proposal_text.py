"""
What a proposal says of itself: its pull request and the message of its merge.
"""

from __future__ import annotations

from collections.abc import Sequence

from odyssey.domain.hidden_characters import HiddenCharacter, without_hidden
from odyssey.domain.markup import clip, code, link, plain, quoted
from odyssey.domain.memory.record import Recollection
from odyssey.domain.memory_text import memory_section, resemblance_why
from odyssey.domain.proposal import Proposal, Resemblance
from odyssey.domain.record import proposal_record
from odyssey.domain.repetition import MAX_DIFFERS

MAX_TITLE = 256
"""Characters of a pull request's title; GitHub's limit."""
MAX_PATHS = 30


def pull_request_title(proposal: Proposal) -> str:
    """The title of the pull request: the commit message's first line."""
    line = " ".join(without_hidden(proposal.title).split())
    return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1].rstrip() + "…"


def pull_request_body(
    proposal: Proposal,
    *,
    hidden: Sequence[tuple[str, HiddenCharacter]] = (),
    takes_back: int | None = None,
    notes: Sequence[Recollection] = (),
    advice: Sequence[str] = (),
) -> str:
    """
    What changes, who asked, what it resembles, and how it comes to be merged.

    *hidden* are invisible characters in the change, with their paths; *takes_back* is
    the number of the pull request that a revert takes back; *notes* were recalled, and
    *advice* follows from similar tasks.
    """
    where = link("a comment" if proposal.issue_number else "a request", proposal.source_url)
    issue = f" on #{proposal.issue_number}" if proposal.issue_number else ""
    parts = [
        proposal_record(proposal),
        f"Requested by **{plain(proposal.requester)}** in {where}{issue}.",
    ]
    reasons = proposal.commit_message.strip().partition("\n")[2].strip()
    if takes_back is not None:
        parts.append(f"It takes back #{takes_back}. Why:")
    if reasons:
        parts.append(quoted(reasons, limit=8_000))
    parts.append(_changes(proposal))
    if hidden:
        parts.append(_hidden(hidden))
    if proposal.differs:
        said = quoted(proposal.differs, limit=MAX_DIFFERS)
        parts.append(f"### What is different now\n\n{said}")
    if proposal.resembles:
        parts.append("### Earlier attempts\n\n" + "\n".join(map(_resembles, proposal.resembles)))
    if notes or advice:
        parts.append(memory_section(notes, advice))
    parts.append(_how_to_merge(proposal))
    return clip("\n\n".join(parts))


def merge_message(proposal: Proposal) -> str:
    """The body of the merge commit's message: the reasons, and who asked and approved."""
    reasons = without_hidden(proposal.commit_message.strip().partition("\n")[2].strip())
    trailers = [f"Odyssey-Proposal: {proposal.id}", f"Requested-by: {_word(proposal.requester)}"]
    approvers = proposal.merge.approved_by if proposal.merge else ()
    trailers += [f"Approved-by: {_word(each)}" for each in approvers]
    return "\n\n".join(each for each in (reasons, "\n".join(trailers)) if each)


def _changes(proposal: Proposal) -> str:
    shown = [f"- {code(each)}" for each in proposal.paths[:MAX_PATHS]]
    more = len(proposal.paths) - MAX_PATHS
    if more > 0:
        shown.append(f"- and {more} more")
    count = "1 file" if len(proposal.paths) == 1 else f"{len(proposal.paths)} files"
    return f"### What changes\n\n{count}:\n\n" + "\n".join(shown)


def _hidden(hidden: Sequence[tuple[str, HiddenCharacter]]) -> str:
    shown = [
        f"- {code(path)} line {each.line}, column {each.column}: {each.notation} {plain(each.name)}"
        for path, each in hidden[:10]
    ]
    if len(hidden) > 10:
        shown.append(f"- and {len(hidden) - 10} more")
    return (
        "### ⚠️ Characters that cannot be seen\n\nThe change adds them; look twice before you "
        "approve:\n\n" + "\n".join(shown)
    )


def _resembles(earlier: Resemblance) -> str:
    name = f"#{earlier.pull_number}" if earlier.pull_number else code(earlier.proposal_id)
    how = (
        "is the same change"
        if earlier.is_same_change
        else f"is similar ({max(0.0, min(1.0, earlier.similarity)):.0%})"
    )
    line = f"- {link(name, earlier.url)} {how}; it ended as **{plain(earlier.outcome, limit=40)}**"
    if why := resemblance_why(earlier):
        line += f" ({why})"
    reason = plain(earlier.reason, limit=300)
    return f"{line}: {reason}" if reason else f"{line}."


def _how_to_merge(proposal: Proposal) -> str:
    return (
        "### How it is merged\n\n"
        "1. The sandbox builds, starts and tests the newest commit; the check run shows the "
        "result.\n"
        "2. Somebody with write permission approves that commit: *Files changed*, "
        "*Review changes*, *Approve*. By default that is not "
        f"**{plain(proposal.requester)}**. After a push, approve again.\n"
        f"3. Odyssey merges exactly that commit into {code(proposal.base_branch)}.\n\n"
        "Comment `/odyssey status` to see what is missing, `/odyssey validate` to run the sandbox "
        "again, `/odyssey reject <reason>` to close it, `/odyssey help` for the rest."
    )


def _word(login: str) -> str:
    return " ".join(without_hidden(login).split())
