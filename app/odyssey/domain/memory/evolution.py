"""
Evolution: what a memory came from, how it changed, and what it became.

An observation's versions are only ever added, so its history is all there: each version
with the records that were added or lost, and why.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from odyssey.domain.hidden_characters import without_hidden
from odyssey.domain.memory.observation import Observation, Source, Status, Trend
from odyssey.domain.memory.record import Record


class Change(StrEnum):
    """What a version did to the one before it."""

    CREATED = "created"
    REWORDED = "reworded"
    CONFIRMED = "confirmed"
    JUDGED = "judged again"
    WEAKENED = "lost a source"
    DELETED = "deleted"
    RESTORED = "said again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One version, and what it changed: the sources it added and those it lost."""

    version: Observation
    change: Change
    added: tuple[Source, ...]
    lost: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolution:
    """
    The steps of one observation, oldest first, at least one.

    `records` are its sources by id, of those that memory still holds.
    """

    key: str
    steps: tuple[Step, ...]
    records: Mapping[str, Record] = field(default_factory=dict)

    @property
    def last(self) -> Observation:
        """What it became."""
        return self.steps[-1].version

    @property
    def sources(self) -> tuple[Source, ...]:
        """Everything it ever rested on, oldest first."""
        known = {each.record_id: each for step in self.steps for each in step.version.sources}
        return tuple(sorted(known.values()))

    def trend(self, now: datetime) -> Trend | None:
        """That of the last version; None once it is deleted."""
        return None if self.last.status is Status.DELETED else self.last.trend(now=now)


def evolution(
    versions: Iterable[Observation], records: Mapping[str, Record] | None = None
) -> Evolution:
    """
    The evolution of the observation whose *versions* these are, in any order.

    Raises:
        ValueError: there is none, or they are of two observations.
    """
    every = list(versions)
    keys = {one.key for one in every}
    if len(keys) != 1:
        raise ValueError(f"an evolution is of one observation, and {sorted(keys)} were given")
    by_version = {one.version: one for one in every}
    ordered = [by_version[number] for number in sorted(by_version)]
    steps = [_step(None, ordered[0])]
    steps += [_step(before, one) for before, one in itertools.pairwise(ordered)]
    return Evolution(key=keys.pop(), steps=tuple(steps), records=dict(records or {}))


def key_of(identifier: str) -> str:
    """The observation's key in *identifier*: `obs_1`, or `observation:obs_1` as recall tells it."""
    kind, colon, rest = identifier.partition(":")
    return rest.partition(":")[0] if colon and kind == "observation" else identifier


def shown(text: str, *, limit: int = 2_000) -> str:
    """Foreign *text* as one visible line that is valid in every encoding."""
    plain = text.encode("utf-8", "replace").decode()
    line = " ".join(without_hidden(plain).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def difference(before: str, after: str) -> list[tuple[str, str]]:
    """
    How *before* became *after*, in words: pairs of `same`, `gone` or `new` and a piece of text.

    Joined, the pieces that are not `new` are *before*, those not `gone` are *after*.
    """
    old, new = _tokens(before), _tokens(after)
    found: list[tuple[str, str]] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for _, first, end, start, stop in matcher.get_opcodes():
        left, right = "".join(old[first:end]), "".join(new[start:stop])
        if left == right:
            found.append(("same", left))
            continue
        found += [(name, part) for name, part in (("gone", left), ("new", right)) if part]
    return found


def _tokens(text: str) -> Sequence[str]:
    return re.findall(r"\s+|[^\W_]+|.", text, re.DOTALL)


def _step(before: Observation | None, version: Observation) -> Step:
    was = {each.record_id for each in before.sources} if before else set()
    now = {each.record_id for each in version.sources}
    lost = tuple(each for each in before.sources if each.record_id not in now) if before else ()
    return Step(
        version=version,
        change=_change(before, version, is_confirmed=bool(now - was), is_weaker=bool(lost)),
        added=tuple(each for each in version.sources if each.record_id not in was),
        lost=lost,
    )


def _change(
    before: Observation | None, version: Observation, *, is_confirmed: bool, is_weaker: bool
) -> Change:
    if version.status is Status.DELETED:
        return Change.DELETED
    if before is None:
        return Change.CREATED
    if before.status is Status.DELETED:
        return Change.RESTORED
    if before.text != version.text:
        return Change.REWORDED
    if is_weaker:
        return Change.WEAKENED
    return Change.CONFIRMED if is_confirmed else Change.JUDGED
