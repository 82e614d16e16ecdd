"""
Sweep deliveries: what GitHub could not hand over is asked for once more.

GitHub sends each delivery once and keeps a log of its tries for three days. A delivery without
one good try, of which the inbox knows nothing, is asked for again. GitHub's own advice:
docs.github.com/webhooks/using-webhooks/automatically-redelivering-failed-deliveries-for-a-github-app-webhook
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from odyssey.domain.errors import OdysseyError, RateLimited, Unavailable
from odyssey.domain.events import is_used
from odyssey.domain.identifiers import DeliveryId
from odyssey.ports import Ports
from odyssey.ports.healing import DeliveryAttempt

log = logging.getLogger("odyssey.sweeps")

NAME = "sweep:deliveries"
KEPT = timedelta(days=3)
"""How long github.com keeps the log."""
OVERLAP = timedelta(minutes=10)
"""The log is looked at from before the last sweep: its lines may come late."""
GRACE = timedelta(minutes=1)
"""A try younger than this may not be over."""
MOST_LISTED = 30_000
MOST_ASKED = 200
"""Redeliveries asked for in one sweep: an inbox that was away is not flooded."""
FIRST_WAIT = timedelta(minutes=5)
"""Before a delivery is asked for a second time; doubled with each."""
MOST_TRIES = 10
"""10 tries, each after twice the time, outlast the three days."""
MOST_REFUSED = 3
"""A delivery that Odyssey itself refuses (4xx) will hardly be taken later."""
MOST_UNANSWERED = 3
"""After so many, one after the other, it is an outage, and the sweep ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySweep:
    """What one sweep found: tries listed, deliveries asked for again, deliveries given up."""

    listed: int = 0
    asked: tuple[DeliveryId, ...] = ()
    given_up: tuple[DeliveryId, ...] = ()


async def sweep_deliveries(ports: Ports) -> DeliverySweep:
    """
    Asks GitHub for the deliveries that never came through.

    Raises:
        Busy: another process is at it.
        RateLimited: GitHub asks for patience; nothing is lost, the next sweep goes on.
    """
    async with ports.proposals.lock(NAME):
        started = ports.now()
        last = await ports.notes.time(NAME)
        start = max(started - KEPT, (last or started - KEPT) - OVERLAP)
        attempts = await ports.deliveries.since(start, most=MOST_LISTED)
        asked: list[DeliveryId] = []
        given_up: list[DeliveryId] = []
        unanswered = 0
        # From here the next sweep looks: everything before is through, or given up.
        open_since = started
        was_up_at = max((each.at for each in attempts if each.is_ok), default=None)
        for guid, tries in await _lost(attempts, ports):
            newest = max(tries, key=lambda each: each.at)
            count, last_try = await ports.notes.tries(f"delivery:{guid}")
            if count >= (MOST_REFUSED if 400 <= newest.status_code < 500 else MOST_TRIES):
                given_up.append(guid)
                continue
            open_since = min(open_since, newest.at)
            if newest.at > started - GRACE or len(asked) >= MOST_ASKED:
                continue
            # Odyssey was away, if others came through since: then waiting has no use.
            is_back = was_up_at is not None and was_up_at > newest.at
            if last_try and not is_back and started < last_try + FIRST_WAIT * 2 ** (count - 1):
                continue
            try:
                await ports.deliveries.redeliver(newest.id)
            except RateLimited:
                raise
            except Unavailable as error:
                # It counts for nothing: GitHub is away, or fails at this one alone.
                unanswered += 1
                if unanswered == MOST_UNANSWERED:
                    raise
                log.warning("delivery %s is left to the next sweep: %s", guid, error)
                continue
            except OdysseyError as error:
                # GitHub does not keep it any more, or does not want to: others wait behind it.
                log.warning("delivery %s is not sent again: %s", guid, error)
            else:
                asked.append(guid)
                unanswered = 0
            await ports.notes.tried(f"delivery:{guid}", ports.now())
        for guid in given_up:
            log.warning("delivery %s is given up: GitHub could not hand it over", guid)
        if len(attempts) >= MOST_LISTED:
            log.warning(
                "more than %s tries since %s: older ones were not looked at", MOST_LISTED, start
            )
        await ports.notes.set_time(NAME, open_since)
    if asked:
        log.warning(
            "%s deliveries asked for again, of %s tries since %s", len(asked), len(attempts), start
        )
    return DeliverySweep(listed=len(attempts), asked=tuple(asked), given_up=tuple(given_up))


async def _lost(
    attempts: Sequence[DeliveryAttempt], ports: Ports
) -> list[tuple[DeliveryId, list[DeliveryAttempt]]]:
    """The deliveries Odyssey uses that nobody took, oldest first, each with its tries."""
    by_guid: defaultdict[DeliveryId, list[DeliveryAttempt]] = defaultdict(list)
    for attempt in attempts:
        if is_used(attempt.event, attempt.action):
            by_guid[attempt.guid].append(attempt)
    lost = []
    for guid, tries in by_guid.items():
        if any(each.is_ok for each in tries):
            continue
        # Taken, and only the answer was lost on its way.
        if await ports.inbox.find_state(guid) in ("waiting", "leased", "done"):
            continue
        lost.append((guid, tries))
    return sorted(lost, key=lambda each: _oldest(each[1]))


def _oldest(tries: Sequence[DeliveryAttempt]) -> datetime:
    return min(each.at for each in tries)
