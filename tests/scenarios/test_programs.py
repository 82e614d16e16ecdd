"""
`odyssey work` as the program people start, beside the tests' own loop.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from odyssey.domain.proposal import Status
from odyssey.scenario import Scenario


def environment_of(scenario: Scenario) -> dict[str, str]:
    """The scenario's settings as an operator writes them."""
    settings = scenario.settings
    return {
        **os.environ,
        "ODYSSEY_GITHUB_API_URL": settings.github_api_url,
        "ODYSSEY_GITHUB_WEB_URL": settings.github_web_url,
        "ODYSSEY_APP_ID": settings.app_id,
        "ODYSSEY_APP_SLUG": settings.app_slug,
        "ODYSSEY_PRIVATE_KEY": settings.private_key.get_secret_value().replace("\n", "\\n"),
        "ODYSSEY_WEBHOOK_SECRET": settings.webhook_secret.get_secret_value(),
        "ODYSSEY_REDIS_URL": settings.redis_url,
        "ODYSSEY_DATA_DIR": str(settings.data_dir),
    }


async def run_odyssey(*arguments: str, scenario: Scenario) -> tuple[int | None, str]:
    """The exit status and the output of the program."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("odyssey")),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment_of(scenario),
    )
    async with asyncio.timeout(180):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_what_was_accepted_is_worked_off_by_the_program(scenario: Scenario) -> None:
    """Another process, configured by its environment alone, makes the proposal."""
    number = await scenario.open_issue("Keep notes")
    block = "`docs/notes.md`\n```markdown\nNotes.\n```"
    await scenario.comment(number, f"/odyssey propose Keep notes\n\n{block}")
    await scenario.simulator.outbox.deliver_all()

    status, output = await run_odyssey("work", "--burst", scenario=scenario)
    await scenario.settle()
    proposal = await scenario.newest()

    assert (status, "Traceback" in output) == (0, False), output
    assert proposal.issue_number == number
    assert proposal.status is Status.VALIDATION_PASSED


async def test_a_missing_setting_is_named_in_one_line(scenario: Scenario) -> None:
    """No traceback: what is missing, and where it is described."""
    await scenario.settle()

    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("odyssey")),
        "work",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**environment_of(scenario), "ODYSSEY_APP_ID": ""},
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()

    assert process.returncode == 1
    assert output.decode().strip().splitlines() == [
        "odyssey: ODYSSEY_APP_ID is not set: it takes the App's id or client id; "
        "see deploy/environment.example"
    ]
