"""
GitHub Actions on this machine: workflows dispatched over the API and executed by act.

Reading order: `routes` (the API), `runner` (one run from start to end), `start` (what makes a run),
`workflow` and `expressions` (workflow files), `executor` (the seam), `act` (what executes).
"""

from __future__ import annotations

from odyssey.simulator.actions.act import ActExecutor, find_act
from odyssey.simulator.actions.executor import RunExecutor, RunRequest, RunResult
from odyssey.simulator.actions.routes import build_router
from odyssey.simulator.actions.runner import Actions

__all__ = [
    "ActExecutor",
    "Actions",
    "RunExecutor",
    "RunRequest",
    "RunResult",
    "build_router",
    "find_act",
]
