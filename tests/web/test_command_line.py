"""
The command line of the server: what an operator reads when something is wrong.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from odyssey.__main__ import OneLine


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_setting_that_does_not_fit_is_named_in_one_line(command: str, tmp_path: Path) -> None:
    """
    Its name and what it takes, not a traceback; what was written may be a secret.
    """
    done = subprocess.run(
        [sys.executable, "-m", "odyssey", command],
        cwd=tmp_path,
        env={**os.environ, "ODYSSEY_PORT": "swordfish"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("odyssey: setting port: ")
    assert done.stderr.count("\n") == 1
    assert "swordfish" not in done.stderr


def test_what_others_wrote_cannot_begin_a_line_of_the_log() -> None:
    """
    Line ends, terminal codes and direction marks become escapes; letters of any script stay.
    """
    said = "Grüße\n2026-11-21 INFO all is well\x1b[2J\u202e"
    record = logging.makeLogRecord({"msg": "refused: %s", "args": (said,)})

    assert OneLine("%(message)s").format(record) == (
        "refused: Grüße\\n2026-11-21 INFO all is well\\x1b[2J\\u202e"
    )
