"""
What the use cases of memory need of all the ports.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from odyssey.ports import Memory
from odyssey.ports.derived import MemoryPorts


class Needs(Protocol):
    """A part of `Ports`; whoever has those has these."""

    @property
    def memory(self) -> Memory:
        """Records, and the index of what is derived from them."""
        ...

    @property
    def derived(self) -> MemoryPorts:
        """The notebooks, and the model."""
        ...

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""
        ...
