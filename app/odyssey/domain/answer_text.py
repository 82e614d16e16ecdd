"""
Answers to `approve`, `update` and `revert`, and what a revert says of itself.
"""

from __future__ import annotations

from odyssey.domain.markers import marker
from odyssey.domain.markup import code, fence, link, plain, quoted
from odyssey.domain.proposal import Proposal, Status

MAX_QUOTED_TITLE = 180


def up_to_date(base_branch: str, base_sha: str) -> str:
    """That an update found nothing to do."""
    return (
        f"Already up to date: the branch contains the tip of {code(base_branch)}, "
        f"`{base_sha[:7]}`. Nothing was done."
    )


def another_head(sha: str, head_sha: str) -> str:
    """That an approval names another commit than the last one, and what to do."""
    return (
        f"`{sha[:12]}` is not the last commit of this pull request, so nothing was approved. The "
        f"last one is `{head_sha}`. Read it, then paste:\n\n{fence(f'/odyssey approve {head_sha}')}"
    )


def ambiguous_head(sha: str, head_sha: str) -> str:
    """That an approval names two commits, and what to do."""
    return (
        f"Two commits of this pull request begin with `{sha[:12]}`, which hardly happens by "
        f"chance, so nothing was approved. The last one is `{head_sha}`. Read it, then paste:\n\n"
        f"{fence(f'/odyssey approve {head_sha}')}"
    )


def revert_message(original: Proposal, reason: str, merge_sha: str) -> str:
    """The commit message of a revert: its title, why, and what it takes back."""
    title = " ".join(original.title.split())
    if len(title) > MAX_QUOTED_TITLE:
        title = f"{title[: MAX_QUOTED_TITLE - 1].rstrip()}…"
    return (
        f'Revert "{title}"\n\n{reason.strip()}\n\n'
        f"This takes back commit {merge_sha}, the merge of #{original.pull_number}."
    )


def revert_reason(revert: Proposal) -> str:
    """Why, from the commit message of a revert."""
    return revert.commit_message.strip().partition("\n\n")[2].rpartition("\n\n")[0].strip()


def revert_opened(revert: Proposal, reason: str, by: str) -> str:
    """What the original's pull request is told."""
    name = link(f"#{revert.pull_number}", _url(revert))
    return (
        f"**{plain(by)}** asked to take this back, and {name} proposes it:\n\n{quoted(reason)}\n\n"
        "It is validated and approved like any other change."
    )


def revert_marker(revert: Proposal) -> str:
    """The hidden marker of that comment."""
    return marker("revert", revert.id)


def reverted_already(revert: Proposal) -> str:
    """That somebody asked for the same before, and what came of it."""
    name = link(f"#{revert.pull_number}", _url(revert))
    if revert.status is Status.MERGED:
        return (
            f"{name} has taken this back already, so nothing was done. To bring it back, comment "
            "`/odyssey revert <reason>` there."
        )
    return f"{name} proposes this revert already, and is `{revert.status}`. Nothing was done."


def _url(proposal: Proposal) -> str:
    # The host is that of whatever the proposal came from: GitHub's own, or an enterprise's.
    host = "/".join(proposal.source_url.split("/")[:3])
    return f"{host}/{proposal.repository.full_name}/pull/{proposal.pull_number}"
