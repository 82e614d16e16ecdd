"""
The time a question speaks of, read by rules.

A window found here raises what happened in it; it never hides the rest, since
a misread window would then hide the answer.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sep", "sept"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = r"(?P<year>(?:19|20)\d\d)"

_ISO = re.compile(r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)(?:-(?P<day>\d\d))?\b")
_DAY_FIRST = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<name>{_MONTH})\b,?(?: {_YEAR})?"
)
_MONTH_FIRST = re.compile(
    rf"\b(?P<name>{_MONTH}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? {_YEAR})?"
)
# "may" alone is a verb more often than a month: it needs a year or a preposition.
_MONTH_ONLY = re.compile(
    rf"\b(?:(?:in|during|since|by|of|last|this) (?P<after>{_MONTH})(?: {_YEAR})?"
    rf"|(?P<name>{_MONTH}),? (?P<year2>(?:19|20)\d\d))\b"
)
_YEAR_ONLY = re.compile(rf"\b(?:in|during|since|of|before|after) {_YEAR}\b")
_AGO = re.compile(
    r"\b(?P<count>\d{1,3}|a|an|one|two|three|four|five|six) (?P<unit>day|week|month|year)s? ago\b"
)
_LAST = re.compile(r"\b(?P<which>last|past|previous|this) (?P<unit>week|month|year)\b")
_NEAR_DAYS = {"today": 0, "yesterday": 1, "recently": 14, "lately": 14}
_NEAR = re.compile(r"\b(?P<word>" + "|".join(_NEAR_DAYS) + r")\b")
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """From `start` up to, and without, `end`."""

    start: datetime
    end: datetime

    def share(self, moment: datetime) -> float:
        """
        1 inside the window, falling to 0 over its own length (a week at least) outside.
        """
        if self.start <= moment < self.end:
            return 1.0
        return self._beside(max(self.start - moment, moment - self.end))

    def share_of(self, other: TimeWindow) -> float:
        """
        1 where both have a moment in common, else the share of the nearest moment of *other*.
        """
        if other.start < self.end and self.start < other.end:
            return 1.0
        return self._beside(max(self.start - other.end, other.start - self.end))

    def _beside(self, away: timedelta) -> float:
        reach = max(self.end - self.start, timedelta(days=7))
        return max(0.0, 0.5 * (1.0 - away / reach))


def find_window(text: str, *, now: datetime, nearest: bool = False) -> TimeWindow | None:
    """
    The time *text* names, in the zone of *now*; None when it names none.

    Understands days, months and years by date, `yesterday`, `last week`,
    `three months ago`. A month without a year is its last occurrence before *now*, since
    questions are about what happened; with *nearest* the one closest to *now*, which may be
    yet to come.
    """
    text = " ".join(text.lower().split())
    if match := _ISO.search(text):
        return _window(int(match["year"]), int(match["month"]), match["day"], now)
    if match := _DAY_FIRST.search(text) or _MONTH_FIRST.search(text):
        month = _MONTHS[match["name"]]
        return _window(_year(match["year"], month, now, nearest), month, match["day"], now)
    if match := _MONTH_ONLY.search(text):
        month = _MONTHS[match["after"] or match["name"]]
        year = _year(match["year"] or match["year2"], month, now, nearest)
        return _window(year, month, None, now)
    if match := _YEAR_ONLY.search(text):
        return _of(now, int(match["year"]), 1, 1, 365)
    return _relative(text, now)


def window_text(window: TimeWindow) -> str:
    """A window as one text, for `read_window`."""
    return f"{window.start.isoformat()}/{window.end.isoformat()}"


def read_window(text: str) -> TimeWindow | None:
    """What `window_text` wrote; None for any other text."""
    try:
        start, end = map(datetime.fromisoformat, text.split("/"))
    except ValueError:
        return None
    return TimeWindow(start, end) if start.tzinfo and end.tzinfo else None


def _relative(text: str, now: datetime) -> TimeWindow | None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if match := _AGO.search(text):
        count = _COUNTS.get(match["count"]) or int(match["count"])
        days = _DAYS[match["unit"]]
        middle = midnight - timedelta(days=count * days)
        around = timedelta(days=days / 2)
        return TimeWindow(middle - around, middle + around + timedelta(days=1))
    if match := _LAST.search(text):
        days = _DAYS[match["unit"]]
        if match["which"] == "this":
            return TimeWindow(midnight - timedelta(days=days), midnight + timedelta(days=1))
        return TimeWindow(midnight - timedelta(days=2 * days), midnight)
    if match := _NEAR.search(text):
        days = _NEAR_DAYS[match["word"]]
        end = midnight + timedelta(days=0 if days == 1 else 1)
        return TimeWindow(midnight - timedelta(days=days), end)
    return None


def _year(found: str | None, month: int, now: datetime, nearest: bool) -> int:
    if found:
        return int(found)
    if nearest:
        ahead = month - now.month
        return now.year + (ahead < -6) - (ahead > 6)
    return now.year if month <= now.month else now.year - 1


def _window(year: int, month: int, day: str | None, now: datetime) -> TimeWindow | None:
    if not 1 <= month <= 12:
        return None
    days = monthrange(year, month)[1]
    if day is None:
        return _of(now, year, month, 1, days)
    return _of(now, year, month, int(day), 1) if 1 <= int(day) <= days else None


def _of(now: datetime, year: int, month: int, day: int, days: int) -> TimeWindow:
    start = datetime(year, month, day, tzinfo=now.tzinfo)
    return TimeWindow(start, start + timedelta(days=days))
