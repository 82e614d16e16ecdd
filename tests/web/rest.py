"""
How the tests speak to the REST API.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx

from odyssey.domain.proposal import Proposal
from odyssey.ports import Ports
from web.conftest import SERVICE_TOKEN

PROPOSE = "/api/v1/self-modify/propose"

PROPOSALS = "/api/v1/self-modify/proposals"

CHANGE = {
    "repository": "octo-org/widgets",
    "files_content": {"src/greeting.py": "GREETING = 'hello'\n"},
    "commit_message": "feat: Greet in lower case",
}


def bearer(login: str) -> dict[str, str]:
    """
    The header of a person; of the service for `service`.
    """
    token = SERVICE_TOKEN if login == "service" else f"ghu_{login}"
    return {"Authorization": f"Bearer {token}"}


async def propose(client: httpx.AsyncClient, login: str = "mona", **fields: Any) -> dict[str, Any]:
    """
    The receipt of a proposal by *login*.
    """
    response = await client.post(PROPOSE, json={**CHANGE, **fields}, headers=bearer(login))
    assert response.status_code == 202, response.text
    receipt: dict[str, Any] = response.json()
    return receipt


async def proposal_of(ports: Ports, receipt: dict[str, Any]) -> Proposal:
    """
    What is stored for a receipt.
    """
    found = await ports.proposals.get(receipt["proposal_id"])
    assert found is not None
    return found


async def pass_validation(ports: Ports, receipt: dict[str, Any]) -> Proposal:
    """
    Stores that the sandbox passed the proposal's head.
    """
    proposal = await proposal_of(ports, receipt)
    assert proposal.validation is not None
    validation = replace(
        proposal.validation,
        started=True,
        conclusion="success",
        output="12 passed in 0.31s",
        completed_at=ports.now(),
    )
    proposal = replace(proposal, validation=validation)
    await ports.proposals.put(proposal)
    return proposal


def assert_error(response: httpx.Response, status: int, error: str) -> None:
    """
    The answer is the error, in the one form.
    """
    assert (response.status_code, response.json().get("error")) == (status, error), response.text
    assert isinstance(response.json()["detail"], str)
