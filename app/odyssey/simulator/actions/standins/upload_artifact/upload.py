"""
A stand-in for actions/upload-artifact: the standard library, no Node.

Speaks the version 4 protocol: CreateArtifact, the archive put as one block, FinalizeArtifact.
"""

# ruff: noqa: T201  # standard output is how an action speaks to its runner

from __future__ import annotations

import base64
import glob
import hashlib
import itertools
import json
import os
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

SERVICE = "twirp/github.actions.results.api.v1.ArtifactService"
REFUSED_IN_NAMES = '":<>|*?\r\n\\/'
BLOCK = base64.b64encode(b"0" * 48).decode()


def main() -> None:
    """Upload what the inputs name; exit with status 1 and an `::error::` when impossible."""
    name = given("NAME") or "artifact"
    print(f"offline stand-in for actions/upload-artifact: {name}", flush=True)
    for character in REFUSED_IN_NAMES:
        if character in name:
            fail(f"The artifact name is not valid: {name!r} contains {character!r}.")
    files, root = find_files(given("PATH").splitlines())
    if not files:
        nothing_found(given("PATH"))
        return

    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "artifact.zip")
        level = int(given("COMPRESSION_LEVEL") or 6)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as zipped:
            for file in files:
                zipped.write(file, file.relative_to(root))
        content = archive.read_bytes()
    digest = hashlib.sha256(content).hexdigest()

    service = Service()
    same_name = service.call("ListArtifacts", {"name_filter": name}).get("artifacts") or []
    if same_name and not is_set("OVERWRITE"):
        fail(f"Failed to CreateArtifact: an artifact named '{name}' already exists on this run")
    if same_name:
        service.call("DeleteArtifact", {"name": name})
    artifact_id = service.upload(name, content, digest)

    print(f"Artifact {name} has been uploaded: {len(files)} files, {len(content)} bytes")
    days = given("RETENTION_DAYS")
    if days.isdigit() and int(days):
        print(f"Artifact {name} is kept for {int(days)} days")
    where = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}/actions/runs"
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"artifact-id={artifact_id}\nartifact-digest={digest}\n")
        outputs.write(
            f"artifact-url={where}/{os.environ['GITHUB_RUN_ID']}/artifacts/{artifact_id}\n"
        )


def given(name: str) -> str:
    """The input *name*, stripped."""
    return os.environ.get(f"STANDIN_{name}", "").strip()


def is_set(name: str) -> bool:
    """Whether the input *name* says true."""
    return given(name).lower() == "true"


def find_files(lines: list[str]) -> tuple[list[Path], Path]:
    """The files that *lines* name, sorted, and the folder their names in the zip start from."""
    wanted = [line.strip() for line in lines if line.strip()]
    roots: list[Path] = []
    found: set[Path] = set()
    for pattern in wanted:
        if not pattern.startswith("!"):
            roots.append(search_root(pattern))
            found.update(matches(pattern))
    for pattern in wanted:
        if pattern.startswith("!"):
            found.difference_update(matches(pattern[1:]))
    if not found:
        return [], Path()
    root = Path(os.path.commonpath(roots))
    if root.is_file():
        root = root.parent
    if not is_set("INCLUDE_HIDDEN_FILES"):
        found = {
            file
            for file in found
            if not any(part.startswith(".") for part in file.relative_to(root).parts)
        }
    return sorted(found), root


def search_root(pattern: str) -> Path:
    """The longest leading part of *pattern* that has no wildcard."""
    parts = absolute(pattern).parts
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), parts)
    return Path(*plain)


def absolute(pattern: str) -> Path:
    """*pattern* from the root of the file system, without `.` and `..`; links are kept."""
    return Path(os.path.normpath(Path.cwd() / pattern))


def matches(pattern: str) -> Iterator[Path]:
    """Every file that *pattern* names, itself or below it."""
    wanted = str(absolute(pattern))
    hits = glob.glob(wanted, recursive=True, include_hidden=True)  # noqa: PTH207  # takes `**/x`
    for hit in map(Path, hits):
        below = hit.rglob("*") if hit.is_dir() else [hit]
        yield from (file for file in below if file.is_file())


def nothing_found(path: str) -> None:
    """Do what `if-no-files-found` asks for."""
    message = f"No files were found with the provided path: {path}. No artifacts will be uploaded."
    match given("IF_NO_FILES_FOUND"):
        case "error":
            fail(message)
        case "ignore":
            print(message, flush=True)
        case _:
            print(f"::warning::{message}", flush=True)


class Service:
    """The artifact service of the runner, spoken to as this run."""

    def __init__(self) -> None:
        self._url = os.environ.get("ACTIONS_RESULTS_URL", "").rstrip("/")
        self._token = os.environ.get("ACTIONS_RUNTIME_TOKEN", "")
        if not self._url or not self._token:
            fail("There is no artifact service: ACTIONS_RESULTS_URL or its token is not set.")
        payload = self._token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        scope = next(s for s in claims["scp"].split() if s.startswith("Actions.Results:"))
        _, run, job = scope.split(":")
        self._ids = {"workflow_run_backend_id": run, "workflow_job_run_backend_id": job}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """What the service answers to *method*."""
        answer = self._send(
            "POST",
            f"{self._url}/{SERVICE}/{method}",
            json.dumps(self._ids | body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    def upload(self, name: str, content: bytes, digest: str) -> str:
        """The id of the new artifact *name*."""
        created = self.call("CreateArtifact", {"name": name, "version": 4})
        url = created.get("signed_upload_url") or created.get("signedUploadUrl")
        if not url:
            fail(f"Failed to CreateArtifact: {created}")
        self._send("PUT", f"{url}&comp=block&blockid={BLOCK.replace('=', '%3D')}", content, {})
        blocks = f'<?xml version="1.0"?><BlockList><Latest>{BLOCK}</Latest></BlockList>'
        self._send("PUT", f"{url}&comp=blocklist", blocks.encode(), {})
        finished = self.call(
            "FinalizeArtifact",
            {"name": name, "size": str(len(content)), "hash": f"sha256:{digest}"},
        )
        return str(finished.get("artifact_id") or finished.get("artifactId"))

    def _send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> bytes:
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  # act's own service on loopback
        try:
            with self._opener.open(request, timeout=60) as response:
                content: bytes = response.read()
                return content
        except urllib.error.HTTPError as error:
            fail(f"{method} {url.split('?')[0]}: {error.code} {error.read()[:500]!r}")
        except OSError as error:
            fail(f"{method} {url.split('?')[0]}: {error}")


def fail(message: str) -> NoReturn:
    """End the step."""
    print(f"::error::{message}", flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
