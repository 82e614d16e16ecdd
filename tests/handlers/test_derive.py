"""
Derive: what happens to proposals becomes observations, as soon as there is a model.
"""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from contract.notebook.scripted_ollama import scripted_ollama
from handlers.conftest import Desk
from odyssey.adapters.ollama_language import OllamaLanguage
from odyssey.domain.change import Files
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.handlers.memory.derive import derive_once
from odyssey.handlers.memory.observe import find_observations
from odyssey.handlers.propose import propose
from odyssey.handlers.remember import tenant_of


async def test_a_proposal_waits_for_a_model_and_is_then_learnt_from(desk: Desk) -> None:
    """Through the ports that settings make; the worker's timer calls the same."""
    tenant = tenant_of(desk.repository)
    await propose(desk.request(Files({"src/app.py": "mended\n"})), desk.ports)
    await derive_once(desk.ports)
    waiting = await desk.ports.derived.jobs.counters(tenant)
    async with scripted_ollama() as model:
        model.script = lambda _: {
            "actions": [
                {
                    "action": "create", "text": "ada proposed to mend the greeting",
                    "sources": ["R1"], "confidence": 0.9,
                }
            ]
        }  # fmt: skip
        language = OllamaLanguage("scripted", url=model.url, timeout=timedelta(seconds=30))
        derived = dataclasses.replace(desk.ports.derived, language=language)
        await derive_once(dataclasses.replace(desk.ports, derived=derived))
        await language.close()
        shown = model.shown()
    [found] = await find_observations(tenant, desk.ports, scope=REPOSITORY, query="greeting")

    assert waiting.jobs["consolidate"] == {"waiting": 1}
    assert waiting.unlearnt > 0
    assert "Mend the greeting" in shown
    assert found.observation.text == "ada proposed to mend the greeting"
    assert found.observation.sources[0].record_id.startswith("prop_")
