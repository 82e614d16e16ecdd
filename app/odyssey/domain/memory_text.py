"""
Memory as people read it: what was recalled, by whom it was said, how it was found; always quoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from odyssey.domain.markup import clip, code, link, plain, quoted
from odyssey.domain.memory.learnt import Learnt
from odyssey.domain.memory.record import Recollection, Trust
from odyssey.domain.proposal import Resemblance

MAX_LINE = 300
MAX_ADVICE = 5

_VOUCHED = {
    Trust.PERSON: "said by a person",
    Trust.AGENT: "said by a program",
    Trust.TOOL: "reported by a tool",
    Trust.INJECTED: "taken from memory",
}


def trust_label(trust: str) -> str:
    """Who vouches for a text, in words; "" for what is unknown."""
    return _VOUCHED[Trust(trust)] if trust in set(Trust) else ""


def recollection_item(recollection: Recollection) -> str:
    """One recollection as an item of a list: when, who, trust, link and how it was found."""
    record = recollection.record
    found = _found(recollection.matched, recollection.similarity)
    if isinstance(recollection, Learnt):
        who, source = f" **observation** {_proof(recollection)}", ""
    else:
        who = f" **{plain(record.actor, limit=100)}**" if record.actor else ""
        source = f", {link('source', record.source)}"
    head = f"- {record.occurred_at:%Y-%m-%d}{who}, {_VOUCHED[record.trust]} ({found}){source}:"
    words = quoted(record.text, limit=MAX_LINE)
    return f"{head}\n" + "\n".join(f"  {line}" for line in words.splitlines())


def resemblance_why(earlier: Resemblance) -> str:
    """How an earlier attempt was found, and who vouches for how it ended; "" if not known."""
    found = "" if earlier.is_same_change else ", ".join(earlier.matched)
    parts = [f"found by {plain(found)}" if found else "", trust_label(earlier.trust)]
    return "; ".join(filter(None, parts))


def memory_section(notes: Sequence[Recollection], advice: Sequence[str]) -> str:
    """
    What people asked to be remembered and what was learnt that bear on a change, and what
    similar tasks teach.
    """
    parts = ["### Remembered", "Quoted from memory; it decides nothing."]
    if notes:
        parts.append("\n".join(map(recollection_item, notes)))
    if advice:
        parts.append("\n".join(f"- {plain(each)}" for each in advice[:MAX_ADVICE]))
    return "\n\n".join(parts)


def remembered(author: str, text: str, *, masked: int) -> str:
    """That words are kept, as they are kept."""
    covered = {0: "", 1: " One secret or address in it was masked."}.get(
        masked, f" {masked} secrets or addresses in it were masked."
    )
    return (
        f"**{plain(author)}**, this is remembered:{covered}\n\n{quoted(text)}\n\n"
        "It is shown where it bears on a proposal, and decides nothing. "
        "`/odyssey forget` with the link of your comment deletes it."
    )


def recalled(
    author: str,
    question: str,
    found: Sequence[Recollection],
    *,
    learnt: Sequence[Learnt] = (),
    archived: Sequence[Recollection] = (),
) -> str:
    """
    What memory holds about a question, quoted: what happened, what was *learnt* from such, and
    what is *archived*.
    """
    asked = code(question, limit=200)
    shelves = [("", found), ("Learnt from what happened:", learnt), ("In the archive:", archived)]
    parts = [
        "\n\n".join(filter(None, (title, "\n".join(map(recollection_item, items)))))
        for title, items in shelves
        if items
    ]
    if not parts:
        return f"**{plain(author)}**, memory holds nothing about {asked}."
    opening = f"**{plain(author)}**, about {asked} memory holds, best first:"
    closing = "Quoted as it was said; nobody has checked whether it is still true."
    return clip("\n\n".join((opening, *parts, closing)))


def forgotten(
    author: str,
    what: str,
    deleted: Mapping[str, int],
    *,
    mentions: Mapping[str, int] | None = None,
    is_done: bool = True,
) -> str:
    """
    How many rows of which kind were deleted, and that none is left; or that it is not done.

    *mentions* counts texts of others that name the person still.
    """
    named = _counted(mentions or {})
    stays = f"\n\nTexts of others name {code(what)} still, and stay: {named}." if named else ""
    rows = _counted(deleted)
    if not rows:
        nothing = f"memory holds nothing of {code(what)}; nothing was deleted."
        return f"**{plain(author)}**, {nothing}{stays}"
    if not is_done:
        return (
            f"**{plain(author)}**, this is not done: of {code(what)} memory held more than is "
            f"deleted at once. Deleted so far: {rows}. Write the command again for the rest."
        )
    return (
        f"**{plain(author)}**, what memory held of {code(what)} is deleted: {rows}. "
        "A search by the same condition then found none. Comments and pull requests on GitHub "
        f"stay, and so do files that were exported.{stays}"
    )


def _counted(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count} × {plain(kind)}" for kind, count in sorted(rows.items()) if count)


def _proof(learnt: Learnt) -> str:
    links = ", ".join(link(str(place), url) for place, url in enumerate(learnt.links, start=1))
    count = "1 record" if learnt.proof_count == 1 else f"{learnt.proof_count} records"
    fresh = "" if learnt.is_fresh else ", not judged since a record of it was taken back"
    return f"from {count}{f' ({links})' if links else ''}, {learnt.trend}{fresh}"


def _found(matched: Sequence[str], similarity: float) -> str:
    arms = plain(", ".join(matched)) or "newest"
    return f"{arms}; similarity {similarity:.2f}" if similarity else arms
