"""
The command line: `odyssey serve | work | demo | sandbox | memory | setup | doctor | policy`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from odyssey import __version__
from odyssey.domain.errors import OdysseyError

if TYPE_CHECKING:
    from odyssey.settings import Settings

cli = typer.Typer(
    help="A GitHub App that changes code under the gate of a review.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"odyssey {__version__}")
        raise typer.Exit


@cli.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A GitHub App that changes code under the gate of a review."""


@cli.command()
def serve() -> None:
    """Take deliveries and answer the REST API (settings: deploy/environment.example)."""
    from odyssey.web.server import serve as run

    settings = _settings()
    _log(settings.log_level)
    run(settings)


@cli.command()
def work(
    burst: Annotated[bool, typer.Option(help="Stop when nothing is waiting.")] = False,
) -> None:
    """Work off deliveries."""
    from odyssey.worker import run_worker

    settings = _settings()
    _log(settings.log_level)
    asyncio.run(run_worker(settings, burst=burst))


@cli.command()
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running and print the addresses.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the summary to FILE.")
    ] = None,
) -> None:
    """Play the main job on a GitHub of this machine, for real."""
    from odyssey.demo import run_demo

    raise typer.Exit(asyncio.run(run_demo(keep=keep, json_file=json_file)))


@cli.command()
def sandbox(
    path: Annotated[Path, typer.Argument(help="A checkout.")] = Path(),
    given: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="INPUT=VALUE", help="An input of the Action; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json.")] = False,
) -> None:
    """Validate a checkout as the Action does: build, run hardened, health, tests."""
    from odyssey_sandbox import SandboxSettings, read_settings, run_sandbox
    from odyssey_sandbox.console import Console
    from odyssey_sandbox.declared import INPUTS
    from odyssey_sandbox.inputs import BadInput
    from odyssey_sandbox.summary import summary

    variables = {each.name: each.environment_variable for each in INPUTS}
    environ = dict(os.environ)
    for name, is_set, value in (each.partition("=") for each in given or ()):
        if not is_set or name not in variables:
            raise typer.BadParameter(
                f"{name!r}: write --with INPUT=VALUE; inputs: {', '.join(sorted(variables))}"
            )
        environ[variables[name]] = value
    try:
        settings: SandboxSettings = read_settings(environ).sandbox
    except BadInput as error:
        raise typer.BadParameter(str(error)) from error
    progress = None if as_json else Console(is_runner=False)
    report = run_sandbox(settings, path.resolve(), environ=environ, progress=progress)
    typer.echo(json.dumps(report.as_json(), indent=2) if as_json else summary(report))
    raise typer.Exit(0 if report.failure is None else 1)


@cli.command()
def setup() -> None:
    """Install and start what this machine lacks: engine, Redis, base images."""
    from odyssey.setup.__main__ import main as run

    raise typer.Exit(run([]))


@cli.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is there, what is missing, and the remedy."""
    from odyssey.setup.doctor import main as run

    raise typer.Exit(run(["--json"] if as_json else []))


memory = typer.Typer(help="Long memory.", no_args_is_help=True)
cli.add_typer(memory, name="memory")


class Store(StrEnum):
    """Where memories are kept."""

    SQLITE = "sqlite"
    WEAVIATE = "weaviate"


@memory.command("eval")
def memory_eval(
    file: Annotated[Path, typer.Argument(help="Conversations in LoCoMo's format.")],
    store: Annotated[Store, typer.Option(help="The store to measure.")] = Store.SQLITE,
    k: Annotated[int, typer.Option(help="How many memories count as recalled.")] = 10,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    weaviate_url: Annotated[str, typer.Option()] = "http://127.0.0.1:8080",
    weaviate_grpc_port: Annotated[int, typer.Option()] = 50051,
) -> None:
    """Measure recall on a file of conversations, by category and in all."""
    from odyssey.memory_eval import run

    run(
        file,
        store=store.value,
        k=k,
        json_out=json_file,
        weaviate_url=weaviate_url,
        weaviate_grpc_port=weaviate_grpc_port,
    )


@cli.command()
def policy(
    path: Annotated[Path, typer.Argument(help="A policy file.")] = Path(".github/odyssey.yml"),
) -> None:
    """Check a policy file and print what it means, defaults filled in."""
    from dataclasses import asdict

    from odyssey.adapters.policy_yaml import read_policy

    typer.echo(json.dumps(asdict(read_policy(path.read_text())), indent=2))


class OneLine(logging.Formatter):
    """
    A record as one line, whatever others wrote into it; only a traceback takes more.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name in logging
        """The line, with escapes for what would end it or move the cursor."""
        line = super().formatMessage(record)
        return "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode() for each in line
        )


def _settings() -> Settings:
    from pydantic import ValidationError

    from odyssey.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        problems = [
            f"setting {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        ]
        problems.append("see deploy/environment.example")
        raise OdysseyError("; ".join(problems)) from error


def _log(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def main() -> None:
    """Runs the command; an expected error is one line on standard error and status 1."""
    try:
        cli()
    except (OdysseyError, OSError) as error:
        print(f"odyssey: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
