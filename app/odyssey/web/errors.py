"""
Errors as answers: every 4xx and 5xx holds `{"error", "detail"}`.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from odyssey.domain.errors import (
    Busy,
    ChangeRefused,
    CommandRefused,
    Conflict,
    MalformedPayload,
    NotFound,
    NotMergeable,
    OdysseyError,
    PermissionDenied,
    Unavailable,
)
from odyssey.domain.memory.masking import mask
from odyssey.web.models import ErrorBody

log = logging.getLogger("odyssey.web")

DESCRIPTIONS = {
    400: "The body or a parameter is not what is expected, or the change breaks a rule.",
    401: "No bearer token, or one that nobody knows.",
    403: "The bearer may not do this.",
    404: "There is no such thing, or the bearer may not see it.",
    409: "The proposal or the repository is not in a state for this.",
    413: "The body is too large.",
    422: "It was read, and cannot be done as it is said; the detail says what to write instead.",
    503: "Redis or GitHub does not answer; try again after `Retry-After` seconds.",
}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """
    How the API's description shows answers with *statuses*.
    """
    return {each: {"model": ErrorBody, "description": DESCRIPTIONS[each]} for each in statuses}


def install_error_handlers(app: FastAPI) -> None:
    """
    Makes *app* answer every error in the one form.
    """
    app.add_exception_handler(OdysseyError, _odyssey_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(Exception, _defect)


def status_of(error: OdysseyError) -> int:
    """
    The status code that tells a client what *error* means to it.
    """
    match error:
        case NotFound():
            return 404
        case PermissionDenied():
            return 403
        case ChangeRefused() | MalformedPayload():
            return 400
        case Unavailable() | Busy():
            return 503
        case CommandRefused() | Conflict() | NotMergeable():
            return 409
        case _:
            return 500


def answer(
    status: int, error: str, detail: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """
    The answer of an error.
    """
    return JSONResponse(ErrorBody(error=error, detail=detail).model_dump(), status, headers)


async def _odyssey_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OdysseyError)
    status = status_of(error)
    # A path may hold anything, also the token that its sender put there by mistake.
    said = mask(f"{request.url.path}: {type(error).__name__}: {error}").text
    log.info("%s %s", request.method, said)
    headers = {}
    if status == 503:
        after = getattr(error, "retry_after", None) or timedelta(seconds=2)
        headers["Retry-After"] = str(max(1, round(after.total_seconds())))
    return answer(status, type(error).__name__, str(error), headers)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail
    if detail == phrase:
        detail = f"{phrase}: {request.method} {request.url.path}; see /openapi.json"
    name = "".join(word.capitalize() for word in phrase.replace("-", " ").split())
    return answer(error.status_code, name, detail, dict(error.headers or {}))


async def _invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # The input itself is not shown: it may be large, and it may be secret.
    problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5]]
    return answer(400, "BadRequest", "; ".join(problems))


async def _defect(request: Request, _: Exception) -> JSONResponse:
    # The server logs the error itself with its traceback.
    detail = f"{request.method} {request.url.path} failed on a defect; the server's log says more"
    return answer(500, "InternalServerError", detail)
