"""
Runs the benchmarks: `python -m bench [subject ...] [--json FILE]`, with `tests/` on the path.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import pkgutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import bench
from bench.figure import Figure, NotMeasurable, tell

PREFIX = "bench_"
Figures = Callable[[], AsyncIterator[Figure] | Awaitable[Iterable[Figure]]]


def subjects(modules: Iterable[str] | None = None) -> list[str]:
    """
    The subjects that can be measured, in alphabetical order.
    """
    names = modules or (module.name for module in pkgutil.iter_modules(bench.__path__))
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))


def chosen(wanted: Iterable[str], *, known: list[str]) -> list[str]:
    """
    The known subjects that *wanted* names, in full or by their beginning; all for no names.

    Raises:
        SystemExit: a name fits no subject.
    """
    names = [name.removeprefix(PREFIX) for name in wanted if name]
    for name in names:
        if not any(subject.startswith(name) for subject in known):
            raise SystemExit(f"no benchmark is called {name!r}; there are: {', '.join(known)}")
    return [subject for subject in known if not names or any(subject.startswith(n) for n in names)]


async def measure(subject: str, figures: Figures) -> AsyncIterator[Figure]:
    """
    The figures of one benchmark as they come; one without a value where it cannot run here.
    """
    try:
        found = figures()
        if isinstance(found, AsyncIterator):
            async for figure in found:
                yield figure
        else:
            for figure in await found:
                yield figure
    except NotMeasurable as reason:
        yield Figure(subject, None, "-", note=str(reason))


async def run(wanted: Iterable[str]) -> list[Figure]:
    """
    Measure, print one line for each figure, and at the end how many fall short.
    """
    measured: list[Figure] = []
    busy, cores = os.getloadavg()[0], os.cpu_count() or 1
    if busy > cores / 4:
        tell(f"load average {busy:.1f} on {cores} cores: figures of a busy machine say little")
    for subject in chosen(wanted, known=subjects()):
        tell(f"{subject} ...")
        started = time.monotonic()
        module = importlib.import_module(f"bench.{PREFIX}{subject}")
        async for figure in measure(subject, module.figures):
            measured.append(figure)
            sys.stdout.write(figure.line() + "\n")
            if figure.note:
                sys.stdout.write(f"  {figure.note}\n")
            sys.stdout.flush()
        tell(f"{subject}: {time.monotonic() - started:.1f} s")
    short = [figure.name for figure in measured if not figure.is_ok]
    names = f": {', '.join(short)}" if short else ""
    sys.stdout.write(f"bench: {len(measured)} figures, {len(short)} fall short{names}\n")
    return measured


def main() -> None:
    """
    The command line; a figure that falls short is told, and is no failure of the run.
    """
    parser = argparse.ArgumentParser(prog="bench", description="Measure Odyssey.")
    parser.add_argument("subjects", nargs="*", help=f"of: {', '.join(subjects())}; default all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    measured = asyncio.run(run(arguments.subjects))
    if arguments.json is not None:
        lines = [{**asdict(figure), "ok": figure.is_ok} for figure in measured]
        arguments.json.write_text(json.dumps(lines, indent=2) + "\n")


if __name__ == "__main__":
    main()
