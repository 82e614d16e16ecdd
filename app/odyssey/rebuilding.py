"""
`odyssey rebuild`: brings back from GitHub what the store does not have, and says so as it goes.
"""

from __future__ import annotations

import json
from typing import Any

import typer

from odyssey.bootstrap import open_ports
from odyssey.domain.errors import NotFound, OdysseyError
from odyssey.domain.proposal import Proposal
from odyssey.handlers.rebuild import rebuild_repository
from odyssey.ports import Ports
from odyssey.settings import Settings


async def run(settings: Settings, *, repository: str | None, as_json: bool) -> None:
    """
    Rebuilds every repository the App is installed on, or *repository* (full name).

    Repeatable: what the store has is left as it is. A running worker takes it from there.

    Raises:
        NotFound: the App is not installed on *repository*.
    """
    async with open_ports(settings, embeds=False) as ports:
        report = await rebuild(ports, repository=repository, is_quiet=as_json)
    if as_json:
        typer.echo(json.dumps(report, indent=2))


async def rebuild(ports: Ports, *, repository: str | None, is_quiet: bool) -> dict[str, Any]:
    """
    What was rebuilt: `repositories`, each with its `proposals`, and `failed` with reasons.
    """
    installed = [
        each
        for each in await ports.overview.repositories()
        if repository is None or each.repository.full_name.lower() == repository.lower()
    ]
    if repository is not None and not installed:
        raise NotFound(
            f"the App is not installed on {repository}, or its installation is suspended"
        )
    done: dict[str, list[dict[str, Any]]] = {}
    failed: dict[str, str] = {}
    for number, each in enumerate(installed, start=1):
        name = each.repository.full_name
        _tell(f"[{number}/{len(installed)}] {name}", is_quiet)
        since = ports.now()
        try:
            found = await rebuild_repository(
                each.repository, ports, tell=lambda one: _tell(_line(one), is_quiet)
            )
        except OdysseyError as error:
            failed[name] = str(error)
            _tell(f"  broken off: {error}", is_quiet)
            continue
        if await ports.notes.knows_since(each.repository) is None:
            await ports.notes.knows(each.repository, since)
        done[name] = [_shown(one) for one in found]
    count = sum(len(each) for each in done.values())
    _tell(f"{count} proposals rebuilt in {len(done)} repositories", is_quiet)
    return {"repositories": done, "failed": failed}


def _shown(proposal: Proposal) -> dict[str, Any]:
    return {
        "id": proposal.id,
        "pull_request": proposal.pull_number,
        "status": str(proposal.status),
        "requester": proposal.requester,
        "head_sha": proposal.head_sha,
    }


def _line(proposal: Proposal) -> str:
    return f"  #{proposal.pull_number} {proposal.id} {proposal.status}"


def _tell(line: str, is_quiet: bool) -> None:
    if not is_quiet:
        typer.echo(line)
