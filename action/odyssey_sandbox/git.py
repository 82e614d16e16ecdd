"""
What git says of the checkout; read-only, and without running anything that the checkout chooses.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")


def head_of(checkout: Path) -> str:
    """
    The commit that *checkout* stands at, or nothing where it is no git checkout.
    """
    try:
        done = subprocess.run(
            [*_GIT, "-C", str(checkout), "rev-parse", "--verify", "-q", "HEAD"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = done.stdout.decode(errors="replace").strip()
    # A folder inside another repository would answer with that one's commit.
    is_own = (checkout / ".git").exists()
    return found if is_own and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", found) else ""
