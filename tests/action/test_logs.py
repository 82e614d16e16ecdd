"""
What untrusted programs print: clipped in constant memory, cleaned, masked.
"""

from __future__ import annotations

import hashlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_sandbox.logs import ClippedLog, clean, masked, secrets_of


@given(st.lists(st.binary(max_size=400), max_size=60))
def test_head_and_tail_are_kept_whatever_the_pieces(pieces: list[bytes]) -> None:
    """
    The hash and the size are of everything; nothing is invented, and short logs are whole.
    """
    log = ClippedLog(head=50, tail=100)
    for piece in pieces:
        log.feed(piece)
    whole = b"".join(pieces)

    assert (len(whole), hashlib.sha256(whole).hexdigest()) == (log.size, log.sha256)
    assert log.is_truncated == (len(whole) > 150)
    if log.is_truncated:
        assert log.kept == whole[:50] + b"\n" + whole[-100:]
    else:
        assert log.kept == whole


def test_a_large_stream_takes_constant_memory() -> None:
    """
    100 MB in small and in large pieces, in less than 4 MB.
    """
    log = ClippedLog()
    small, large = b"x" * 15 + b"\n", b"y" * (1 << 20)
    tracemalloc.start()
    for _ in range(50_000):
        log.feed(small)
    for _ in range(99):
        log.feed(large)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert log.is_truncated
    assert peak < 4_000_000


def test_a_secret_at_the_cut_is_not_shown_by_half() -> None:
    """
    Both sides are cut back to whole lines.
    """
    log = ClippedLog(head=30, tail=30)
    log.feed(b"first line\nthe secret is hunter2-hunter2-hunter2\n" + b"noise\n" * 50)
    log.feed(b"it was hunter2-hunter2-hunter2\nlast line\n")

    text = log.text(["hunter2-hunter2-hunter2"])

    assert "hunter2" not in text
    assert "last line" in text
    assert "bytes left out" in text


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://192.0.2.1\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred".encode(), "red"),
        (b"a\rb\r\nc", "a\nb\nc"),
        (b"bell\x07 null\x00 back\x08", "bell null back"),
        ("zero\u200bwidth\u2060joiner\ufeff".encode(), "zerowidthjoiner"),
        ("\u202eevil\u2066".encode(), "evil"),
        ("tag\U000e0061\U000e0062".encode(), "tag"),
        ("filler\u3164\u115f\xad".encode(), "filler"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
        ("Zoë naïve 漢字 🎉\tok\n".encode(), "Zoë naïve 漢字 🎉\tok\n"),
    ],
)
def test_what_cannot_be_seen_is_removed_and_what_can_is_kept(printed: bytes, shown: str) -> None:
    """
    Terminal codes, control characters, invisible and direction marks; not people's letters.
    """
    assert shown == clean(printed)


def test_tokens_are_masked_by_value_and_by_form() -> None:
    """
    Also where terminal codes stood in the middle of one.
    """
    token = "ghs_" + "a1B2" * 9
    text = masked(clean(f"one {token[:9]}\x1b[0m{token[9:]} two s3cret! three"), ["s3cret!"])

    assert text == "one *** two *** three"


def test_secrets_are_found_by_the_names_of_their_variables() -> None:
    """
    Each line by itself; short ones would mask half of the log.
    """
    environ = {
        "MY_TOKEN": "abcdefgh",
        "PASSWORD": "line-one-x\nline-two-x",
        "API_KEY": "short",
        "PATH": "/usr/bin",
    }

    assert secrets_of(environ) == ("abcdefgh", "line-one-x", "line-two-x")
