"""
The parts of every notebook: one line for each module that keeps tables in it.
"""

from __future__ import annotations

from odyssey.adapters.notebook import (
    blocks,
    conversations,
    jobs,
    learning,
    observations,
    patterns,
    subscriptions,
    tasks,
)
from odyssey.adapters.notebook.database import Part

PARTS: tuple[Part, ...] = (
    jobs.PART,
    observations.PART,
    conversations.PART,
    tasks.PART,
    patterns.PART,
    blocks.PART,
    subscriptions.PART,
    # The last to forget: it knows which records are whose.
    learning.PART,
)
