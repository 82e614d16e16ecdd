"""
Settling: what was decided on observations as they were shown, set against them as they are.

Between showing and writing a model thinks for a minute, and another process may write.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from odyssey.domain.errors import Conflict
from odyssey.domain.memory.observation import Observation, Status, updated


def settle(
    decided: Iterable[Observation],
    *,
    shown: Mapping[str, Observation],
    present: Mapping[str, Observation],
    at: datetime,
) -> list[Observation]:
    """
    The versions to write, in order. *present* holds the highest version of each key.

    What is created with the words of an observation that is there proves that one; of
    one that was deleted, it is the next version.

    Raises:
        Conflict: an observation that was decided on has a newer version; nothing is written.
    """
    versions: list[Observation] = []
    for one in decided:
        there = present.get(one.key)
        if one.key in shown:
            if there is None or there.version != shown[one.key].version:
                raise Conflict(f"observation {one.key} was changed meanwhile; judged again")
            versions.append(one)
        elif there is None:
            versions.append(one)
        elif there.status is Status.ACTIVE:
            known = {source.record_id for source in there.sources}
            if any(source.record_id not in known for source in one.sources):
                confidence = max(there.confidence, one.confidence)
                versions += updated(
                    there, text=there.text, sources=one.sources, confidence=confidence, at=at
                )
        else:
            versions.append(dataclasses.replace(one, version=there.version + 1))
    return versions


def refreshed(
    shown: Iterable[Observation],
    *,
    touched: Collection[str],
    seen: Collection[str],
    at: datetime,
) -> list[Observation]:
    """
    The versions that say of observations no longer fresh that they were judged and stay.

    Those are meant of which a source was among the records *seen*, and which were not
    *touched*.
    """
    versions: list[Observation] = []
    for one in shown:
        is_judged = any(source.record_id in seen for source in one.sources)
        if one.is_fresh or one.key in touched or not is_judged:
            continue
        following, retired = updated(
            one, text=one.text, sources=(), confidence=one.confidence, at=at
        )
        versions += (
            dataclasses.replace(following, reason="judged again; what is left supports it"),
            retired,
        )
    return versions
