"""
Guesses from what the untrusted side printed: which limit it met, which way out it tried.
"""

from __future__ import annotations

import re

from odyssey_sandbox.report import Finding

_HINTS = {
    "read_only": (
        r"Read-only file system|EROFS",
        "a write to the read-only root file system was refused",
    ),
    "no_space": (r"No space left on device|ENOSPC", "a writable folder in memory was full"),
    "file_too_large": (
        r"File too large|EFBIG|File size limit exceeded",
        "a file grew over the limit",
    ),
    "no_network": (
        r"Network is unreachable|ENETUNREACH|Temporary failure in name resolution|EAI_AGAIN"
        r"|Name or service not known|No route to host|bad address",
        "the network was asked for, and there is none",
    ),
    "not_permitted": (
        r"Operation not permitted|EPERM|Permission denied|EACCES",
        "something that needs privileges was refused",
    ),
    "processes": (
        r"Resource temporarily unavailable|can't start new thread|EAGAIN|can't fork",
        "more processes were asked for than allowed",
    ),
    "memory": (
        r"MemoryError|Cannot allocate memory|ENOMEM|Killed\b",
        "more memory was asked for than allowed",
    ),
}
_PATTERNS = tuple((kind, re.compile(text), detail) for kind, (text, detail) in _HINTS.items())
_DISGUISES = (
    (
        "workflow_command",
        re.compile(r"^\s*::[A-Za-z-]+[^\n]*::|##\[[A-Za-z-]+\]", re.MULTILINE),
        "a workflow command was imitated; it had no effect",
    ),
    (
        "hidden_text",
        re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\U000e0000-\U000e007f]"),
        "invisible characters were printed; they were removed",
    ),
    (
        "terminal_codes",
        re.compile("\x1b[\\[\\]]"),
        "terminal codes were printed; they were removed",
    ),
)


def hints(raw: bytes) -> list[Finding]:
    """
    The findings in *raw*, the part of a log that was kept, before it was cleaned.
    """
    text = raw.decode("utf-8", errors="replace")
    found = [
        Finding(kind, "output", detail)
        for kind, pattern, detail in _PATTERNS
        if pattern.search(text)
    ]
    for kind, pattern, detail in _DISGUISES:
        if pattern.search(text):
            found.append(Finding(kind, "output", detail))
    return found
