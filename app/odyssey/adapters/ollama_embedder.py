"""
Embeddings by an Ollama server.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import httpx
import ollama

from odyssey.adapters.embedding import CannotEmbed, Vector, unit
from odyssey.domain.errors import Unavailable

DEFAULT_MODEL = "all-minilm"
DEFAULT_URL = "http://127.0.0.1:11434"
_BATCH = 32
_KEEP_ALIVE = "10m"

_PREFIXES = {
    # https://huggingface.co/nomic-ai/nomic-embed-text-v1.5
    "nomic-embed-text": ("search_document: ", "search_query: "),
    # https://huggingface.co/mixedbread-ai/mxbai-embed-large-v1
    "mxbai-embed-large": ("", "Represent this sentence for searching relevant passages: "),
    # https://huggingface.co/Snowflake/snowflake-arctic-embed-m
    "snowflake-arctic-embed": ("", "Represent this sentence for searching relevant passages: "),
}
"""What models that tell documents from queries want before each."""


class OllamaEmbedder:
    """
    A model of an Ollama server, by the name it was pulled under.

    A name without a tag is `latest`, which may become another model: vectors are
    only as comparable as the name is exact.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        url: str = DEFAULT_URL,
        api_key: str = "",
        timeout: timedelta = timedelta(seconds=60),
    ) -> None:
        self._name = model
        self._url = url
        self._client = ollama.AsyncClient(
            host=url,
            timeout=timeout.total_seconds(),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
        )
        self._document, self._query = _PREFIXES.get(model.partition(":")[0], ("", ""))

    @property
    def model(self) -> str:
        """`ollama/` and the name: another program's model of one name has other vectors."""
        return f"ollama/{self._name}"

    def start(self) -> None:
        """The server loads its model with the first text."""

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """
        One vector for each text; what the model cannot take in at once is cut off. Repeatable.

        Raises:
            CannotEmbed: the model refuses a text.
            Unavailable: the server or the model is not there; says how to get it.
        """
        found: list[Vector] = []
        for start in range(0, len(texts), _BATCH):
            some = [f"{self._document}{text}" for text in texts[start : start + _BATCH]]
            found += await self._embed(some)
        return found

    async def embed_query(self, text: str) -> Vector:
        """The vector of a query, with the words that the model wants before one."""
        return (await self._embed([f"{self._query}{text}"]))[0]

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]  # the client leaves it untyped

    async def _embed(self, texts: list[str]) -> list[Vector]:
        try:
            # The server has an error for a text without any token.
            answer = await self._client.embed(
                model=self._name,
                input=[text if text.strip() else "." for text in texts],
                truncate=True,
                keep_alive=_KEEP_ALIVE,
            )
        except ollama.ResponseError as error:
            raise self._translated(error) from error
        except (ConnectionError, httpx.HTTPError) as error:
            raise Unavailable(
                f"Ollama at {self._url}: {str(error) or type(error).__name__}; see that it runs "
                "(ollama serve) and that ODYSSEY_OLLAMA_URL is its address"
            ) from error
        if len(answer.embeddings) != len(texts):
            raise Unavailable(
                f"Ollama at {self._url} gave {len(answer.embeddings)} vectors for {len(texts)} "
                f"texts; see that {self._name!r} is an embedding model"
            )
        return [unit(values) for values in answer.embeddings]

    def _translated(self, error: ollama.ResponseError) -> CannotEmbed | Unavailable:
        said = f"Ollama at {self._url}, model {self._name!r}: {error.error[:300]}"
        match error.status_code:
            case 404:
                return Unavailable(f"{said}; ollama pull {self._name}")
            case 400 | 413 | 422:
                return CannotEmbed(said)
            case _:
                return Unavailable(said)
