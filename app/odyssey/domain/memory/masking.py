"""
What memory never keeps: secrets and addresses of people, masked on the way in.

Every pattern is linear in the length of the text: memory reads what strangers
wrote. A mask names what it covers, `[masked: GitHub token]`, so that a
recollection still makes sense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MASK = "[masked: {}]"

_PEM_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")

# Each with the document that gives its form.
_SECRETS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
    (
        "GitHub token",
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9_.-]{16,}|github_pat_[A-Za-z0-9_]{20,})"),
    ),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    ("AWS key id", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("GitLab token", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("Slack token", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    ("Slack webhook", re.compile(r"https://hooks\.slack\.com/services/[A-Za-z0-9/_-]{20,}")),
    ("Google key", re.compile(r"\bAIza[A-Za-z0-9_-]{35}")),
    ("npm token", re.compile(r"\bnpm_[A-Za-z0-9]{30,}")),
    ("PyPI token", re.compile(r"\bpypi-[A-Za-z0-9_-]{40,}")),
    ("Stripe key", re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}")),
    ("API key", re.compile(r"\bsk-[A-Za-z0-9_-]{20,}")),
    ("Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{30,}")),
    # RFC 7519: three base64url parts, of which the first two are JSON objects
    ("JWT", re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}")),
)
_BEARER = re.compile(r"(?i)\b(bearer|basic|token)([ :=]{1,3}[\"']?)([A-Za-z0-9+/_.~=-]{20,})")
_ASSIGNED = re.compile(
    r"(?i)(?P<name>(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token"
    r"|private[_-]?key|client[_-]?secret)[\"']?)(?P<to>\s{0,3}[:=]\s{0,3}[\"']?)"
    r"(?P<value>[^\s\"',;\[\]<>{}()$]{6,})"
)
_IN_URL = re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://)([^\s/@:]{0,100}):([^\s/@]{3,200})@")
_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
)
_CARD = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")
_PHONE = re.compile(r"(?<![\w+])\+\d{1,3}[ -]?\(?\d{1,4}\)?(?:[ -]?\d{2,4}){2,4}(?!\w)")

_KEPT_ADDRESSES = ("@users.noreply.github.com", "@example.com", "@example.org")
_KEPT_USERS = ("git@", "noreply@", "no-reply@")


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without secrets; `count` says how many were masked."""

    text: str
    count: int


def mask(text: str) -> Masked:
    """
    *text* with private keys, tokens, passwords, e-mail addresses, telephone and card
    numbers masked.

    Masking a masked text changes nothing. Commit SHAs and patch ids stay.
    """
    text, count = _mask_private_keys(text)
    for label, pattern in _SECRETS:
        text, found = pattern.subn(MASK.format(label), text)
        count += found
    for pattern, replacement in (
        (_IN_URL, rf"\1\2:{MASK.format('password')}@"),
        (_BEARER, rf"\1\2{MASK.format('credential')}"),
    ):
        text, found = pattern.subn(replacement, text)
        count += found
    text, found = _ASSIGNED.subn(_mask_assignment, text)
    count += found
    return _mask_personal(text, count)


def _mask_private_keys(text: str) -> tuple[str, int]:
    kept: list[str] = []
    position, count = 0, 0
    while begin := _PEM_BEGIN.search(text, position):
        end = _PEM_END.search(text, begin.end())
        kept += [text[position : begin.start()], MASK.format("private key")]
        count += 1
        # A key cut off in the middle is a key still: all that follows goes.
        position = end.end() if end else len(text)
    kept.append(text[position:])
    return "".join(kept), count


def _mask_assignment(match: re.Match[str]) -> str:
    return f"{match['name']}{match['to']}{MASK.format('secret')}"


def _mask_personal(text: str, count: int) -> Masked:
    masked = 0

    def address(match: re.Match[str]) -> str:
        nonlocal masked
        found = match[0].lower()
        if found.endswith(_KEPT_ADDRESSES) or found.startswith(_KEPT_USERS):
            return match[0]
        masked += 1
        return MASK.format("e-mail")

    def card(match: re.Match[str]) -> str:
        nonlocal masked
        if not _is_card_number(match[0]):
            return match[0]
        masked += 1
        return MASK.format("card number")

    def phone(_match: re.Match[str]) -> str:
        nonlocal masked
        masked += 1
        return MASK.format("telephone")

    text = _ADDRESS.sub(address, text)
    text = _PHONE.sub(phone, text)
    text = _CARD.sub(card, text)
    return Masked(text, count + masked)


def _is_card_number(text: str) -> bool:
    """By its first digit and the Luhn check digit, ISO/IEC 7812-1."""
    digits = [int(char) for char in text if char.isdigit()]
    if digits[0] not in (3, 4, 5, 6):
        return False
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
