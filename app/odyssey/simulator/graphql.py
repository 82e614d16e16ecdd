"""POST /graphql: GitHub's GraphQL API, cut to `schema/github.graphql`."""

from __future__ import annotations

import inspect
import json
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldsOnCorrectTypeRule,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLSyntaxError,
    KnownArgumentNamesRule,
    KnownTypeNamesRule,
    build_schema,
    execute,
    parse,
    validate,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import caller_of
from odyssey.simulator.errors import ApiError, not_built
from odyssey.simulator.graphql_connections import Node, NotBuilt, Refusal
from odyssey.simulator.graphql_git import account
from odyssey.simulator.graphql_mutations import mutations
from odyssey.simulator.graphql_nodes import find_node
from odyssey.simulator.graphql_objects import Desk
from odyssey.simulator.graphql_repositories import repository_node
from odyssey.simulator.ids import timestamp

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

SCHEMA = Path(__file__).parent / "schema" / "github.graphql"
RESOURCE = "graphql"
# What fails when a query names something that was cut from the schema.
_CUT = [FieldsOnCorrectTypeRule, KnownTypeNamesRule, KnownArgumentNamesRule]


def build_router(simulator: Simulator) -> APIRouter:
    """
    The route of the GraphQL API.

    An answer has status 200 also when fields failed; the failed ones are null and listed in
    `errors` with GitHub's `type` (NOT_FOUND, FORBIDDEN, STALE_DATA, UNPROCESSABLE ...). A query
    for something that is not in the cut schema is answered 501: either GitHub does not have it
    either, or it is to be built.
    """
    router = APIRouter()
    minimized: dict[str, str] = {}

    @router.post("/graphql")
    async def graphql(request: Request) -> Response:
        caller = caller_of(request)
        if caller.kind == "anonymous":
            raise ApiError(401, "This endpoint requires you to be authenticated.")
        if caller.kind == "app":
            raise ApiError(401, "Bad credentials")
        stale = bool(request.scope.get("stale_read"))
        return _answer(Desk(simulator, caller, minimized, stale), await request.body())

    return router


def _answer(desk: Desk, body: bytes) -> Response:
    try:
        sent = json.loads(body)
    except ValueError as error:
        raise ApiError(400, "Problems parsing JSON") from error
    query = sent.get("query") if isinstance(sent, dict) else None
    if not isinstance(query, str) or not query.strip():
        return _failed("A query attribute must be specified and must be a string.")
    try:
        document, missing, invalid = _read(query)
    except GraphQLSyntaxError as error:
        return _failed(f"Parse error: {error.message}")
    schema = _schema()
    if missing:
        raise not_built(f"GraphQL: {missing[0].message} It")
    if invalid:
        return JSONResponse({"errors": [error.formatted for error in invalid]})
    result = execute(
        schema,
        document,
        root_value={**_queries(desk), **mutations(desk)},
        variable_values=sent.get("variables"),
        operation_name=sent.get("operationName"),
        field_resolver=_resolve,
    )
    assert isinstance(result, ExecutionResult)
    for failed in result.errors or ():
        match failed.original_error:
            case NotBuilt() as unbuilt:
                raise not_built(f"GraphQL: {unbuilt}") from unbuilt
            case None | Refusal() | GraphQLError():
                continue
            case bug:
                raise bug
    shown: Node = {}
    if result.data is not None or not _before_execution(result):
        shown["data"] = result.data
    if result.errors:
        shown["errors"] = [_formatted(error) for error in result.errors]
    return JSONResponse(shown)


def _queries(desk: Desk) -> Node:
    def repository(owner: str, name: str, **_: Any) -> Node:
        return repository_node(desk, desk.find_repository(owner, name))

    def rate_limit(**_: Any) -> Node:
        simulator = desk.simulator
        allowance = simulator.limits.of(desk.caller, RESOURCE, simulator.clock())
        return {
            "cost": 1,
            "limit": allowance.limit,
            "nodeCount": 0,
            "remaining": max(0, allowance.limit - allowance.used),
            "resetAt": timestamp(allowance.reset_at),
            "used": allowance.used,
        }

    viewer = account(desk.simulator, desk.caller.actor)
    return {
        "repository": repository,
        "node": lambda id: find_node(desk, id).render(),
        # A bot is a `User` here, and keeps the `[bot]` in its login.
        "viewer": {**(viewer or {}), "login": desk.caller.actor.login},
        "rateLimit": rate_limit,
    }


def _resolve(source: Node, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    """
    The entry of *source* for a field, called with the field's arguments when it is a function.
    """
    place = f"{info.parent_type.name}.{info.field_name}"
    if info.field_name not in source:
        raise NotBuilt(place)
    value = source[info.field_name]
    if not callable(value):
        return value
    try:
        bound = inspect.signature(value).bind(**arguments)
    except TypeError as error:
        raise NotBuilt(f"{place}: {error}") from error
    return value(*bound.args, **bound.kwargs)


def _formatted(error: GraphQLError) -> Node:
    """
    An entry of `errors`; GitHub has the kind of error in `type`, beside the message.
    """
    shown: Node = {}
    if isinstance(error.original_error, Refusal):
        shown["type"] = error.original_error.kind
    if error.path is not None:
        shown["path"] = error.path
    if error.locations:
        shown["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    return {**shown, "message": error.message}


def _before_execution(result: ExecutionResult) -> bool:
    return all(error.path is None for error in result.errors or ())


def _failed(message: str) -> Response:
    return JSONResponse({"errors": [{"message": message}]})


@lru_cache(maxsize=64)
def _read(query: str) -> tuple[DocumentNode, list[GraphQLError], list[GraphQLError]]:
    """The parsed query, what of it was cut from the schema, and what is wrong with it."""
    document = parse(query)
    return document, validate(_schema(), document, _CUT), validate(_schema(), document)


@cache
def _schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text())
