"""
The REST API of subscriptions to what happens in memory.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.exceptions import HTTPException

from odyssey.handlers.memory.subscriptions import subscribe, unsubscribe
from odyssey.ports.derived import CallbackRefused
from odyssey.web.errors import error_responses
from odyssey.web.memory_access import Asked, MemoryAccess, asked_in_query
from odyssey.web.memory_models_subscriptions import (
    NewSubscription,
    SubscribeBody,
    SubscriptionBody,
)

InQuery = Annotated[Asked, Depends(asked_in_query)]
Identifier = Annotated[str, Path(max_length=40, pattern=r"^sub_[0-9a-f]+$")]


def memory_subscription_routes(access: MemoryAccess) -> APIRouter:
    """
    The routes of subscriptions; they are a repository's, and take write permission.
    """
    router = access.router("memory: subscriptions")
    ports = access.ports

    @router.post("/subscriptions", status_code=201, responses=error_responses(409, 413))
    async def make_subscription(request: Request, body: SubscribeBody) -> NewSubscription:
        """
        Lets an address be posted to, signed, when something happens in memory.
        """
        place = await access.to_write(request.state.caller, body)
        try:
            made = await subscribe(
                body.url, body.events, place.repository.full_name, place.tenant, ports
            )
        except CallbackRefused as error:
            raise HTTPException(422, str(error).replace("callback_url", "url")) from error
        return NewSubscription(
            id=made.id,
            url=made.url,
            events=list(made.events),
            created_at=made.created_at,
            secret=made.secret,
        )

    @router.get("/subscriptions")
    async def list_subscriptions(request: Request, asked: InQuery) -> list[SubscriptionBody]:
        """
        The subscriptions with what became of their notifications, oldest first.
        """
        place = await access.to_write(request.state.caller, asked)
        found = await ports.derived.subscriptions.of(place.tenant)
        return [SubscriptionBody.of(each, tally) for each, tally in found]

    @router.delete("/subscriptions/{subscription_id}", status_code=204)
    async def end_subscription(
        request: Request, subscription_id: Identifier, asked: InQuery
    ) -> Response:
        """
        Ends a subscription; what waits for it is dropped.
        """
        place = await access.to_write(request.state.caller, asked)
        await unsubscribe(subscription_id, place.tenant, ports)
        return Response(status_code=204)

    return router
