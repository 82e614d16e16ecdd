"""Job logs as GitHub packs them for download."""

from __future__ import annotations

import io
import re
import zipfile

from odyssey.simulator.actions.state import Run

_NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def pack_logs(run: Run) -> bytes:
    """The zip of a run's last attempt: a file for each job, and one for each of its steps."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, job in enumerate(run.current_jobs):
            name = _NOT_IN_FILE_NAMES.sub("", job.name)
            archive.writestr(f"{index}_{name}.txt", job.log)
            for step in job.steps:
                lines = "".join(f"{line}\n" for line in job.lines if line.step == step.number)
                if lines:
                    title = _NOT_IN_FILE_NAMES.sub("", step.name)[:100]
                    archive.writestr(f"{name}/{step.number}_{title}.txt", lines)
        if run.log:
            archive.writestr("runner.txt", run.log)
    return packed.getvalue()
