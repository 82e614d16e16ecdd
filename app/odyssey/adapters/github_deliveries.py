"""
The port `Deliveries`: GitHub's log of the App's webhook deliveries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from odyssey.adapters.github_client import InstallationClients
from odyssey.domain.identifiers import DeliveryId
from odyssey.ports.healing import DeliveryAttempt

_PAGE = 100


class GitHubDeliveries:
    """
    The log, read and repeated with the App's own JWT.
    """

    def __init__(self, clients: InstallationClients) -> None:
        self._clients = clients

    async def since(self, start: datetime, *, most: int) -> Sequence[DeliveryAttempt]:
        """See `ports.healing.Deliveries`."""
        found: list[DeliveryAttempt] = []
        cursor: str | None = ""
        while cursor is not None and len(found) < most:
            answer = await self._page(cursor)
            attempts = [_attempt(each) for each in answer.json()]
            found += [each for each in attempts if each.at >= start]
            if not attempts or attempts[-1].at < start:
                break
            cursor = _next_cursor(answer.raw_response.links)
        return found[:most]

    async def _page(self, cursor: str) -> Any:
        page: dict[str, Any] = {"cursor": cursor} if cursor else {}
        return await self._clients.as_app(
            lambda app: app.rest.apps.async_list_webhook_deliveries(per_page=_PAGE, **page)
        )

    async def redeliver(self, attempt_id: int) -> None:
        """See `ports.healing.Deliveries`."""
        await self._clients.as_app(
            lambda app: app.rest.apps.async_redeliver_webhook_delivery(attempt_id)
        )


def _attempt(item: Mapping[str, Any]) -> DeliveryAttempt:
    code = int(item["status_code"])
    return DeliveryAttempt(
        id=int(item["id"]),
        guid=DeliveryId(str(item["guid"])),
        at=datetime.fromisoformat(item["delivered_at"]).astimezone(UTC),
        # GitHub's own script goes by the word; a 2xx says the same.
        is_ok=item["status"] == "OK" or 200 <= code < 300,
        status_code=code,
        event=str(item["event"]),
        action=item["action"],
    )


def _next_cursor(links: Mapping[str | None, Mapping[str, str]]) -> str | None:
    url = links.get("next", {}).get("url")
    return parse_qs(urlsplit(url).query).get("cursor", [None])[0] if url else None
