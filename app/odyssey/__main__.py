"""
The commands: `odyssey serve | work | rebuild | demo | sandbox | memory | audit | policy | setup |
doctor`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from odyssey import __version__
from odyssey.domain.errors import OdysseyError
from odyssey.memory_cli import memory

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
    from odyssey.worker import work_until_stopped as run

    settings = _settings()
    _log(settings.log_level)
    run(settings, burst=burst)


@cli.command()
def rebuild(
    repository: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Only this repository.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, at the end.")] = False,
) -> None:
    """Bring back from GitHub what Redis lost; running workers also do it by themselves."""
    from odyssey.rebuilding import run

    settings = _settings()
    _log("WARNING")
    asyncio.run(run(settings, repository=repository, as_json=as_json))


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


cli.add_typer(memory, name="memory")
audit = typer.Typer(help="The audit log: what was done, for whom, and whether it is intact.")
cli.add_typer(audit, name="audit", no_args_is_help=True)


@audit.command("verify")
def audit_verify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="Files or folders; else this server's log."),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(metavar="N:HASH", help="An entry that must be there; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that nothing was changed, taken out or reordered. Status 0: intact, 1: broken."""
    from odyssey.audit_report import Usage, verify

    try:
        status = verify(_audit_folder(), files or (), witness or (), as_json=as_json)
    except (Usage, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(status)


@audit.command("show")
def audit_show(
    pull_request: Annotated[
        str, typer.Argument(help="owner/name#12, or #12 in the default repository.")
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="Files or folders; else this server's log."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell all that Odyssey did about a pull request, in order."""
    from odyssey.audit_report import Usage, show

    default = _settings().default_repository
    try:
        status = show(
            _audit_folder(), files or (), pull_request, default_repository=default, as_json=as_json
        )
    except (Usage, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(status)


def _audit_folder() -> Path:
    from odyssey.bootstrap import AUDIT

    return _settings().data_dir / AUDIT


policy = typer.Typer(help="The policy of a repository: .github/odyssey.yml.")
cli.add_typer(policy, name="policy", no_args_is_help=True)


@policy.command("check")
def policy_check(
    path: Annotated[Path, typer.Argument(help="A policy file.")] = Path(".github/odyssey.yml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a policy file and print what it means, defaults filled in. Status 1: invalid."""
    from odyssey.policy_report import check

    raise typer.Exit(check(path, as_json=as_json))


@policy.command("schema")
def policy_schema() -> None:
    """Print the JSON Schema that editors check the file with."""
    from odyssey.policy_report import schema

    typer.echo(schema(), nl=False)


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
    from odyssey.settings import read_settings

    return read_settings()


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
