"""
`odyssey memory evolution`, as it is typed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from contract.memory.records import NOON
from contract.notebook.written import write_observations
from odyssey.adapters.notebook.opening import make_notebooks, memory_ports
from odyssey.bootstrap import NOTEBOOKS
from odyssey.domain.memory.observation import Observation, Source
from odyssey.domain.memory.record import Tenant
from odyssey.settings import Settings

TENANT = Tenant.of(7, "acme/shop")


def evolution(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`odyssey memory evolution ARGUMENTS` with its data in *folder*, and no model."""
    return subprocess.run(
        [sys.executable, "-m", "odyssey", "memory", "evolution", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "ODYSSEY_DATA_DIR": str(folder), "EMBEDDING_MODEL_NAME": ""},
    )


async def test_an_evolution_is_told_on_the_command_line(tmp_path: Path) -> None:
    """As text, or in a file; what is not there is an error that says where to look."""
    notebooks = make_notebooks(Settings(data_dir=tmp_path).memory_folder / NOTEBOOKS)
    derived = memory_ports(notebooks)
    one = Observation(
        key="obs_1", version=1, text="CI runs on tags", sources=(Source(NOON, "a"),),
        confidence=0.8, scope="repository", created_at=NOON,
    )  # fmt: skip
    await write_observations(
        TENANT, [one], jobs=derived.jobs, observations=derived.observations, now=NOON
    )
    await notebooks.close()

    text = evolution(tmp_path, "obs_1")
    page = evolution(tmp_path, "a", "--format", "html", "--out", "page.html")
    nowhere = evolution(tmp_path, "obs_9")

    assert (text.returncode, page.returncode) == (0, 0), text.stderr + page.stderr
    assert text.stdout.startswith("Evolution of obs_1\n\n  CI runs on tags\n")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert nowhere.returncode != 0
    assert "obs_9" in nowhere.stderr and "Traceback" not in nowhere.stderr
