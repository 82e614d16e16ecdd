"""
`odyssey memory`: measure it, carry it, back it up, make its vectors anew, forget.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from odyssey.domain.memory.evolution_formats import EvolutionFormat
from odyssey.handlers.memory.forget import forget_in
from odyssey.memory_opened import Store, folder_of, opened_memory, opened_notebooks

if TYPE_CHECKING:
    from odyssey.adapters.notebook.database import Notebooks
    from odyssey.adapters.sqlite import SqliteMemory
    from odyssey.adapters.weaviate import WeaviateMemory
    from odyssey.domain.memory.record import Tenant

    Opened = SqliteMemory | WeaviateMemory

memory = typer.Typer(help="Long memory.", no_args_is_help=True)

StoreOption = Annotated[
    Store | None, typer.Option("--store", help="Instead of ODYSSEY_MEMORY_STORE.")
]
RepositoryOption = Annotated[
    str, typer.Option("--repository", metavar="OWNER/NAME", help="This repository's memory.")
]
InstallationOption = Annotated[
    int, typer.Option("--installation", metavar="ID", help="The installation it is in.")
]
TenantOption = Annotated[
    str, typer.Option("--tenant", metavar="NAME", help="The same, as `status` calls it.")
]
NotesOption = Annotated[
    Path | None, typer.Option("--notes", metavar="FOLDER", help="Where the notebooks' copies are.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


@memory.command("eval")
def evaluate(
    file: Annotated[Path, typer.Argument(help="Conversations in LoCoMo's format.")],
    store: StoreOption = None,
    k: Annotated[int, typer.Option(help="How many memories count as recalled.")] = 10,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    weaviate_url: Annotated[str, typer.Option(help="Instead of ODYSSEY_WEAVIATE_URL.")] = "",
    weaviate_grpc_port: Annotated[
        int, typer.Option(help="Instead of ODYSSEY_WEAVIATE_GRPC_PORT.")
    ] = 0,
) -> None:
    """Measure recall on a file of conversations, by category and in all."""
    from odyssey.memory_eval import run
    from odyssey.settings import read_settings

    settings = read_settings().model_copy(
        update={
            **({"memory_store": store.value} if store else {}),
            **({"weaviate_url": weaviate_url} if weaviate_url else {}),
            **({"weaviate_grpc_port": weaviate_grpc_port} if weaviate_grpc_port else {}),
        }
    )
    run(file, settings=settings, k=k, json_out=json_file)


@memory.command()
def status(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Say which store and model, whose memory it holds, and what waits."""

    async def work(opened: Opened) -> dict[str, Any]:
        return {
            "memory": opened.name,
            "tenants": {
                tenant.name: {
                    "waiting": await opened.waiting(tenant),
                    "models": await opened.models(tenant),
                }
                for tenant in await opened.tenants()
            },
        }

    _print(_run(work, store), as_json=as_json)


