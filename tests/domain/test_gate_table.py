"""
The merge gate, row by row of `gate_cases`.
"""

from __future__ import annotations

import re

import pytest

from domain.gate_cases import CASES, Case, problem_with
from odyssey.domain import gate


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_gate_decides_each_case_as_the_table_says(case: Case) -> None:
    """
    The decision, and which conditions are open, waiting or not met.
    """
    assert problem_with(case, gate.evaluate(*case.arguments(), **case.options)) == ""


def test_every_condition_of_the_docstring_is_open_in_some_case() -> None:
    """
    The numbers people read are those of the table.
    """
    told = {int(each) for each in re.findall(r"^ +\((\d)\)", gate.evaluate.__doc__ or "", re.M)}
    open_somewhere = {number for case in CASES for number in case.open}

    assert told == open_somewhere == set(range(1, 10))


def test_no_two_cases_have_one_name() -> None:
    """
    A name in a failure leads to its row.
    """
    names = [each.name for each in CASES]

    assert len(names) == len(set(names))
