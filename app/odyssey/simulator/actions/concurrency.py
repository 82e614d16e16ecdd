"""
Concurrency groups: at most one run of a group in progress and one waiting, as GitHub keeps it.

Only the `concurrency` of a whole workflow is known here, not that of a single job.
Source: https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
"""

from __future__ import annotations

from dataclasses import dataclass

from odyssey.simulator.actions.state import Run


@dataclass(slots=True)
class _Group:
    running: Run
    waiting: Run | None = None


class Groups:
    """Who runs and who waits in each group of each repository."""

    def __init__(self) -> None:
        self._groups: dict[tuple[int, str], _Group] = {}

    def enter(self, run: Run) -> list[Run]:
        """
        Give *run* its turn, or let it wait (`pending`); the runs that must be cancelled for it.

        A run that waited is always replaced; the one in progress only when *run* says
        `cancel-in-progress`.
        """
        if run.group is None:
            run.turn.set()
            return []
        group = self._groups.get(self._key(run))
        if group is None:
            self._groups[self._key(run)] = _Group(run)
            run.turn.set()
            return []
        replaced = [group.waiting] if group.waiting else []
        group.waiting, run.status = run, "pending"
        return [*replaced, group.running] if run.cancels_in_progress else replaced

    def leave(self, run: Run) -> None:
        """Take *run* out, and give the one that waited its turn."""
        group = self._groups.get(self._key(run)) if run.group is not None else None
        if group is None:
            return
        if group.waiting is run:
            group.waiting = None
        elif group.running is run:
            if group.waiting is None:
                del self._groups[self._key(run)]
                return
            group.running, group.waiting = group.waiting, None
            group.running.status = "queued"
            group.running.turn.set()

    @staticmethod
    def _key(run: Run) -> tuple[int, str]:
        return run.repository.id, (run.group or "").lower()
