"""
A language model of an Ollama server, whose answers are forced into a JSON schema.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import ollama

from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.prompt import Prompt
from odyssey.ports.derived import Unanswered

_KEEP_ALIVE = "10m"
_WINDOWS = (8_192, 16_384, 32_768)
"""
Tokens of prompt and answer together. Ollama's own default would cut a prompt without a word;
each other size loads the model anew, so there are few.
"""
_LONGEST_ANSWER = 2_048
"""Tokens: ten actions have about 800."""


class OllamaLanguage:
    """A model by the name it was pulled under. Nothing is repeated here: the queue does."""

    def __init__(self, model: str, *, url: str, timeout: timedelta, api_key: str = "") -> None:
        self._model = model
        self._url = url
        self._timeout = timeout
        self._client = ollama.AsyncClient(
            host=url,
            timeout=timeout.total_seconds(),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
        )

    @property
    def name(self) -> str:
        """The model's name, `ollama/` in front."""
        return f"ollama/{self._model}"

    async def answer(self, prompt: Prompt, schema: Mapping[str, Any]) -> dict[str, Any]:
        """
        The model's answer, an object; whether it fits *schema* is for the caller to check.

        Raises:
            Unanswered: no object, an error of the server's own, or not within the timeout.
            Unavailable: the server is away, or has no such model.
        """
        try:
            # httpx counts the time between two bytes, so that a server that drips never ends.
            async with asyncio.timeout(self._timeout.total_seconds()):
                answer = await self._client.chat(
                    model=self._model,
                    messages=[
                        {"role": "system", "content": prompt.system},
                        {"role": "user", "content": prompt.user},
                    ],
                    format=dict(schema),
                    stream=False,
                    options={
                        "temperature": 0,
                        "num_ctx": _window(prompt),
                        "num_predict": _LONGEST_ANSWER,
                    },
                    keep_alive=_KEEP_ALIVE,
                )
        except ollama.ResponseError as error:
            raise self._translated(error) from error
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise Unanswered(
                f"{self._said}: no answer within {self._timeout.total_seconds():g} s; "
                "see ODYSSEY_LANGUAGE_TIMEOUT"
            ) from error
        except (ConnectionError, httpx.HTTPError) as error:
            raise Unavailable(
                f"{self._said}: {str(error) or type(error).__name__}; see that it runs "
                "(ollama serve) and that ODYSSEY_LANGUAGE_URL is its address"
            ) from error
        except ValueError as error:
            raise Unanswered(f"{self._said}: the server's answer is not Ollama's") from error
        return self._object(answer.message.content or "")

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]  # ollama leaves it untyped

    @property
    def _said(self) -> str:
        return f"Ollama at {self._url}, model {self._model!r}"

    def _object(self, text: str) -> dict[str, Any]:
        try:
            found = _storable(json.loads(text))
        except (ValueError, RecursionError) as error:
            # The answer itself is not shown: it may repeat what somebody wrote.
            raise Unanswered(f"{self._said}: its answer is no JSON") from error
        if not isinstance(found, dict):
            raise Unanswered(f"{self._said}: its answer is no JSON object")
        return found

    def _translated(self, error: ollama.ResponseError) -> Unavailable:
        said = f"{self._said}: {error.error[:300]}"
        match error.status_code:
            case 404:
                return Unavailable(f"{said}; ollama pull {self._model}")
            case 401 | 403 | 429 | 502 | 503 | 504:
                return Unavailable(said)
            case _:
                return Unanswered(said)


def _storable(found: Any) -> Any:
    # JSON can hold half a surrogate pair and a NUL, which no database takes.
    text = json.dumps(found, ensure_ascii=False).replace(r"\u0000", "\N{REPLACEMENT CHARACTER}")
    return json.loads(text.encode("utf-8", "replace"))


def _window(prompt: Prompt) -> int:
    # A token of English has four bytes, one of Chinese three.
    tokens = len((prompt.system + prompt.user).encode("utf-8", "replace")) // 3 + _LONGEST_ANSWER
    return next((each for each in _WINDOWS if each >= tokens), _WINDOWS[-1])
