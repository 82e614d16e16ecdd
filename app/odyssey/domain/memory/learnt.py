"""
An observation as a recall gives it: beside its words what they rest on.
"""

from __future__ import annotations

from dataclasses import dataclass

from odyssey.domain.memory.observation import Trend
from odyssey.domain.memory.record import Recollection


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt(Recollection):
    """
    What records say together, and why it was found.

    `proof_count` is how many records say so, and `links` are the addresses of some of them,
    the newest first. `is_fresh` is False once one was taken back and nobody has judged since.
    """

    proof_count: int
    trend: Trend
    is_fresh: bool = True
    links: tuple[str, ...] = ()
