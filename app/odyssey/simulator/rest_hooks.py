"""The App's webhook deliveries: the log, one attempt in full, and redelivery."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from odyssey.simulator.auth import app_caller, simulator_of
from odyssey.simulator.errors import not_found
from odyssey.simulator.ids import timestamp
from odyssey.simulator.outbox import RETENTION, Delivery
from odyssey.simulator.pagination import link_header, page_size
from odyssey.simulator.state import App, Json

router = APIRouter()
AsApp = Annotated[App, Depends(app_caller)]


@router.get("/app/hook/deliveries")
async def list_deliveries(app: AsApp, request: Request) -> Response:
    """List deliveries for an app webhook, newest first; `cursor` is the last id of a page."""
    log = _log(request, app)
    match request.query_params.get("status"):
        case "success":
            log = [d for d in log if 200 <= d.status_code < 400]
        case "failure":
            log = [d for d in log if 400 <= d.status_code < 600]
        case _:
            pass
    cursor = request.query_params.get("cursor", "")
    if cursor.isdecimal():
        log = [d for d in log if d.id < int(cursor)]
    size = page_size(request)
    page = log[:size]
    links = {"next": {"cursor": str(page[-1].id)}} if len(log) > size else {}
    return JSONResponse([_item(d) for d in page], headers=link_header(request, links))


@router.get("/app/hook/deliveries/{delivery_id}")
async def get_delivery(delivery_id: str, app: AsApp, request: Request) -> Response:
    """Get a delivery for an app webhook, with request and response."""
    delivery = _find(request, app, delivery_id)
    shown = _item(delivery) | {
        "url": delivery.app.webhook_url,
        "request": {"headers": delivery.request_headers, "payload": delivery.payload},
        "response": {
            "headers": delivery.response_headers,
            "payload": delivery.response_body,
        },
    }
    return JSONResponse(shown)


@router.post("/app/hook/deliveries/{delivery_id}/attempts")
async def redeliver(delivery_id: str, app: AsApp, request: Request) -> Response:
    """Redeliver a delivery for an app webhook: the GUID stays, the id is new."""
    simulator_of(request).outbox.redeliver(_find(request, app, delivery_id))
    return JSONResponse({}, status_code=202)


def _log(request: Request, app: App) -> list[Delivery]:
    simulator = simulator_of(request)
    since = simulator.clock() - RETENTION
    kept = [
        delivery
        for delivery in simulator.outbox.log
        if delivery.app is app and delivery.delivered_at and delivery.delivered_at >= since
    ]
    return sorted(kept, key=lambda delivery: delivery.id, reverse=True)


def _find(request: Request, app: App, delivery_id: str) -> Delivery:
    for delivery in _log(request, app):
        if str(delivery.id) == delivery_id:
            return delivery
    raise not_found()


def _item(delivery: Delivery) -> Json:
    assert delivery.delivered_at is not None
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": timestamp(delivery.delivered_at),
        "redelivery": delivery.redelivery,
        "duration": round(delivery.duration, 2),
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation_id,
        "repository_id": delivery.repository_id,
        "throttled_at": None,
    }
