"""Labels by name, made where they are missing, as GitHub does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from odyssey.simulator.auth import Scope
from odyssey.simulator.errors import invalid
from odyssey.simulator.state import Label


def labels_named(scope: Scope, names: Sequence[Any]) -> list[Label]:
    """The labels called *names* (strings or objects with `name`)."""
    found: list[Label] = []
    for entry in names:
        name = entry.get("name") if isinstance(entry, dict) else entry
        if not isinstance(name, str) or not name.strip():
            raise invalid("Label", "missing_field", "name")
        label = scope.repository.labels.get(name)
        if label is None:
            label = Label(scope.simulator.ids.next("label"), name)
            scope.repository.labels[name] = label
        if label not in found:
            found.append(label)
    return found
