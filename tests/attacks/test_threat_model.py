"""
The threat model names tests, and each of them is there.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/threat-model.md").read_text()
CLASSES = "ABCDEFGHIJKLMNOPQRS"


def test_every_test_that_the_threat_model_names_exists() -> None:
    """Whoever renames one finds out here."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file()
        or not re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]

    assert len(named) > 50
    assert missing == []


def test_every_class_of_attack_is_answered_by_a_test_or_a_reason() -> None:
    """Each letter once, in order, with what stops it and how that is shown."""
    sections = re.split(r"^### ([A-S])\. ", TEXT, flags=re.MULTILINE)[1:]
    letters, bodies = sections[::2], sections[1::2]
    empty = [
        letter
        for letter, body in zip(letters, bodies, strict=True)
        if "::test_" not in body or not ("\nHere: " in body or "\nCannot arise" in body)
    ]

    assert "".join(letters) == CLASSES
    assert empty == []
