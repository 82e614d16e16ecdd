"""
The sandbox of Odyssey: build, run hardened, probe, test, report, clean up. Standard library only.

In reading order:

- `declared`    every input of the Action, its default and its meaning
- `inputs`      the only reader of the environment; gives `SandboxSettings`
- `validation`  `run_sandbox(settings, checkout)` is everything; gives a `Report`
- `phases`      the phases in order; one module each: `staging` `build` `running` `health`
                `testing`, and `measure` for a change of its own tests
- `engine` `streaming` `counters` `hardening` `buildwatch` `dockerfile`  docker or podman by
                argument arrays, and what holds them
- `logs` `junit` `testtext` `hints`  what the untrusted side printed, as bounded data
- `report` `failures` `summary` `annotations` `console`  what people and programs read
- `cleanup` `reaper` `signals`  nothing is left behind, also after a kill
"""

from __future__ import annotations

from odyssey_sandbox.inputs import SandboxSettings, read_settings
from odyssey_sandbox.report import Report
from odyssey_sandbox.validation import run_sandbox

__all__ = ["Report", "SandboxSettings", "read_settings", "run_sandbox"]
