"""
The sandbox of Odyssey: build, run hardened, probe, test, report, clean up. Standard library only.

In reading order:

- `inputs`      every input of the Action, its default and its meaning; the only reader of the
                environment; gives `SandboxSettings`
- `validation`  `run_sandbox(settings, checkout)`: the phases in order; gives a `Report`
- `staging` `build` `running` `health` `testing` `measure`  one phase each
- `engine` `streaming` `counters` `hardening`  docker or podman, by argument arrays
- `logs` `junit` `testtext`  what the untrusted side printed, as bounded data
- `report` `failures` `summary` `annotations` `console`  what people and programs read
- `cleanup` `reaper` `signals`  nothing is left behind, also after a kill
"""

from __future__ import annotations

from odyssey_sandbox.inputs import SandboxSettings, read_settings
from odyssey_sandbox.report import Report
from odyssey_sandbox.validation import run_sandbox

__all__ = ["Report", "SandboxSettings", "read_settings", "run_sandbox"]
