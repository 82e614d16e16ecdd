"""
A GitHub on this machine: REST API, smart HTTP, webhooks and Actions over real repositories.

Reading order: `server` (public face), `state` (what it knows), `gateway` and `auth` (each
request), `rest_*` (one area of the API each), `merging` and `protection` (the rules of a
merge), `pushes` (what a moved ref causes), `webhooks` and `outbox` (what Apps are told),
`faults` (bad days), `people` (verbs for scenarios).
"""

from __future__ import annotations

from odyssey.simulator.faults import (
    Fault,
    FaultBoard,
    base_branch_modified,
    doubled_delivery,
    dropped_delivery,
    late_answer,
    secondary_limit,
    stale_read,
    token_expiry,
)
from odyssey.simulator.gateway import Call, ExchangeRequest, ExchangeResponse, Observer
from odyssey.simulator.outbox import Delivery, Outbox
from odyssey.simulator.people import Person
from odyssey.simulator.server import Simulator
from odyssey.simulator.state import App, Installation, Repository, State, User

__all__ = [
    "App",
    "Call",
    "Delivery",
    "ExchangeRequest",
    "ExchangeResponse",
    "Fault",
    "FaultBoard",
    "Installation",
    "Observer",
    "Outbox",
    "Person",
    "Repository",
    "Simulator",
    "State",
    "User",
    "base_branch_modified",
    "doubled_delivery",
    "dropped_delivery",
    "late_answer",
    "secondary_limit",
    "stale_read",
    "token_expiry",
]
