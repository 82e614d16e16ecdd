"""
How much is tried: a little and always the same in `make test`, as much as is asked for otherwise.

`ODYSSEY_FUZZ=5000 pytest tests/fuzz` tries 5,000 examples of each promise, new ones each time; a
failing one is printed as a line to paste above its test.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

ASKED = int(os.environ.get("ODYSSEY_FUZZ", "0"))

SHARES = {"pure": 1.0, "web": 0.5, "git": 0.2, "machine": 0.1}
"""How many examples each kind gets, by what one of them costs."""


def fuzz(kind: str, *, usual: int = 60) -> settings:
    """
    The settings of a test of *kind* (see `SHARES`), which tries *usual* examples in `make test`.
    """
    return settings(
        max_examples=max(10, int(ASKED * SHARES[kind])) if ASKED else usual,
        derandomize=not ASKED,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
        ],
    )