@memory.command("export")
def export_(
    file: Annotated[Path, typer.Argument(help="JSON lines; replaced when all are written.")],
    repository: RepositoryOption = "",
    installation: InstallationOption = 0,
    tenant: TenantOption = "",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write every memory with its vectors, and what was derived, of one repository or of all."""
    from odyssey.memory_transfer import export_file

    async def work(opened: Opened) -> dict[str, Any]:
        async with opened_notebooks() as notebooks:
            only = _tenant(repository, installation, tenant)
            tenants = await _tenants(opened, only, notebooks)
            return await export_file(opened, file, tenants, _tell, notebooks=notebooks)

    _print(_run(work, store), as_json=as_json)


@memory.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `export` wrote, or an older JSON backup.")],
    repository: RepositoryOption = "",
    installation: InstallationOption = 0,
    tenant: TenantOption = "",
    with_vectors: Annotated[
        bool, typer.Option(help="Without: every text is embedded with this server's model.")
    ] = True,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load memories from a file. Those that are there stay; nothing is doubled."""
    from odyssey.memory_transfer import import_file

    async def work(opened: Opened) -> dict[str, Any]:
        into = _tenant(repository, installation, tenant)
        async with opened_notebooks() as notebooks:
            summary = await import_file(
                opened,
                file,
                into=into,
                keeps_vectors=with_vectors,
                now=datetime.now(UTC),
                tell=_tell,
                notebooks=notebooks,
            )
        summary["embedded"] = await _embed(opened)
        return summary

    _print(_run(work, store), as_json=as_json)


@memory.command()
def migrate(
    source: Annotated[Store, typer.Option("--from", help="The store to read.")],
    target: Annotated[Store, typer.Option("--to", help="The store to write.")],
    repository: RepositoryOption = "",
    installation: InstallationOption = 0,
    tenant: TenantOption = "",
    as_json: JsonOption = False,
) -> None:
    """
    Copy every memory with its vectors to another store, and compare. The source stays.

    Notebooks stay where they are: both stores use them.
    """
    from odyssey.memory_transfer import migrate as carry

    if source is target:
        raise typer.BadParameter(f"--from and --to are both {source.value}")

    async def work(opened: Opened) -> dict[str, Any]:
        tenants = await _tenants(opened, _tenant(repository, installation, tenant))
        async with opened_memory(target) as other:
            return await carry(opened, other, tenants, _tell)

    summary = _run(work, source)
    _print(summary, as_json=as_json)
    raise typer.Exit(1 if summary["differing"] else 0)


@memory.command()
def reembed(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Make every vector anew with the model of the settings. Recall goes on meanwhile."""

    async def work(opened: Opened) -> dict[str, Any]:
        return {"memory": opened.name, "rows": await opened.reembed(_tell)}

    _print(_run(work, store), as_json=as_json)


@memory.command()
def catch_up(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Write and embed what waits, also what was refused before."""

    async def work(opened: Opened) -> dict[str, Any]:
        rows = await opened.catch_up(again=True)
        left = {one.name: await opened.waiting(one) for one in await opened.behind()}
        return {"rows": rows, "waiting": left}

    _print(_run(work, store), as_json=as_json)


@memory.command()
def backup(
    place: Annotated[
        str, typer.Argument(help="SQLite: a folder. Weaviate: NAME, or BACKEND:NAME.")
    ],
    notes: NotesOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up every repository's memory, with what was derived, while it is in use."""
    from odyssey.memory_backup import backup_all

    async def work(opened: Opened) -> dict[str, Any]:
        async with opened_notebooks() as notebooks:
            return await backup_all(opened, notebooks, place, folder_of(place, notes, store), _tell)

    _print(_run(work, store), as_json=as_json)


@memory.command()
def restore(
    place: Annotated[str, typer.Argument(help="Where `backup` put it.")],
    notes: NotesOption = None,
    records_only: Annotated[
        bool, typer.Option("--records-only", help="Leave notebooks as they are.")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the place of what is there. Stop the server and the workers first."""
    from odyssey.memory_backup import restore_all

    async def work(opened: Opened) -> dict[str, Any]:
        async with opened_notebooks() as notebooks:
            folder = None if records_only else folder_of(place, notes, store)
            return await restore_all(opened, notebooks, place, folder, _tell)

    _print(_run(work, store), as_json=as_json)


@memory.command()
def forget(
    person: Annotated[str, typer.Option(help="A login: what is by or about them.")] = "",
    source: Annotated[str, typer.Option(help="A URL: what came from it.")] = "",
    repository: RepositoryOption = "",
    installation: InstallationOption = 0,
    tenant: TenantOption = "",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete what is of a person or a source, in one repository or in all, and look again."""
    if bool(person) == bool(source):
        raise typer.BadParameter("give --person or --source, and only one of them")

    async def work(opened: Opened) -> dict[str, Any]:
        from odyssey.adapters.notebook.opening import memory_ports

        told: dict[str, Any] = {}
        async with opened_notebooks() as notebooks:
            derived = memory_ports(notebooks)
            only = _tenant(repository, installation, tenant)
            for one in await _tenants(opened, only, notebooks):
                done = await forget_in(
                    one, opened, derived, person=person or None, source=source or None
                )
                told[one.name] = {
                    "deleted": done.records.count,
                    "left": done.records.left,
                    "mentions": done.mentions.total(),
                    "ids": {shelf.value: list(ids) for shelf, ids in done.records.deleted.items()},
                    "derived": dict(done.derived),
                }
        return {"deleted": sum(one["deleted"] for one in told.values()), "tenants": told}

    _print(_run(work, store), as_json=as_json)


@memory.command()
def evolution(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="An observation, or a record that became one.")
    ],
    form: Annotated[EvolutionFormat, typer.Option("--format")] = EvolutionFormat.TEXT,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE")] = None,
    repository: RepositoryOption = "",
    installation: InstallationOption = 0,
    tenant: TenantOption = "",
    store: StoreOption = None,
) -> None:
    """Tell what a memory came from, how it changed, and what it became."""
    from odyssey.memory_evolution import tell_evolution

    only = _tenant(repository, installation, tenant)

    async def work(opened: Opened) -> dict[str, Any]:
        return {"told": await tell_evolution(opened, identifier, form, only)}

    told: str = _run(work, store)["told"]
    if out is None:
        typer.echo(told, nl=False)
    else:
        out.write_text(told, encoding="utf-8")


def _run(
    work: Callable[[Opened], Awaitable[dict[str, Any]]], store: Store | None
) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with opened_memory(store) as opened:
            return await work(opened)

    return asyncio.run(run())


def _tenant(repository: str, installation: int, tenant: str) -> Tenant | None:
    """The one that was named; None for all."""
    from odyssey.domain.memory.record import Tenant

    try:
        if tenant:
            return Tenant(tenant)
        if repository or installation:
            return Tenant.of(installation, repository)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return None


async def _tenants(
    opened: Opened, only: Tenant | None, notebooks: Notebooks | None = None
) -> list[Tenant]:
    there = await opened.tenants()
    if notebooks is not None:
        there = sorted({*there, *await notebooks.tenants()}, key=str)
    if only is None:
        return there
    if only not in there:
        raise typer.BadParameter(f"{only}: nothing is kept of it; see `odyssey memory status`")
    return [only]


async def _embed(opened: Opened) -> int:
    """Embeds what came without vectors; how many rows. None without a model."""
    from odyssey.domain.errors import Unavailable

    try:
        return await opened.catch_up()
    except Unavailable as error:
        _tell(f"not embedded yet: {error}")
        return 0


def _print(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
        return
    for name, value in summary.items():
        if isinstance(value, dict):
            for key, rest in value.items():
                shown = rest.items() if isinstance(rest, dict) else [("", rest)]
                said = ", ".join(f"{one} {each}".strip() for one, each in shown)
                typer.echo(f"  {key}: {said}")
        else:
            typer.echo(f"{name}: {value}")


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
