"""
What the service answers, without any HTTP: one function for each thing it can do.
"""

from __future__ import annotations

import math

MAX_NAME = 80
MAX_NUMBERS = 1000


class BadRequest(Exception):
    """
    The request cannot be answered; the text says what is wrong with it.
    """


def greet(name: str) -> str:
    """
    A greeting for *name*.
    """
    name = name.strip()
    if not name:
        raise BadRequest("name is empty")
    if len(name) > MAX_NAME:
        raise BadRequest(f"name is longer than {MAX_NAME} characters")
    return f"Hello, {name}!"


def add(text: str) -> float:
    """
    The sum of the numbers in *text*, separated by commas.
    """
    parts = text.split(",")
    if len(parts) > MAX_NUMBERS:
        raise BadRequest(f"more than {MAX_NUMBERS} numbers")
    try:
        numbers = [float(part) for part in parts]
    except ValueError as error:
        raise BadRequest(f"{text[:40]!r} is not a list of numbers") from error
    total = math.fsum(number for number in numbers if math.isfinite(number))
    if not all(math.isfinite(number) for number in numbers):
        raise BadRequest("a number is not finite")
    return total
