"""
What the language model behind Ollama's API is asked, and what becomes of its failures.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from contract.memory import ollama_server
from contract.notebook.scripted_ollama import ScriptedOllama
from odyssey.adapters.ollama_language import OllamaLanguage
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.consolidation import SCHEMA
from odyssey.domain.memory.prompt import Prompt
from odyssey.ports.derived import Unanswered

PROMPT = Prompt(system="told", user="shown")


def language(url: str, *, seconds: float = 5) -> OllamaLanguage:
    """The model at *url*."""
    return OllamaLanguage("scripted", url=url, timeout=timedelta(seconds=seconds))


async def test_the_answer_is_forced_into_the_schema(model: ScriptedOllama) -> None:
    """What is told and what is shown are two messages; chance is left out."""
    model.script = lambda _: {"actions": []}

    answer = await language(model.url).answer(PROMPT, SCHEMA)
    [request] = model.requests

    assert answer == {"actions": []}
    assert request["format"] == SCHEMA
    assert request["messages"] == [
        {"role": "system", "content": "told"},
        {"role": "user", "content": "shown"},
    ]
    assert request["options"]["temperature"] == 0
    assert request["stream"] is False


@pytest.mark.parametrize("text", ["", "no json", "[1]", "7", '{"a":', "[" * 200_000])
async def test_an_answer_that_is_no_object_counts(model: ScriptedOllama, text: str) -> None:
    """And what it said is not repeated in the error."""
    model.script = lambda _: text

    with pytest.raises(Unanswered) as raised:
        await language(model.url).answer(PROMPT, SCHEMA)

    assert "no json" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "counts"), [(500, True), (400, True), (404, False), (503, False)]
)
async def test_an_error_of_the_server_counts_unless_the_model_is_away(
    model: ScriptedOllama, status: int, counts: bool
) -> None:
    """404 is a model that was never pulled."""
    model.status = status

    with pytest.raises(Unavailable) as raised:
        await language(model.url).answer(PROMPT, SCHEMA)

    assert isinstance(raised.value, Unanswered) is counts


async def test_a_model_that_hangs_is_not_waited_for(model: ScriptedOllama) -> None:
    """The deadline is of the whole answer."""
    model.hangs = True

    with pytest.raises(Unanswered, match="no answer within"):
        await language(model.url, seconds=0.2).answer(PROMPT, SCHEMA)


async def test_a_server_that_is_not_there_is_away() -> None:
    """The error says how to start it."""
    with pytest.raises(Unavailable, match="ollama serve") as raised:
        await language("http://127.0.0.1:9").answer(PROMPT, SCHEMA)

    assert not isinstance(raised.value, Unanswered)


async def test_a_real_ollama_answers_in_the_schema(tmp_path: Path) -> None:
    """Where there is one: set ODYSSEY_TEST_OLLAMA_URL and ODYSSEY_TEST_OLLAMA_CHAT_MODEL."""
    model = os.environ.get("ODYSSEY_TEST_OLLAMA_CHAT_MODEL")
    with ollama_server.running(tmp_path) as server:
        if isinstance(server, str) or not model:
            pytest.skip("no Ollama with a chat model: set ODYSSEY_TEST_OLLAMA_CHAT_MODEL too")
        real = OllamaLanguage(model, url=server.url, timeout=timedelta(minutes=5))
        answer = await real.answer(Prompt(system="Answer {'actions': []}.", user="skip"), SCHEMA)
        await real.close()

    assert isinstance(answer["actions"], list)
