"""The errors of the REST API, in the form GitHub gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

DOCUMENTATION = "https://docs.github.com/rest"


class ApiError(Exception):
    """An answer other than 2xx; `errors` are objects, or strings on review endpoints."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any] | str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The JSON reply with message, documentation_url and status (a string)."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            body["errors"] = list(self.errors)
        body |= {"documentation_url": DOCUMENTATION, "status": str(self.status)}
        return JSONResponse(body, status_code=self.status, headers=self.headers)


def not_found() -> ApiError:
    """404, also for what the caller may not know of."""
    return ApiError(404, "Not Found")


def forbidden(message: str = "Resource not accessible by integration") -> ApiError:
    """403 for a caller who may see the resource but not do this."""
    return ApiError(403, message)


def invalid(resource: str, code: str, field: str | None = None, message: str = "") -> ApiError:
    """422 `Validation Failed` with one error object."""
    error: dict[str, Any] = {"resource": resource, "code": code}
    if field is not None:
        error["field"] = field
    if message:
        error["message"] = message
    return ApiError(422, "Validation Failed", errors=[error])


def unprocessable(*errors: str) -> ApiError:
    """422 with plain strings, as the review endpoints give it."""
    return ApiError(422, "Unprocessable Entity", errors=errors)


def not_built(what: str) -> ApiError:
    """501: GitHub has it, this simulator does not."""
    return ApiError(501, f"{what} is not built in the simulator")


async def answer_error(_request: Request, error: Exception) -> Response:
    """The exception handler registered for `ApiError`."""
    assert isinstance(error, ApiError)
    return error.response()
