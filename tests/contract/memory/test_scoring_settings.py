"""
The settings of scoring reach recall, also by the names they have elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_thresholds_are_known_by_their_older_names(tmp_path: Path) -> None:
    """In a process of its own, as a server reads its environment."""
    program = (
        "from odyssey.settings import read_settings as r; s = r();"
        "print(s.memory_recall_threshold, s.memory_composite_threshold, s.memory_link_threshold)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "OMNIMEMORY_RECALL_THRESHOLD": "0.3",
            "OMNIMEMORY_COMPOSITE_SCORE_THRESHOLD": "0.4",
            "OMNIMEMORY_LINK_THRESHOLD": "0.8",
        },
    )

    assert done.stdout.split() == ["0.3", "0.4", "0.8"]
