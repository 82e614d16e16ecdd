"""
What untrusted programs print, made safe: clipped in constant memory, cleaned, masked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

HEAD_BYTES = 24 * 1024
TAIL_BYTES = 72 * 1024

# CSI, OSC (ended by BEL or ST), two-character escapes, and the 8-bit forms of CSI and OSC.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[PX^_][^\x1b]{0,4096}(?:\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 and C1 but tab and newline; soft hyphen; zero-width and direction marks; invisible operators
# and fillers; line and paragraph separators; variation selectors; tag characters; private "tags".
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)
# The forms GitHub documents for its tokens, AWS key ids, and bearer headers.
_TOKENS = re.compile(
    r"gh[pousr]_[A-Za-z0-9_]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|(?i:(?<=authorization: )(?:basic|bearer|token) [A-Za-z0-9+/=._-]{8,})"
)
_SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE_KEY|API_?KEY", re.IGNORECASE)
MASK = "***"


class ClippedLog:
    """
    The first and the last bytes of a stream of any length, its hash and its size.

    Holds at most `head + 2 * tail` bytes and the last piece, however much is fed.
    """

    def __init__(self, *, head: int = HEAD_BYTES, tail: int = TAIL_BYTES) -> None:
        self._head_limit = head
        self._tail_limit = tail
        self._head = bytearray()
        self._tail = bytearray()
        self._digest = hashlib.sha256()
        self.size = 0

    def feed(self, data: bytes) -> None:
        """
        Take the next *data* of the stream.
        """
        self.size += len(data)
        self._digest.update(data)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data[-self._tail_limit :] if self._tail_limit else b""
        # Twice the limit before it is cut back: each byte is then moved once on average.
        if len(self._tail) > 2 * self._tail_limit:
            del self._tail[: -self._tail_limit]

    @property
    def sha256(self) -> str:
        """
        The hash of everything that was fed, as hexadecimal digits.
        """
        return self._digest.hexdigest()

    @property
    def head(self) -> bytes:
        """
        The first bytes, as they came.
        """
        return bytes(self._head)

    @property
    def kept(self) -> bytes:
        """
        Head and tail as they came, joined by a newline where the middle is missing.
        """
        return bytes(self._head) + (b"\n" if self.is_truncated else b"") + self._last()

    @property
    def is_truncated(self) -> bool:
        """
        Whether the middle is missing from `text`.
        """
        return self.size > len(self._head) + min(len(self._tail), self._tail_limit)

    def text(self, masks: Iterable[str] = ()) -> str:
        """
        Head, a line that says how much is missing, and tail: cleaned and masked.

        Where the middle is missing both sides are cut back to whole lines, so that a secret
        that was cut in two is not shown by half.
        """
        tail = self._last()
        if not self.is_truncated:
            return masked(clean(bytes(self._head) + tail), masks)
        head = bytes(self._head)
        head = head[: head.rfind(b"\n") + 1] or head[: -min(len(head), 512)]
        first = tail.find(b"\n")
        tail = tail[first + 1 :] if 0 <= first < len(tail) - 1 else tail[512:]
        missing = self.size - len(head) - len(tail)
        return "\n".join(
            (
                masked(clean(head), masks).rstrip("\n"),
                f"[... {missing} bytes left out ...]",
                masked(clean(tail), masks),
            )
        )

    def _last(self) -> bytes:
        return bytes(self._tail[-self._tail_limit :]) if self._tail_limit else b""


def clean(data: bytes | str) -> str:
    """
    *data* as text without terminal escapes, control and invisible characters.

    Lines end in a newline only; a lone carriage return ends one too, since what it would have
    overwritten is evidence.
    """
    text = data.decode("utf-8", errors="replace") if isinstance(data, bytes) else data
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub("", _ESCAPES.sub("", text))


def masked(text: str, masks: Iterable[str]) -> str:
    """
    *text* with each of *masks* and everything in the form of a token replaced by `***`.
    """
    for mask in sorted(set(masks), key=len, reverse=True):
        if mask:
            text = text.replace(mask, MASK)
    return _TOKENS.sub(MASK, text)


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """
    The values in *environ* whose names speak of secrets, each line by itself, 8 characters up.
    """
    return tuple(
        line
        for name, value in environ.items()
        if _SECRET_NAMES.search(name)
        for line in value.splitlines()
        if len(line) >= 8
    )
