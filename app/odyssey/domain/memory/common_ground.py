"""
The kind that a task shares with earlier ones, found without anybody naming it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from odyssey.domain.memory.indicators import OF_EVERY_REPORT, written
from odyssey.domain.memory.task_kinds import Kind, read_kind
from odyssey.domain.memory.tasks import TaskMemory
from odyssey.domain.memory.terms import terms

_SHORTEST = 4
_MOST = 0.5
"""Of all tasks: a word in more of them than that says nothing of their kind."""

# What is done to whatever it is: steps of the work, not kinds of it.
_STEPS = frozenset(
    terms(
        "error broke break broken fix fixed feature remove removed refactor improve support merge "
        "merged reject rejected revert reverted approve approved validation validate validated "
        "test tested tests code file new old project repository proposal pull request issue"
    )
)


def shared_kind(
    task: TaskMemory, earlier: Sequence[TaskMemory], *, min_samples: int
) -> Kind | None:
    """
    The kind of *task* by the word that it shares with most of *earlier* of the same outcome.

    None where fewer than *min_samples* share one, *task* among them. The words of every
    report (`implemented`, `tests`, `merged`) do not count, nor those of most tasks.
    """
    others = [one for one in earlier if one.memory_id != task.memory_id]
    own = written(task.said)
    texts = [(one, written(one.said)) for one in others]
    among = Counter(stem for _, words in texts for stem in words)
    forms: dict[str, set[str]] = defaultdict(set)
    peers: Counter[str] = Counter()
    for one, words in texts:
        if one.success is task.success:
            for stem in own.keys() & words.keys():
                peers[stem] += 1
                forms[stem].add(words[stem])
    size = len(others) + 1
    best: tuple[float, str] | None = None
    for stem, count in peers.items():
        share = (among[stem] + 1) / size
        is_everywhere = share > _MOST and size > 3 * min_samples
        if count + 1 < min_samples or stem in _STEPS | OF_EVERY_REPORT or is_everywhere:
            continue
        stump = _beginning([own[stem], *forms[stem]])
        if len(stump) < _SHORTEST:
            continue
        candidate = ((count + 1) * math.log(1 + 1 / share), stump)
        best = candidate if best is None else max(best, candidate)
    return None if best is None else read_kind(f".*{best[1]}.*")


def _beginning(words: Sequence[str]) -> str:
    """What all the words begin with."""
    first, last = min(words), max(words)
    same = (index for index, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(same, min(len(first), len(last)))]
