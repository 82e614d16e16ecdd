"""
Sizes and durations as people write them.
"""

from __future__ import annotations

import re

_SIZE_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_TIME_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_size(text: str) -> int:
    """
    Bytes in *text*: a whole number with an optional b, k, m, g or t (powers of 1024).

    Raises:
        ValueError: it is anything else, or zero.
    """
    found = re.fullmatch(r"(\d{1,15})\s*([bkmgt]?)(?:i?b)?", text.strip().lower())
    if found is None or not int(found[1]):
        raise ValueError(f"{text!r} is not a size such as 512m or 2g")
    return int(found[1]) * _SIZE_UNITS[found[2]]


def parse_duration(text: str) -> float:
    """
    Seconds in *text*: a number with an optional s, m or h.

    Raises:
        ValueError: it is anything else, or zero.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smh]?)", text.strip().lower())
    if found is None or not float(found[1]):
        raise ValueError(f"{text!r} is not a duration such as 90s or 10m")
    return float(found[1]) * _TIME_UNITS[found[2]]


def show_size(size: int) -> str:
    """
    *size* in bytes as a person reads it, e.g. `512 MB` (1 MB = 1024 * 1024 bytes).
    """
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} bytes"


def show_duration(seconds: float) -> str:
    """
    *seconds* as a person reads it, e.g. `4.2 s` or `10 min`.
    """
    return f"{seconds / 60:.3g} min" if seconds >= 120 else f"{seconds:.3g} s"
