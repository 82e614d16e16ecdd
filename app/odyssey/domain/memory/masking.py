"""
What memory never keeps: secrets and addresses of people, masked on the way in.

Every pattern is linear in the length of the text: memory reads what strangers
wrote. A mask names what it covers, `[masked: GitHub token]`, so that a
recollection still makes sense.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from odyssey.domain.memory.personal import mask_personal

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
    ("DigitalOcean token", re.compile(r"\bdo[opr]_v1_[a-f0-9]{32,}")),
    # RFC 7519: three base64url parts, of which the first two are JSON objects
    ("JWT", re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}")),
)
_BEARER = re.compile(r"(?i)\b(bearer|basic|token)([ :=]{1,3}[\"']?)([A-Za-z0-9+/_.~=-]{20,})")
_ASSIGNED = re.compile(
    r"(?i)(?P<name>(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|secret[_-]?key"
    r"|(?:api|access|auth|refresh|bot|deploy|session|github|gitlab|slack|npm|pypi)[_-]?token"
    r"|private[_-]?key|client[_-]?secret)[\"']?)(?P<to>\s{0,3}[:=]\s{0,3}[\"']?)"
    r"(?P<value>[^\s\"',;\[\]<>{}()$]{6,})"
)
_IN_URL = re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://)([^\s/@:]{0,100}):([^\s/@]{3,200})@")
# In a question of a URL, where every value is a word.
_IN_QUERY = re.compile(
    r"(?i)([?&](?:[a-z_-]{0,30}token|auth|api[_-]?key|secret|password|pwd|sig|[a-z-]{0,20}signature)"
    r"=)([^\s&#\"'<>\[\]()]{8,})"
)
# `the password is hunter22x`: letters and a digit, and no way of keeping one.
_SAID = re.compile(
    r"(?i)\b((?:password|passwd|passphrase|pwd) (?:is|was|lautet):? [\"'`]?)"
    r"(?!(?:sha|md|base|utf|argon|pbkdf|aes)[-_]?\d)"
    r"(?=[^\s\d]{0,60}\d)(?=[^\sa-z]{0,60}[a-z])[^\s\"'`,;\[\]()]{6,}"
)


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without secrets; `count` says how many were masked."""

    text: str
    count: int


def mask(text: str) -> Masked:
    """
    *text* with private keys, tokens, passwords and what is personal masked.

    Masking a masked text changes nothing. Commit SHAs and patch ids stay.
    """
    text, count = _mask_private_keys(text)
    for label, pattern in _SECRETS:
        text, found = pattern.subn(MASK.format(label), text)
        count += found
    for pattern, replacement in (
        (_IN_URL, rf"\1\2:{MASK.format('password')}@"),
        (_BEARER, rf"\1\2{MASK.format('credential')}"),
        (_IN_QUERY, rf"\1{MASK.format('secret')}"),
        (_SAID, rf"\1{MASK.format('password')}"),
    ):
        text, found = pattern.subn(replacement, text)
        count += found
    text, found = _ASSIGNED.subn(_mask_assignment, text)
    count += found
    text, found = mask_personal(text, MASK)
    return Masked(text, count + found)


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
