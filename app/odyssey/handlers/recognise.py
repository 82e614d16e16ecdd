"""
Recognise: what memory holds about a change before it is proposed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from odyssey.domain.errors import TurnedDown, Unavailable
from odyssey.domain.identifiers import ProposalId, RepositoryRef
from odyssey.domain.memory.record import Recollection, Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory_kinds import NOTE
from odyssey.domain.proposal import Proposal, Resemblance
from odyssey.domain.repetition import find_turned_down, is_near, turned_down_text
from odyssey.handlers.memory.context import suggest_context
from odyssey.handlers.memory.quote import quote_observations
from odyssey.handlers.remember import describe_change, files_of, tenant_of
from odyssey.ports import Commit, Ports

log = logging.getLogger("odyssey.recognise")

SIMILAR = 0.62
"""
Cosine similarity of two proposals' titles and paths from which one is shown as
similar. all-MiniLM-L6-v2 puts rewordings of one change above 0.7 and unrelated
changes to one file below 0.5.
"""
RELEVANT = 0.4
"""
Cosine similarity of a change's title and paths from which a note or an observation is shown
beside it.
"""
MAX_SHOWN = 3
MAX_JUDGED = 10
"""Earlier attempts of the same change whose ends are looked at, and as many that are like it."""
OUTCOMES = ("merge", "rejection", "revert", "validation")
_TURNED_DOWN = ("rejection", "revert")
_DECIDED = ("merge", *_TURNED_DOWN)


async def find_resemblances(
    repository: RepositoryRef,
    message: str,
    commit: Commit,
    ports: Ports,
    *,
    besides: ProposalId | None = None,
) -> tuple[Resemblance, ...]:
    """
    Earlier attempts that this change resembles, the same change first; *besides* is not one.
    """
    tenant = tenant_of(repository)
    same = await ports.memory.recall(
        tenant,
        "",
        limit=MAX_JUDGED,
        kinds=("proposal",),
        where={"patch_id": commit.patch_id},
        scope=REPOSITORY,
    )
    similar = await ports.memory.recall(
        tenant,
        describe_change(message, commit.paths),
        limit=MAX_JUDGED,
        kinds=("proposal",),
        scope=REPOSITORY,
    )
    found: dict[str, tuple[Recollection, bool]] = {}
    for recollection, is_same in [
        *((each, True) for each in same),
        *((each, False) for each in similar if each.similarity >= SIMILAR),
    ]:
        identifier = recollection.record.attributes["proposal_id"]
        if identifier != besides:
            found.setdefault(identifier, (recollection, is_same))
    files = files_of(commit.paths)
    return tuple(
        [
            await _resemblance(tenant, recollection, is_same, files, ports)
            for recollection, is_same in found.values()
        ]
    )


def shown_of(resemblances: Sequence[Resemblance]) -> tuple[Resemblance, ...]:
    """Those that the pull request names: at most three, what was turned down before the rest."""
    ordered = sorted(
        resemblances,
        key=lambda each: not (each.was_turned_down and (each.is_same_change or is_near(each))),
    )
    return tuple(ordered[:MAX_SHOWN])


def refuse_repetition(resemblances: Sequence[Resemblance], *, differs: str) -> None:
    """
    Returns unless the change was turned down before and nobody says what differs.

    Raises:
        TurnedDown: with the words with which it was turned down, and a link.
    """
    earlier = find_turned_down(resemblances)
    if earlier is not None and not differs.strip():
        raise TurnedDown(turned_down_text(earlier))


async def find_advice(
    proposal: Proposal, ports: Ports
) -> tuple[tuple[Recollection, ...], tuple[str, ...]]:
    """
    What people asked to be remembered and what was learnt that bear on a proposal, at most
    three of each, and what memory advises from similar tasks and patterns.
    """
    said = describe_change(proposal.commit_message, proposal.paths)
    tenant = tenant_of(proposal.repository)
    notes = await _find_notes(tenant, said, ports)
    learnt = await _find_learnt(tenant, said, ports)
    context = await suggest_context(proposal.id, said, tenant, ports, scope=REPOSITORY)
    return (*notes, *learnt), context.recommendations


async def _find_notes(tenant: Tenant, said: str, ports: Ports) -> tuple[Recollection, ...]:
    found = await ports.memory.recall(
        tenant, said, limit=MAX_SHOWN, kinds=(NOTE,), scope=REPOSITORY
    )
    return tuple(each for each in found if each.similarity >= RELEVANT)


async def _find_learnt(tenant: Tenant, said: str, ports: Ports) -> tuple[Recollection, ...]:
    try:
        return await quote_observations(said, tenant, ports, limit=MAX_SHOWN, least=RELEVANT)
    except Unavailable as error:
        # It decides nothing, and what was turned down before is known by now.
        log.warning("tenant %s: proposed without observations: %s", tenant, error)
        return ()


async def _resemblance(
    tenant: Tenant, recollection: Recollection, is_same: bool, files: str, ports: Ports
) -> Resemblance:
    record = recollection.record
    identifier = record.attributes["proposal_id"]
    ends = await ports.memory.recall(
        tenant,
        "",
        limit=10,
        kinds=OUTCOMES,
        where={"proposal_id": identifier},
        scope=REPOSITORY,
    )
    last = max((each.record for each in ends), key=lambda record: record.occurred_at, default=None)
    # What Odyssey closed by itself, as expired, nobody has decided.
    is_decided = (
        last
        and last.kind in _DECIDED
        and (last.kind == "merge" or last.actor != ports.app.bot_login)
    )
    number = record.attributes.get("pull_request", "")
    return Resemblance(
        proposal_id=identifier,
        pull_number=int(number) if number.isdigit() else None,
        outcome=last.attributes.get("outcome", "open") if last else "open",
        reason=last.text if last else "",
        similarity=1.0 if is_same else round(recollection.similarity, 3),
        is_same_change=is_same,
        url=record.source,
        has_same_paths=record.attributes.get("files", "") == files,
        matched=("same change",) if is_same else recollection.matched,
        trust=str(last.trust if last else record.trust),
        decided_at=last.occurred_at if last and is_decided else None,
        was_turned_down=bool(is_decided and last and last.kind in _TURNED_DOWN),
    )
