"""
What memory never keeps.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.memory.masking import mask

_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
_PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("use ghp_" + "a" * 36 + " now", "use [masked: GitHub token] now"),
        ("ghs_16C7e42F292c6912E7710c838347Ae178B4a", "[masked: GitHub token]"),
        (f"ghs_{_JWT}", "[masked: GitHub token]"),
        ("github_pat_" + "b" * 40, "[masked: GitHub token]"),
        ("key AKIAABCDEFGHIJKLMNOP.", "key [masked: AWS key id]."),
        (f"a {_PEM} b", "a [masked: private key] b"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "[masked: private key]"),
        (_JWT, "[masked: JWT]"),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz",
         "Authorization: Bearer [masked: credential]"),
        ("clone https://ada:hunter22@x.test/r", "clone https://ada:[masked: password]@x.test/r"),
        ("password = hunter22", "password = [masked: secret]"),
        ('{"api_key": "abcdef123"}', '{"api_key": "[masked: secret]"}'),
        ("sk-proj-abcdefghijklmnopqrstuvwx", "[masked: API key]"),
        ("write to ada.lovelace@corp.test", "write to [masked: e-mail]"),
        ("call +49 170 1234567", "call [masked: telephone]"),
        ("card 4111 1111 1111 1111", "card [masked: card number]"),
    ],
)  # fmt: skip
def test_a_secret_is_masked_and_the_mask_says_what_it_was(text: str, masked: str) -> None:
    """Only the secret goes; the sentence stays readable."""
    found = mask(text)

    assert found.text == masked
    assert found.count == 1


@pytest.mark.parametrize(
    "text",
    [
        "head 8a07e55c1f3c9d2b8a07e55c1f3c9d2b8a07e55c",
        "git@github.com:acme/shop.git",
        "Co-authored-by: ada <1+ada@users.noreply.github.com>",
        "the token bucket is full",
        "a password reset page",
        "run 12345678901 took 4211 seconds",
        "@ada please review #41",
        "def secret_sauce(x): return x",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Commits, logins and talk about secrets are what memory is for."""
    assert mask(text).text == text


@given(st.text(max_size=400))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    """Whatever the text."""
    once = mask(text)

    assert mask(once.text).text == once.text


@pytest.mark.parametrize(
    "piece",
    ["-----BEGIN PRIVATE KEY-----", "a@", "a.", "password=", "1 ", "eyJaaaaa.", "x://", "+1 "],
)
def test_masking_stays_linear_on_hostile_text(piece: str) -> None:
    """Four times the text takes nowhere near sixteen times as long."""
    small, large = piece * (50_000 // len(piece)), piece * (200_000 // len(piece))

    assert _seconds(large) < 10 * _seconds(small) + 0.2


def _seconds(text: str) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        mask(text)
        best = min(best, time.process_time() - start)
    return best
