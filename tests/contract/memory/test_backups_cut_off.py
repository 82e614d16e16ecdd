"""
What backups promise when the process that makes one, or puts one back, is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from contract.memory import die_at_backup
from odyssey.domain.memory.record import Tenant


async def killed_at_each_step(verb: str, folder: Path, tenant: Tenant) -> list[dict[str, Any]]:
    """What was found after each death."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(die_at_backup.__file__), verb, str(folder), tenant.name],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_a_backup_killed_at_any_step_is_refused_or_whole(
    tmp_path: Path, tenant: Tenant
) -> None:
    """What was to be backed up is as it was, and so is where the cut off one was to go."""
    told = await killed_at_each_step("backup", tmp_path, tenant)

    assert len(told) > 12
    assert [one["at"] for one in told] == list(range(len(told)))
    assert all(one["is_refused_or_whole"] and one["another_is_whole"] for one in told)


async def test_a_restore_killed_at_any_step_is_completed_by_the_same_again(
    tmp_path: Path, tenant: Tenant
) -> None:
    """As docs/memory.md says; a repository that the backup has not is left alone."""
    told = await killed_at_each_step("restore", tmp_path, tenant)

    assert len(told) > 12
    assert [one["at"] for one in told] == list(range(len(told)))
    assert all(one["is_restored"] and one["others_stay"] for one in told)
