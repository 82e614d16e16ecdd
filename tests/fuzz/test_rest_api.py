"""
The REST API as its own description has it tried: over real Redis, git and the simulated GitHub.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis import APIOperation, Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.openapi import from_url
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fuzz.amount import ASKED, fuzz
from odyssey.scenario import REPOSITORY, Scenario, open_scenario

SERVICE_TOKEN = "a-service-token-of-the-settings"
SECONDS = 10 if not ASKED else 3_600
"""The tries of one operation end then, whatever they came to."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest_asyncio.fixture
async def scenario(tmp_path: Path) -> AsyncIterator[Scenario]:
    """
    A server without a worker: what it accepts stays where it is.
    """
    async with open_scenario(
        tmp_path,
        embeds=False,
        service_tokens={"ci": SecretStr(SERVICE_TOKEN)},
    ) as scenario:
        yield scenario


async def test_every_answer_of_the_rest_api_is_one_that_it_describes(scenario: Scenario) -> None:
    """No 5xx; status, headers, type and body as in openapi.json, for people and for a service."""
    tokens = [SERVICE_TOKEN, scenario.person("ada").token, scenario.person("eve").token, "unknown"]

    tried = await asyncio.to_thread(_try_all, scenario.web.url, tokens)

    assert {each.split()[0] for each in tried} >= {"GET", "POST"}
    assert sum(tried.values()) >= 40


def _try_all(url: str, tokens: list[str]) -> Counter[str]:
    """How often each operation was tried; in a thread, because the servers run in the loop."""
    tried: Counter[str] = Counter()
    known: list[str] = []
    for found in from_url(f"{url}/openapi.json").get_all_operations():
        assert isinstance(found, Ok), found
        _try_one(found.ok(), tokens, tried, known)
    return tried


def _try_one(
    operation: APIOperation[Any, Any, Any, Any],
    tokens: list[str],
    tried: Counter[str],
    known: list[str],
) -> None:
    end = time.monotonic() + SECONDS

    @fuzz("machine", usual=12)
    @given(case=operation.as_strategy(), token=st.sampled_from(tokens), here=st.booleans())
    def try_it(case: Case[Any], token: str, here: bool) -> None:
        if time.monotonic() > end:
            return
        if here and isinstance(case.body, dict):
            case.body["repository"] = REPOSITORY
        if here and known and "proposal_id" in case.path_parameters:
            case.path_parameters["proposal_id"] = known[-1]
        response = case.call_and_validate(
            checks=CHECKS, headers={"Authorization": f"Bearer {token}"}
        )
        tried[operation.label] += 1
        if response.status_code == 202 and "proposal_id" in response.json():
            known.append(response.json()["proposal_id"])

    try_it()
