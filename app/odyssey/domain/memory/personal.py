"""
What is masked as personal: addresses, telephone, card, account and social security numbers.

Numbers are told apart from harmless ones by their form or their check digits. What has
neither, such as a telephone number without a country or a word before it, stays.
"""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
)
_KEPT_ADDRESSES = ("@users.noreply.github.com", "@example.com", "@example.org")
_KEPT_USERS = ("git@", "noreply@", "no-reply@")

_CARD = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")

_PHONES = (
    # with + and a country
    re.compile(r"(?<![\w+])\+\d{1,3}[ -]?\(?\d{1,4}\)?(?:[ -]?\d{2,4}){2,4}(?!\w)"),
    # with 00 and a country: twelve digits or more, and not in a row of such groups (a dump)
    re.compile(r"(?<![\w.+-])(?<!\d )00[1-9](?: ?\d){9,13}(?![\w-]| \d)"),
    # (555) 123-4567 and 555-123-4567, where area and exchange begin with 2 to 9
    re.compile(r"(?<![\w)])\([2-9]\d{2}\) ?\d{3}[-. ]\d{4}(?![\w-])"),
    re.compile(r"(?<![\w.+-])[2-9]\d{2}-[2-9]\d{2}-\d{4}(?![\w-])"),
)
_SAID_PHONE = re.compile(
    r"(?i)\b(tel(?:efon|ephone)?|phone|mobile?|fax)\b([.: ]{1,3})(0\d{1,4}[ /-]?\d{5,8})(?![\w-])"
)

# https://www.ssa.gov/employer/randomization.html: never 000, 666, 9xx; 00; 0000
_SOCIAL = re.compile(r"(?<![\w./-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w/-])")

# Characters in an account number, by country: the registry of ISO 13616, https://www.swift.com
_IBAN_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "PT ST", 26: "IS TR", 27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC",
    32: "LC",
}  # fmt: skip
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(
        rf"(?:{'|'.join(countries.split())})\d\d(?: ?[A-Z0-9]){{{length - 4}}}"
        for length, countries in _IBAN_LENGTHS.items()
    )
    + r")(?![A-Za-z0-9])"
)


def mask_personal(text: str, form: str) -> tuple[str, int]:
    """
    *text* with what is personal in the form of *form*, `[masked: {}]`, and how much that was.

    The time it takes is in proportion to the text.
    """
    count = 0

    def covered(label: str) -> str:
        nonlocal count
        count += 1
        return form.format(label)

    def address(match: re.Match[str]) -> str:
        found = match[0].lower()
        if found.endswith(_KEPT_ADDRESSES) or found.startswith(_KEPT_USERS):
            return match[0]
        return covered("e-mail")

    text = _ADDRESS.sub(address, text)
    text = _IBAN.sub(
        lambda match: covered("account number") if _is_iban(match[0]) else match[0], text
    )
    text = _SOCIAL.sub(lambda _: covered("social security number"), text)
    for pattern in _PHONES:
        text = pattern.sub(lambda _: covered("telephone"), text)
    text = _SAID_PHONE.sub(lambda match: f"{match[1]}{match[2]}{covered('telephone')}", text)
    text = _CARD.sub(
        lambda match: covered("card number") if _is_card_number(match[0]) else match[0], text
    )
    return text, count


def _is_card_number(text: str) -> bool:
    """By its first digit and the Luhn check digit, ISO/IEC 7812-1."""
    digits = [int(char) for char in text if char.isdigit()]
    if digits[0] not in (3, 4, 5, 6):
        return False
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _is_iban(text: str) -> bool:
    """By its check digits, ISO 7064 MOD 97-10: letters are 10 to 35."""
    compact = text.replace(" ", "")
    digits = "".join(str(int(char, 36)) for char in compact[4:] + compact[:4])
    return int(digits) % 97 == 1
