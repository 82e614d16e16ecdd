"""
GitHub's description as a judge of single requests, answers and webhooks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

from contract.github.models import AnswerModels
from contract.github.operations import Matched, Operations
from contract.github.payloads import Payloads
from contract.github.violations import Side, places

DESCRIPTION = Path(__file__).with_name("api.github.com.json")
HOST = "https://api.github.com"
JSON = "application/json"
MOST_KEPT = 2_000  # verdicts about answers, a few hundred bytes each
GATEWAY_FAULTS = frozenset({502, 503, 504})


class Request(Protocol):
    """
    What is read of a request; `path` may be percent-encoded, `query` is the raw query string.
    """

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Response(Protocol):
    """
    What is read of an answer.
    """

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Contract:
    """
    The descriptions, loaded once for a process; validators are built at their first use.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.description = description
        self.operations = Operations(description)
        self.payloads = Payloads(description)
        self.models = AnswerModels(description["info"]["version"])
        self._validators: dict[str, OpenAPI] = {}
        self._answers: dict[tuple[str, int, str, int], list[tuple[Side, str, str]]] = {}

    def request_problems(self, matched: Matched, request: Request) -> Iterator[tuple[str, str]]:
        """
        (place, what is wrong) for parameters and body.
        """
        errors = self._openapi(matched).iter_request_errors(_Request(matched, request))
        for error in errors:
            for where, wrong in places(error):
                yield where, f"{type(error).__name__}: {wrong}"
        content = matched.operation.definition.get("requestBody", {}).get("content", {})
        if request.body and JSON in content:
            pointer = _pointer(matched, "requestBody")
            yield from self.payloads.unknown(pointer, _decoded(request.body))

    def answer_problems(
        self, matched: Matched, request: Request, response: Response
    ) -> list[tuple[Side, str, str]]:
        """
        (who refuses it, place, what is wrong): first GitHub's description, then githubkit.

        The same answer given again is not checked again: a poll costs nothing.
        """
        name = matched.operation.operation_id
        key = (name, response.status, _media_type(response.headers), hash(response.body))
        if key not in self._answers or not response.body:
            found: list[tuple[Side, str, str]] = [
                ("response", *place) for place in self._described(matched, request, response)
            ]
            if 200 <= response.status < 300 and response.body and _is_json(response.headers):
                errors = self.models.errors(name, response.body)
                found += [("githubkit", *place) for place in errors]
            if len(self._answers) >= MOST_KEPT:
                self._answers.clear()
            self._answers[key] = found
        return self._answers[key]

    def _described(
        self, matched: Matched, request: Request, response: Response
    ) -> Iterator[tuple[str, str]]:
        """
        (place, what is wrong) for status, media type, headers and body.
        """
        declared = str(response.status) in matched.operation.definition["responses"]
        if not declared:
            yield from self._undeclared(matched, request, response)
            return
        if _custom_media(request, response):
            return
        errors = self._openapi(matched).iter_response_errors(
            _Request(matched, request), _Response(response)
        )
        for error in errors:
            yield from places(error)
        answer = matched.operation.definition["responses"][str(response.status)]
        if response.body and JSON in answer.get("content", {}):
            pointer = _pointer(matched, "responses", str(response.status))
            body = _decoded(response.body)
            if response.status >= 400 and isinstance(body, dict):
                # GitHub sends `status` with every error; several schemas of errors lack it.
                body = {name: value for name, value in body.items() if name != "status"}
            yield from self.payloads.unknown(pointer, body)

    def webhook_problems(self, event: str, payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """
        (place, what is wrong) by GitHub's schema and by githubkit's model.
        """
        name = self.payloads.find_webhook(event, payload)
        if name is None:
            yield "action", "GitHub sends no such webhook (or webhooks.txt leaves it out)"
            return
        yield from self.payloads.webhook_errors(name, payload)
        yield from self.models.webhook_errors(event, payload)

    def graphql_problems(self, response: Response) -> Iterator[tuple[str, str]]:
        """
        (place, what is wrong) with the envelope of a GraphQL answer.
        """
        if response.status in GATEWAY_FAULTS:
            return
        body = _decoded(response.body)
        if response.status != 200:
            problem = self.payloads.error_problem(body)
            if problem:
                yield "$", problem
            return
        if not isinstance(body, dict) or not body.keys() & {"data", "errors"}:
            yield "$", "an object with `data` or `errors`"
            return
        for error in body.get("errors", ()):
            if not isinstance(error, dict) or not isinstance(error.get("message"), str):
                yield "$.errors", "each error is an object with a string `message`"

    def _undeclared(
        self, matched: Matched, request: Request, response: Response
    ) -> Iterator[tuple[str, str]]:
        declared = ", ".join(sorted(matched.operation.definition["responses"]))
        status = response.status
        if status == 304:
            if response.body or "if-none-match" not in _lowered(request.headers):
                yield "status", "304 has no body and answers If-None-Match"
        elif 400 <= status < 500 or status == 500:
            problem = self.payloads.error_problem(_decoded(response.body))
            if problem:
                yield "$", f"status {status}: {problem}"
        else:
            yield "status", f"one of {declared}; {status} is not declared"

    def _openapi(self, matched: Matched) -> OpenAPI:
        template = matched.operation.template
        if template not in self._validators:
            # One small document for each path: openapi-core walks all paths for every request.
            document = {
                "openapi": self.description["openapi"],
                "info": {"title": template, "version": self.description["info"]["version"]},
                "servers": [{"url": HOST}],
                "paths": {template: self.description["paths"][template]},
                "components": self.description["components"],
            }
            config = Config(spec_validator_cls=None)
            self._validators[template] = OpenAPI.from_dict(document, config=config)
        return self._validators[template]


class _Request:
    """
    A request in the form that openapi-core reads.
    """

    def __init__(self, matched: Matched, request: Request) -> None:
        headers = _lowered(request.headers)
        self.host_url = HOST
        self.method = matched.operation.method
        self.path = self.path_pattern = matched.operation.template
        # GitHub reads every body as JSON, whatever its content type says.
        self.content_type = JSON
        self.body = request.body or None
        self.parameters = RequestParameters(
            path=dict(matched.parameters),
            query=ImmutableMultiDict(parse_qsl(request.query, keep_blank_values=True)),
            header=Headers(headers),
        )


class _Response:
    """
    An answer in the form that openapi-core reads.
    """

    def __init__(self, response: Response) -> None:
        self.status_code = response.status
        self.headers = Headers(_lowered(response.headers))
        self.content_type = _media_type(response.headers) or JSON
        self.data = response.body or None


@cache
def the_contract() -> Contract:
    """
    The one contract of this process: loading and compiling it is what takes time.
    """
    return Contract(json.loads(DESCRIPTION.read_bytes()))


def _pointer(matched: Matched, *parts: str) -> str:
    """
    Where in the description the schema of a JSON body is.
    """
    operation = matched.operation
    path = ["paths", operation.template, operation.method, *parts, "content", JSON, "schema"]
    return "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)


def _custom_media(request: Request, response: Response) -> bool:
    """
    Whether the client asked for, and got, something else than JSON (a diff, a raw file, a SHA).
    """
    accept = _lowered(request.headers).get("accept", "")
    asked = any(f".{kind}" in accept for kind in ("diff", "patch", "raw", "html", "sha"))
    return asked and 200 <= response.status < 300


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _media_type(headers: Mapping[str, str]) -> str:
    return _lowered(headers).get("content-type", "").partition(";")[0].strip().lower()


def _is_json(headers: Mapping[str, str]) -> bool:
    return _media_type(headers) == JSON


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
