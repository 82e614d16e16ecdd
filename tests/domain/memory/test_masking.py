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
        ("call (555) 123-4567.", "call [masked: telephone]."),
        ("call 555-234-4567", "call [masked: telephone]"),
        ("call 00491701234567", "call [masked: telephone]"),
        ("call 0049 170 1234567", "call [masked: telephone]"),
        ("Tel. 030 1234567", "Tel. [masked: telephone]"),
        ("pay to DE89 3704 0044 0532 0130 00 AND wait",
         "pay to [masked: account number] AND wait"),
        ("GB82WEST12345698765432", "[masked: account number]"),
        ("NO93 8601 1117 947", "[masked: account number]"),
        ("ssn 123-45-6789", "ssn [masked: social security number]"),
        ("API_TOKEN=abcdefghijk", "API_TOKEN=[masked: secret]"),
        ("SECRET_KEY: 'abcdefghijk'", "SECRET_KEY: '[masked: secret]'"),
        ("see https://x.com/?token=abcdefgh12345#top",
         "see https://x.com/?token=[masked: secret]#top"),
        ("https://x.com/a?b=1&X-Amz-Signature=abcdef0123456789&c=2",
         "https://x.com/a?b=1&X-Amz-Signature=[masked: secret]&c=2"),
        ("dop_v1_" + "0a1b2c3d" * 8, "[masked: DigitalOcean token]"),
        ("the password is hunter22x, ask ada", "the password is [masked: password], ask ada"),
        ('Password was "hunter22x"', 'Password was "[masked: password]"'),
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
        "fixes #123, #4567890123 and GH-00123456789",
        "8a07e55c1f, 1234567, 00123456 and 0012345678901234567890123456789012345678",
        "v1.2.3, 2024.11.28, 10.15.7-rc1 and 1.0.0-beta.11",
        "2024-11-28T12:00:00+00:00, 28.11.2024, 11-28-2024 and 2024-11-28 12:34:56.789012",
        "src/app.py:100:20, lines 100-200 and L100-L2000",
        "123e4567-e89b-12d3-a456-001234567890 and 00123456-7890-4123-8123-004917012345",
        "took 0.00491701234567 s, 1_000_000 rows, 192.168.100.200",
        "f(555) 123-4567 and (12) 34",
        "030 1234567",
        "part 000-12-3456, 666-12-3456, 900-12-3456 and 123-45-67890",
        "DE89 3704 0044 0532 0130 01",
        "001 2024-11-28 started, 001 20241128 ended",
        "0010: 0011 2233 4455 6677 8899 0011 2233 4455",
        "NO WAY, BE12 and GB82WEST",
        "max_tokens=4096 and next_page_token",
        "https://x.com/?page=2&sort=created-desc&keyword=abcdefgh12",
        "the password is required, was wrong, is sha256-hashed and base64-encoded",
        "the password is too short for 12345678",
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
    [
        "-----BEGIN PRIVATE KEY-----",
        "a@",
        "a.",
        "password=",
        "1 ",
        "eyJaaaaa.",
        "x://",
        "+1 ",
        "00 4",
        "(555) ",
        "555-",
        "DE89 ",
        "DE89370400440532013001",
        "123-45-",
        "?token=",
        "?a",
        "password is ",
        "password is a",
        "tel: 0",
        "api_token",
        "A1 ",
    ],
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
