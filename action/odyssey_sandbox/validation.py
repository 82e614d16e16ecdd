"""
`run_sandbox` is the whole sandbox: it prepares, plays the phases, and leaves nothing behind.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from odyssey_sandbox import failures
from odyssey_sandbox.cleanup import FOLDER_PREFIX, remove_known, remove_run, sweep
from odyssey_sandbox.engine import Engine, EngineError, find_engine
from odyssey_sandbox.failures import Failure, failed
from odyssey_sandbox.git import head_of
from odyssey_sandbox.hardening import limits
from odyssey_sandbox.inputs import SandboxSettings
from odyssey_sandbox.names import new_run
from odyssey_sandbox.phases import Progress, Run, Silence, play
from odyssey_sandbox.reaper import Reaper
from odyssey_sandbox.report import Report
from odyssey_sandbox.signals import Cancelled, cancellable
from odyssey_sandbox.staging import stage

_BRIDGE_WARNING = (
    "network: bridge lets the proposal reach the internet, the runner's services and the "
    "metadata address; choose it only for code that you would run on the runner itself"
)


def run_sandbox(
    settings: SandboxSettings,
    checkout: Path,
    *,
    environ: Mapping[str, str],
    progress: Progress | None = None,
    temporary_folder: Path | None = None,
) -> Report:
    """
    Validate *checkout* and report; whatever happens, nothing is left behind.

    *environ* is searched for what the engine's client needs, e.g. PATH and DOCKER_HOST; nothing
    of it reaches the container. In the main thread SIGINT, SIGTERM and SIGHUP end the run with
    the conclusion `cancelled`.
    """
    run = new_run(lasts_s=settings.timeout_s)
    report = Report(run_id=run.random, started_at=datetime.now(UTC), masks=settings.masks)
    report.proposal_id = settings.proposal_id
    report.head_sha = settings.head_sha or head_of(checkout)
    report.limits = limits(settings)
    if settings.network == "bridge":
        report.warnings.append(_BRIDGE_WARNING)
    try:
        engine = find_engine(settings.engine, environ, builder=settings.builder)
    except EngineError as error:
        report.failure, report.failed_phase = error.failure, "setup"
        report.finished_at = datetime.now(UTC)
        return report
    report.engine_name, report.engine_version = engine.name, engine.version
    parent = temporary_folder or Path(tempfile.gettempdir())
    folder = parent / f"{FOLDER_PREFIX}{run}"
    reaper = Reaper(engine, run, folder)
    sweeping = threading.Thread(target=_swept, args=(engine, parent, report), daemon=True)
    it = Run(
        settings=settings,
        engine=replace(engine, watched=reaper),
        run=run,
        report=report,
        folder=folder,
        checkout=checkout,
        deadline=time.monotonic() + settings.timeout_s,
        progress=progress or Silence(),
    )
    was_cancelled = False
    with cancellable():
        try:
            folder.mkdir(mode=0o700)
            sweeping.start()
            _validate(it, Path(settings.base_path).resolve() if settings.base_path else None)
        except Cancelled as cancelled:
            was_cancelled = True
            it.end(failed(failures.CANCELLED, signal=cancelled.signal_name))
        except EngineError as error:
            it.end(error.failure)
        finally:
            _clean_up(it, sweeping, is_known=not was_cancelled)
            reaper.dismiss()
    report.finished_at = datetime.now(UTC)
    return report


def _validate(it: Run, base: Path | None) -> None:
    settings = it.settings
    staged = stage(
        it.checkout, it.staged, keep_git=settings.keep_git, max_size=settings.max_image_size
    )
    if isinstance(staged, Failure):
        it.end(staged)
        return
    play(it)
    if base is not None and settings.measure != "off":
        # Imported where it is needed: reading code takes longer to load than all the rest.
        from odyssey_sandbox.measure import measure

        measure(it, base)


def _swept(engine: Engine, folder: Path, report: Report) -> None:
    try:
        left = sweep(engine, folder=folder)
    except EngineError as error:
        report.warnings.append(f"leftovers of earlier runs could not be looked for: {error}")
        return
    if left:
        report.warnings.append(f"{len(left)} leftovers of a run that was killed were removed")


def _clean_up(it: Run, sweeping: threading.Thread, *, is_known: bool) -> None:
    try:
        remove_known(
            it.engine,
            containers=it.made_containers,
            networks=it.made_networks,
            images=it.made_images,
        )
        if not is_known:
            # The engine may finish what it was told before its client was stopped.
            remove_run(it.engine, it.run)
    except EngineError as error:
        it.report.warnings.append(f"clean-up did not succeed: {error}")
    shutil.rmtree(it.folder, ignore_errors=True)
    if sweeping.ident is not None:
        sweeping.join(30)
