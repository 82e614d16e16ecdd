"""
Lists of GitHub's REST API, asked for conditionally: an unchanged page costs no rate limit.

What a page held is kept in Redis beside its ETag, for all processes. GitHub may bind an ETag to
the token it was given to; a renewed token then costs one full answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis

from odyssey.adapters.github_client import Client
from odyssey.adapters.redis_connection import unavailable_without_redis

KEPT = timedelta(days=7)
"""A page nobody asks for any more is forgotten after this."""

Item = dict[str, Any]
Pick = Callable[[Mapping[str, Any]], Item]
"""What is kept of an item of a list: the few fields that are read of it."""


@dataclass(frozen=True, slots=True)
class Page:
    """
    One page: its items as picked, and the address of the next.
    """

    items: list[Item]
    next_url: str | None


class ConditionalPages:
    """
    Reads lists page by page, each under the ETag of its last answer.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def items(
        self,
        client: Client,
        path: str,
        *,
        owner: str,
        pick: Pick,
        params: Mapping[str, str | int] | None = None,
        wrap: str | None = None,
        most: int = 1_000,
        is_enough: Callable[[Item], bool] = lambda _: False,
    ) -> list[Item]:
        """
        The list at *path*, at most *most* items; *wrap* is the key it stands under, if any.

        No page is asked for behind one whose last item *is_enough*.
        *owner* names whose view it is: two installations may see the same path differently.
        """
        found: list[Item] = []
        url: str | None = path
        query = dict(params or {})
        while url is not None and len(found) < most:
            page = await self._page(client, url, query, owner=owner, pick=pick, wrap=wrap)
            found += page.items
            if page.items and is_enough(page.items[-1]):
                break
            # The address of the next page has its parameters.
            url, query = page.next_url, {}
        return found[:most]

    async def _page(
        self,
        client: Client,
        url: str,
        query: dict[str, str | int],
        *,
        owner: str,
        pick: Pick,
        wrap: str | None,
    ) -> Page:
        key = _key(owner, url, query)
        with unavailable_without_redis():
            kept = await self._redis.get(key)
        known: dict[str, Any] = json.loads(kept) if kept else {}
        headers = {"If-None-Match": known["etag"]} if known else {}
        answer = await client.arequest("GET", url, params=query or None, headers=headers)
        if answer.status_code == 304:
            return Page(known["items"], known["next"])
        body = answer.json()
        items = [pick(each) for each in (body[wrap] if wrap else body)]
        next_url = answer.raw_response.links.get("next", {}).get("url")
        etag = answer.headers.get("etag")
        with unavailable_without_redis():
            if etag:
                fresh = {"etag": etag, "items": items, "next": next_url}
                await self._redis.set(key, json.dumps(fresh), ex=KEPT)
        return Page(items, next_url)


def _key(owner: str, url: str, query: Mapping[str, str | int]) -> str:
    name = json.dumps([owner, url, sorted(query.items())])
    return f"odyssey:pages:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
