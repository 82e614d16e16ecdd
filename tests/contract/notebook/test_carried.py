"""
Lines of notebooks that an older Odyssey wrote.
"""

from __future__ import annotations

import json

from odyssey.adapters.notebook import carried
from odyssey.domain.memory.record import Tenant


def test_a_message_of_the_time_before_sessions_can_be_read(tenant: Tenant) -> None:
    """It is of the conversation that has none."""
    row = {"scope": "person:mona", "added_at": 1.0, "is_batched": 0}
    line = json.dumps(
        {
            "format": carried.FORMAT, "tenant": tenant.name, "kind": "message", "key": ["m1"],
            "rows": {"conversation_message": [row]},
        }
    )  # fmt: skip

    with carried.Checker() as checker:
        _, unit = checker.from_line(line)

    assert unit.rows["conversation_message"] == ({**row, "session": ""},)
