"""
Nothing is left behind: what this run made, and what runs that were killed left.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from odyssey_sandbox.engine import Engine
from odyssey_sandbox.names import CACHE_REPOSITORY, LABEL, REPOSITORY, RunId, is_over, parse_run

_KEPT_CACHES = 8
FOLDER_PREFIX = "odyssey-run-"


def remove_run(engine: Engine, run: RunId) -> None:
    """
    Remove every container, network and image of *run*; may be repeated safely.
    """
    engine.remove("container", [name for name, _ in _labelled_containers(engine, str(run))])
    engine.remove("network", [name for name, _ in _labelled_networks(engine, str(run))])
    engine.remove("image", [name for name, found in _images(engine) if found == run])


def remove_known(
    engine: Engine, *, containers: list[str], networks: list[str], images: list[str]
) -> None:
    """
    Remove exactly these; names that do not exist are no error.
    """
    engine.remove("container", containers)
    engine.remove("network", networks)
    engine.remove("image", images)


def remove_unnamed(engine: Engine, images: list[str], *, since: datetime) -> None:
    """
    Remove those of *images* that have no name and were made *since* then, the newest first.

    The ids may be forged by what was built: only the engine's word decides what goes.
    """
    for image in reversed(list(dict.fromkeys(images))):
        facts = engine.inspect("image", image)
        if facts is None or facts.get("RepoTags") or moment_of(facts["Created"]) < since:
            continue
        # The engine ends a build that lost its client by and by, and holds its images so long.
        for pause in (0.2, 0.4, 0.8, 1.6, 0.0):
            done = engine.run("image", "rm", image)
            if done.exit_code == 0 or "No such image" in done.errors:
                break
            time.sleep(pause)


def moment_of(text: str) -> datetime:
    """
    The second that *text*, a time as the engine writes it, names; the distant past if none.
    """
    # The engine writes nanoseconds, which Python does not read.
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text[:19] + "+00:00")
    return datetime.min.replace(tzinfo=UTC)


def sweep(engine: Engine, *, folder: Path) -> list[str]:
    """
    Remove what runs left whose process is gone or whose time is up; names what was removed.

    *folder* is the temporary folder in which runs keep their copies of checkouts.
    """
    now = time.time()
    containers = _over(_labelled_containers(engine), now)
    networks = _over(_labelled_networks(engine), now)
    images = [name for name, run in _images(engine) if run is not None and is_over(run, now=now)]
    engine.remove("container", containers)
    engine.remove("network", networks)
    engine.remove("image", images)
    folders = []
    for path in folder.glob(FOLDER_PREFIX + "*"):
        found = parse_run(path.name.removeprefix(FOLDER_PREFIX))
        if found is not None and is_over(found, now=now):
            shutil.rmtree(path, ignore_errors=True)
            folders.append(path.name)
    forget_old_caches(engine)
    return [*containers, *networks, *images, *folders]


def _over(found: list[tuple[str, str]], now: float) -> list[str]:
    runs = [(name, parse_run(label)) for name, label in found]
    return [name for name, run in runs if run is not None and is_over(run, now=now)]


def _labelled_containers(engine: Engine, run: str = "") -> list[tuple[str, str]]:
    label = f"{LABEL}={run}" if run else LABEL
    if engine.api and (found := engine.api.list("/containers/json", label=[label])) is not None:
        return [(each["Id"], each["Labels"][LABEL]) for each in found]
    shown = f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}}'
    done = engine.run("ps", "--all", "--no-trunc", "--filter", f"label={label}", "--format", shown)
    return _pairs(done.output)


def _labelled_networks(engine: Engine, run: str = "") -> list[tuple[str, str]]:
    label = f"{LABEL}={run}" if run else LABEL
    if engine.api and (found := engine.api.list("/networks", label=[label])) is not None:
        return [(each["Name"], each["Labels"][LABEL]) for each in found]
    shown = (
        f'{{{{.Label "{LABEL}"}}}}'
        if engine.name == "docker"
        else f'{{{{index .Labels "{LABEL}"}}}}'
    )
    done = engine.run(
        "network", "ls", "--filter", f"label={label}", "--format", f"{{{{.Name}}}} {shown}"
    )
    return _pairs(done.output)


def _images(engine: Engine) -> list[tuple[str, RunId | None]]:
    names = _names(engine, REPOSITORY)
    return [(name, parse_run(name.rpartition(":")[2])) for name in names]


def _names(engine: Engine, repository: str) -> list[str]:
    """
    The names with tag of the images in *repository*, newest first.
    """
    if (
        engine.api
        and (found := engine.api.list("/images/json", reference=[repository])) is not None
    ):
        newest_first = sorted(found, key=lambda each: -int(each["Created"]))
        named = [name for each in newest_first for name in each.get("RepoTags") or ()]
        return [name for name in named if name.startswith(repository + ":")]
    # podman puts `localhost/` before a name without a registry.
    name = repository if engine.name == "docker" else f"localhost/{repository}"
    return engine.run("images", "--format", "{{.Repository}}:{{.Tag}}", name).output.split()


def _pairs(output: str) -> list[tuple[str, str]]:
    return [
        (name, label) for name, _, label in (line.partition(" ") for line in output.splitlines())
    ]


def forget_old_caches(engine: Engine) -> None:
    """
    Keep the newest image of each Dockerfile, of eight Dockerfiles at most.
    """
    kept: set[str] = set()
    old = []
    for line in _names(engine, CACHE_REPOSITORY):
        dockerfile = line.rpartition(":")[2].partition("-")[0]
        if dockerfile in kept or len(kept) >= _KEPT_CACHES:
            old.append(line)
        kept.add(dockerfile)
    engine.remove("image", old)
