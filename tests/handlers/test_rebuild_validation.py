"""
Rebuild a validation: the run is known by its name, however a workflow calls it.
"""

from __future__ import annotations

import pytest

from odyssey.handlers.rebuild_validation import nonce_in

SHA = "9d06d4b87b436216a17e25ccab7c12f5ffe048b3"


@pytest.mark.parametrize(
    ("title", "nonce"),
    [
        ("Odyssey prop_h2r2wtdqi7 0123456789abcdef", "0123456789abcdef"),
        (
            f"Odyssey validation of prop_h2r2wtdqi7 at {SHA} (0123456789abcdef)",
            "0123456789abcdef",
        ),
        (f"Odyssey validation of prop_h2r2wtdqi7 at {SHA}", None),
        ("Run 0123456789abcdef of prop_h2r2wtdqi7", None),
    ],
)
def test_the_nonce_of_a_run_is_behind_the_id_of_its_proposal(title: str, nonce: str | None) -> None:
    """As the example in the documentation has it, and the workflow that is handed out."""
    assert nonce_in(title) == nonce
