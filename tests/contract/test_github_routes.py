"""
The simulator serves GitHub's paths and no others, and each one it serves is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute
from githubkit.versions import LATEST_VERSION

from contract.github.contract import the_contract
from contract.github.extract import HERE, listed
from odyssey.simulator import Simulator

# Not of the REST API: GraphQL, git over HTTP, what the simulator keeps for itself, and the answer
# to everything that is not built.
BESIDE = ("/graphql", "/_", "/{path:path}", "/{owner}/{")


def served(root: Path) -> list[tuple[str, str]]:
    """
    (method, path) of every REST route of a simulator.
    """
    return [
        (method, route.path)
        for route in _routes(Simulator(root).application.routes)
        if not route.path.startswith(BESIDE)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def _routes(found: Iterable[Any]) -> Iterator[APIRoute]:
    for route in found:
        # Newer FastAPI keeps an included router whole, older copies its routes.
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        elif isinstance(route, APIRoute):
            yield route


def test_every_route_is_an_operation_of_github_that_is_checked(tmp_path: Path) -> None:
    """A route that is not in operations.txt is invented, or must be added there."""
    operations = the_contract().operations

    strangers = [
        f"{method} {path}"
        for method, path in served(tmp_path)
        if operations.find_template(method, path) is None
    ]

    assert strangers == []


def test_most_operations_are_served(tmp_path: Path) -> None:
    """The comparison above is not empty: the main operations have a route."""
    operations = the_contract().operations
    found = [operations.find_template(method, path) for method, path in served(tmp_path)]

    names = {operation.operation_id for operation in found if operation}
    assert names >= {
        "apps/create-installation-access-token",
        "checks/create",
        "git/create-ref",
        "issues/create-comment",
        "pulls/create",
        "pulls/merge",
        "repos/get",
    }


def test_the_description_holds_exactly_the_listed_operations() -> None:
    """`api.github.com.json` was made from this `operations.txt`."""
    operations = the_contract().operations
    described = {f"{one.method.upper()} {one.template}" for one in operations}

    assert described == set(listed(HERE / "operations.txt"))


def test_githubkit_knows_every_operation() -> None:
    """So every answer has a model to be parsed into, or is known to have no body."""
    contract = the_contract()

    unknown = [
        operation.operation_id
        for operation in contract.operations
        if not contract.models.knows(operation.operation_id)
    ]

    assert unknown == []


def test_the_description_has_the_version_that_the_client_asks_for() -> None:
    """githubkit sends the version of its installed schemas with each request."""
    assert the_contract().description["info"]["version"] == LATEST_VERSION
