"""
One measured number and the bar it is held against.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass


class NotMeasurable(Exception):
    """
    This machine lacks what a figure needs; the message says what, and how to get it.
    """


@dataclass(frozen=True, slots=True)
class Figure:
    """
    A number with its bar: a ceiling where *at_most* is true, else a floor.

    *value* is None where it could not be measured; *note* then says why, and the figure is
    short of its bar. *bar* is None for a figure that is only told, beside another one.
    """

    name: str
    value: float | None
    unit: str
    bar: float | None = None
    at_most: bool = True
    note: str = ""

    @property
    def is_ok(self) -> bool:
        """
        The value is on the right side of the bar; a value equal to the bar is.
        """
        if self.value is None:
            return False
        if self.bar is None:
            return True
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    def line(self) -> str:
        """
        `bench <name> <value> <unit> (bar <bar>): ok|short`, the one form of every figure.
        """
        side = "at most" if self.at_most else "at least"
        bar = "none" if self.bar is None else f"{side} {written(self.bar)}"
        value = "-" if self.value is None else written(self.value)
        return (
            f"bench {self.name} {value} {self.unit} (bar {bar}): {'ok' if self.is_ok else 'short'}"
        )


def written(number: float) -> str:
    """
    *number* with four significant digits and never an exponent.
    """
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def tell(progress: str) -> None:
    """
    A line of progress, on standard error: standard output is for the figures.
    """
    sys.stderr.write(f"  {progress}\n")
    sys.stderr.flush()
