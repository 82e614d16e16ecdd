"""The second host: artifacts and logs under addresses that work for one minute."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

VALID_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Blob:
    content: bytes
    media_type: str
    filename: str
    expires_at: datetime


class BlobStore:
    """Hands out addresses for bytes; refuses a forwarded Authorization, as Azure storage does."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.url = ""
        self._clock = clock
        self._blobs: dict[str, Blob] = {}

    def publish(self, content: bytes, media_type: str, filename: str) -> str:
        """An address for *content* that works for one minute."""
        key = secrets.token_urlsafe(24)
        self._blobs[key] = Blob(content, media_type, filename, self._clock() + VALID_FOR)
        return f"{self.url}/blobs/{key}"

    def build_app(self) -> Starlette:
        """The application of the second port."""
        return Starlette(routes=[Route("/blobs/{key}", self._serve)])

    async def _serve(self, request: Request) -> Response:
        if "authorization" in request.headers:
            return PlainTextResponse("InvalidAuthenticationInfo", status_code=401)
        blob = self._blobs.get(request.path_params["key"])
        if blob is None:
            return PlainTextResponse("ResourceNotFound", status_code=404)
        if blob.expires_at <= self._clock():
            return PlainTextResponse("AuthenticationFailed: Signature not valid", status_code=403)
        disposition = f'attachment; filename="{blob.filename}"'
        return Response(
            blob.content,
            media_type=blob.media_type,
            headers={"content-disposition": disposition},
        )
