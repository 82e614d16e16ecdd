"""
No secret is in any log line or error answer, at the most talkative level, through a whole scenario.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from odyssey.bootstrap import AUDIT
from odyssey.domain.proposal import Status
from odyssey.scenario import Scenario, open_scenario
from odyssey.simulator.faults import Fault
from schedules.executor import ScriptedExecutor

SERVICE_TOKEN = "a-service-token-of-the-settings"


@pytest_asyncio.fixture
async def scenario(tmp_path: Path) -> AsyncIterator[Scenario]:
    """
    A scenario without a model, whose GitHub hands out the long form of tokens.
    """
    async with open_scenario(
        tmp_path,
        executor=ScriptedExecutor(),
        embeds=False,
        durable=False,
        service_tokens={"ci": SecretStr(SERVICE_TOKEN)},
    ) as scenario:
        scenario.simulator.token_form = "stateless"
        yield scenario


def secrets_of(scenario: Scenario) -> set[str]:
    """All that nobody may read: the App's, the server's, and every token GitHub handed out."""
    key = [each for each in scenario.app.private_key.splitlines() if "-----" not in each]
    return {
        scenario.settings.webhook_secret.get_secret_value(),
        SERVICE_TOKEN,
        *(each for each in key if len(each) > 40),
        *scenario.simulator.state.tokens,
    }


async def test_no_secret_is_in_a_log_line_an_answer_or_the_audit_log(
    scenario: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens of both lengths, refusals, failures before and after the effect, dead tokens."""
    caplog.set_level(logging.DEBUG)
    simulator = scenario.simulator
    change = "```diff\n--- /dev/null\n+++ b/verdict.txt\n@@ -0,0 +1 @@\n+pass\n```"
    number = await scenario.open_issue("Write a note")
    await scenario.comment(number, f"/odyssey propose Write a note\n\n{change}")
    simulator.faults.add(Fault("POST", r".*/pulls", status=502, when="after_effect"))
    simulator.faults.add(Fault("POST", r".*/git-receive-pack", status=403))
    simulator.faults.add(Fault("PATCH", r".*/check-runs/\d+", kind="expire_token"))
    await scenario.settle()
    await scenario.comment(number, f"/odyssey propose Write a note\n\n{change}")
    await scenario.settle()
    proposal = await scenario.newest()
    answers = await _ask_wrongly(scenario)
    await scenario.approve(proposal.pull_request.number)
    await scenario.settle()

    tokens = simulator.state.tokens
    secrets = secrets_of(scenario)
    # The test's own client tells of the addresses it calls, and so does uvicorn's access log,
    # which `odyssey serve` turns off.
    records = [
        each
        for each in caplog.records
        if scenario.web.url not in each.getMessage() and each.name != "uvicorn.access"
    ]
    said = "\n".join(
        [*answers, *(f"{each.getMessage()} {each.__dict__}" for each in records)]
        + [each.read_text() for each in (scenario.settings.data_dir / AUDIT).glob("*.jsonl")]
    )
    assert (await scenario.get(proposal)).status is Status.MERGED
    assert {len(each) > 400 for each in tokens} == {True, False}
    assert len({each.name for each in records if each.name.startswith("odyssey.")}) > 2
    assert [each for each in said.split("\n") if any(map(each.__contains__, secrets))] == []


async def _ask_wrongly(scenario: Scenario) -> list[str]:
    """The answers to requests that hold a secret in the wrong place, or a wrong one."""
    secret = scenario.settings.webhook_secret.get_secret_value()
    token = scenario.person("ada").token
    api = f"{scenario.web.url}/api/v1/self-modify"
    answers = []
    async with httpx.AsyncClient(trust_env=False) as client:
        for headers, url, body in (
            ({"Authorization": f"Bearer {token}"}, f"{api}/proposals/{token}/approve", {}),
            ({"Authorization": f"Bearer {SERVICE_TOKEN}"}, f"{api}/propose", {"a": SERVICE_TOKEN}),
            ({"Authorization": f"Basic {token}"}, f"{api}/propose", {"commit_message": token}),
            ({"X-Hub-Signature-256": secret}, f"{scenario.web.url}/webhooks/github", {}),
            ({"X-GitHub-Event": secret}, f"{scenario.web.url}/webhooks/github", {}),
        ):
            response = await client.post(url, json=body, headers=headers)
            assert 400 <= response.status_code < 500
            # What the caller sent itself it may see; what it did not send it may not.
            sent = {token, SERVICE_TOKEN} & {*url.split("/"), *body.values()}
            answers.append("" if any(each in response.text for each in sent) else response.text)
    return answers
