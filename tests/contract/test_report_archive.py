"""
The archive of a run's report: made beside proposed code, so read with suspicion.
"""

from __future__ import annotations

import io
import zipfile

import pytest

from odyssey.adapters.github_artifacts import member_of
from odyssey.domain.errors import NotFound
from odyssey.domain.report import MAX_REPORT_BYTES


def archive(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive with one member."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as opened:
        opened.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_report_is_read_as_actions_pack_it(method: int) -> None:
    """Stored or deflated."""
    assert member_of(archive("report.json", b"{}", method)) == b"{}"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no archive",
        b"PK\x05\x06" + b"\xff" * 18,
        archive("other.json", b"{}"),
        archive("report.json", b"0" * (MAX_REPORT_BYTES + 1)),
        archive("report.json", b"{}", zipfile.ZIP_LZMA),
        archive("report.json", b"{}", zipfile.ZIP_BZIP2),
        archive("report.json", b"{}" * 1_000)[:-90],
    ],
)
def test_what_is_no_such_archive_is_an_absent_report(data: bytes) -> None:
    """Broken, bare, too large when unpacked, or packed by a method that chooses its own memory."""
    with pytest.raises(NotFound):
        member_of(data)
