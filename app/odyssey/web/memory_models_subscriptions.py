"""
The bodies of subscriptions to what happens in memory.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from odyssey.domain.memory.happening import Happened
from odyssey.domain.memory.subscription import Subscription, Tally
from odyssey.web.memory_access import Asked
from odyssey.web.models import REPOSITORY

Url = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https?://\S+$")]


class SubscribeBody(Asked):
    """
    Where to post, and which events.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "repository": REPOSITORY,
                    "url": "https://hooks.example.com/odyssey",
                    "events": ["memory.stored", "memory.pattern.learned"],
                }
            ]
        },
    )

    url: Url
    events: Annotated[list[Happened], Field(min_length=1, max_length=len(Happened))]


class SubscriptionBody(BaseModel):
    """
    A subscription, and what became of its notifications.
    """

    id: str
    url: str
    events: list[Happened]
    created_at: datetime
    waiting: int = 0
    delivered: int = Field(default=0, description="Of the last seven days.")
    given_up: int = Field(default=0, description="Tried eight times in vain.")
    last_problem: str = ""

    @classmethod
    def of(cls, subscription: Subscription, tally: Tally) -> Self:
        """
        What is shown of *subscription*; not its secret.
        """
        return cls(
            id=subscription.id,
            url=subscription.url,
            events=list(subscription.events),
            created_at=subscription.created_at,
            waiting=tally.waiting,
            delivered=tally.delivered,
            given_up=tally.given_up,
            last_problem=tally.last_problem,
        )


class NewSubscription(BaseModel):
    """
    A subscription that was made, with its secret, which is shown this once.
    """

    id: str
    url: str
    events: list[Happened]
    created_at: datetime
    secret: str = Field(
        description="`X-Hub-Signature-256` is `sha256=` and the HMAC of the body with it, in hex."
    )
