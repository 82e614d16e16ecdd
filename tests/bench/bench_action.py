"""
The Action beside the same steps by hand, and what it makes of 100 MB of output.

By hand means what a workflow without the Action would run: `docker build`, `docker run` with the
same limits, a health check by `docker exec` until it answers, the tests by `docker exec`,
`docker rm` and the image removed.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.figure import Figure, NotMeasurable, tell

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "app" / "odyssey" / "sample"
ROUNDS = 7
OUTPUT_MB = 100
_HEALTH = (
    "import http.client as h;c=h.HTTPConnection('127.0.0.1',8000,timeout=5);"
    "c.request('GET','/health');raise SystemExit(c.getresponse().status!=200)"
)
_TESTS = ("sh", "-c", "python -m unittest discover -s ./tests")
# The most that one process may hold while it reads 100 MB: the interpreter takes 20 of it.
_MEMORY_BAR_MB = 40


async def figures() -> AsyncIterator[Figure]:
    """
    Wall time against the steps by hand, the cache of the second run, size and memory of a report.
    """
    if shutil.which("docker") is None:
        raise NotMeasurable("docker is not on the PATH: make setup")
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as name:
        folder = Path(name)
        shutil.copytree(SAMPLE, folder / "sample", ignore=shutil.ignore_patterns("__pycache__"))
        for figure in await asyncio.to_thread(_against_by_hand, folder):
            yield figure
        for figure in await asyncio.to_thread(_large_output, folder):
            yield figure


def _against_by_hand(folder: Path) -> list[Figure]:
    tell("the sample service once each, to fill the cache")
    _by_hand(folder / "sample")
    _by_action(folder, {"SANDBOX_PATH": str(folder / "sample")})
    by_hand, by_action, cached = [], [], []
    for turn in range(ROUNDS):
        tell(f"round {turn + 1} of {ROUNDS}")
        # Taken in turns, so that what else the machine does weighs on both.
        by_hand.append(_by_hand(folder / "sample"))
        took, report, _ = _by_action(folder, {"SANDBOX_PATH": str(folder / "sample")})
        by_action.append(took)
        cached.append(report["image"]["cached_steps"])
    return [
        Figure("action.by-hand", median(by_hand), "s"),
        Figure("action.wall", median(by_action), "s"),
        Figure("action.wall-over-by-hand", median(by_action) / median(by_hand), "times", 1.15),
        Figure("action.second-run-cached-steps", min(cached), "steps", 7, at_most=False),
    ]


def _large_output(folder: Path) -> list[Figure]:
    tell(f"{OUTPUT_MB} MB of test output")
    checkout = folder / "noise"
    checkout.mkdir()
    script = (
        f"import sys\nfor _ in range({OUTPUT_MB}): sys.stdout.write('noise, noise...\\n' * 65536)\n"
    )
    (checkout / "noise.py").write_text(script)
    given = {
        "SANDBOX_PATH": str(checkout),
        "SANDBOX_IMAGE": "python:3.11-slim",
        "SANDBOX_DEFAULT_TEST_COMMAND": "python3 noise.py",
    }
    _, report, memory = _by_action(folder, given)
    if report["phases"][-1]["log"]["bytes"] < OUTPUT_MB << 20:
        raise NotMeasurable(f"the tests did not print {OUTPUT_MB} MB: {report['reason']}")
    size = sum(path.stat().st_size for path in (folder / "report").iterdir())
    return [
        Figure("action.report-for-100-MB", size / 1e6, "MB", 1),
        Figure("action.memory-for-100-MB", memory, "MB", _MEMORY_BAR_MB),
    ]


def _by_hand(checkout: Path) -> float:
    started = time.monotonic()
    name = f"odyssey-bench-{secrets.token_hex(4)}"
    limits = [
        "--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
        "--memory=512m", "--memory-swap=512m", "--cpus=2", "--pids-limit=256", "--init",
        "--tmpfs=/tmp:rw,noexec,nosuid,size=64m", "--user=65534:65534",
    ]  # fmt: skip
    try:
        _docker("build", "--tag", name, str(checkout))
        _docker("run", "--detach", "--name", name, *limits, name)
        while _docker("exec", name, "python3", "-c", _HEALTH, check=False):
            continue
        _docker("exec", name, *_TESTS)
        _docker("logs", name)
    finally:
        _docker("rm", "--force", "--volumes", name, check=False)
        # The tag goes, the layers stay: the next build is served from them, as the Action's is.
        _docker("image", "rm", "--no-prune", name, check=False)
    return time.monotonic() - started


def _by_action(folder: Path, given: dict[str, str]) -> tuple[float, dict[str, Any], float]:
    passed = {
        name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ
    }
    environ = passed | {
        "PYTHONPATH": str(ROOT / "action"),
        "SANDBOX_REPORT_DIRECTORY": str(folder / "report"),
        **given,
    }
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "odyssey_sandbox"],
        env=environ,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - started
    if process.returncode:
        raise NotMeasurable(f"the Action failed: {said.decode(errors='replace')[-1000:]}")
    report = json.loads((folder / "report" / "report.json").read_text())
    # ru_maxrss is in KB on Linux; of the process itself, without the engine's client.
    return took, report, usage.ru_maxrss / 1024


def _docker(*arguments: str, check: bool = True) -> int:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    if check and done.returncode:
        raise NotMeasurable(f"docker {arguments[0]}: {done.stderr.strip()[-300:]}")
    return done.returncode
