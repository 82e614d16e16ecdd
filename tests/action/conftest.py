"""
Fixtures of the Action's tests: a world for each test.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from action.sandbox_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """
    A world of its own, on this machine's engine.
    """
    return World(folder=tmp_path)
