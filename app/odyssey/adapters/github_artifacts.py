"""
`report.json` out of a workflow run's artifact, read in memory and never unpacked to disk.
"""

from __future__ import annotations

import asyncio
import io
import struct
import zipfile
import zlib

from odyssey.adapters.github_client import Client
from odyssey.domain.errors import NotFound
from odyssey.domain.identifiers import RepositoryRef, RunId
from odyssey.domain.report import MAX_REPORT_BYTES

MAX_ARCHIVE_BYTES = 50_000_000
MEMBER = "report.json"


async def read_report(
    client: Client, repository: RepositoryRef, run_id: RunId, *, artifact: str
) -> bytes:
    """
    The bytes of `report.json` in the newest artifact of that name.

    Raises:
        NotFound: there is none, it is expired or too large, or it is no archive.
    """
    answer = await client.rest.actions.async_list_workflow_run_artifacts(
        repository.owner, repository.name, int(run_id), name=artifact
    )
    # A re-run leaves one artifact for each attempt; the newest has the highest id.
    newest = max(answer.json()["artifacts"], key=lambda each: int(each["id"]), default=None)
    if newest is None or newest["expired"]:
        raise NotFound(f"run {run_id} has no artifact `{artifact}`")
    if int(newest["size_in_bytes"]) > MAX_ARCHIVE_BYTES:
        raise NotFound(f"run {run_id}: artifact `{artifact}` is over {MAX_ARCHIVE_BYTES} bytes")
    archive = await client.rest.actions.async_download_artifact(
        repository.owner, repository.name, int(newest["id"]), "zip"
    )
    return await asyncio.to_thread(member_of, archive.content)


def member_of(archive: bytes) -> bytes:
    """
    `report.json` of a zip archive, at most `MAX_REPORT_BYTES` of it.

    Raises:
        NotFound: no such archive or member, or it claims or turns out to be larger.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            kind = opened.getinfo(MEMBER).compress_type
            if kind not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # Actions make no others, and theirs take memory as the archive says.
                raise NotFound(f"{MEMBER} is compressed by method {kind}")
            with opened.open(MEMBER) as member:
                data = member.read(MAX_REPORT_BYTES + 1)
    except (
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        OverflowError,
        ValueError,
    ) as error:
        raise NotFound(f"the artifact holds no readable {MEMBER}: {error}") from error
    if len(data) > MAX_REPORT_BYTES:
        raise NotFound(f"{MEMBER} is over {MAX_REPORT_BYTES} bytes")
    return data
