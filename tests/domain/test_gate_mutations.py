"""
Each rule of the merge gate taken out in turn: the table of cases must notice every one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain.gate_cases import CASES, problem_with
from domain.gate_mutants import (
    DECIDING,
    MODULES,
    WORDS_ONLY,
    Mutant,
    mutants,
    names_of_ifs,
    tree_of,
)
from odyssey.domain import gate


def is_noticed(evaluate: Callable[..., Any]) -> bool:
    """Whether some case of the table comes out otherwise, or fails."""
    for case in CASES:
        try:
            if problem_with(case, evaluate(*case.arguments(), **case.options)):
                return True
        except (AttributeError, TypeError, ValueError, KeyError, IndexError):
            return True
    return False


def test_each_rule_taken_out_is_noticed() -> None:
    """
    Each of the nine conditions forced to met, and each `if` that decides anything.
    """
    every = list(mutants())
    survivors = [each.name for each in every if not is_noticed(each.evaluate())]

    assert len([each for each in every if each.name.startswith("condition")]) == 9
    assert len(every) >= 50
    assert survivors == [], "\n".join(["these rules can go unnoticed:", *survivors])


def test_a_gate_with_nothing_taken_out_is_the_gate() -> None:
    """
    What is noticed above is the change, and not how a mutant is run.
    """
    assert not is_noticed(Mutant("none", gate.__name__, tree_of(gate)).evaluate())


def test_what_is_let_out_as_words_only_is_there() -> None:
    """
    A name that is nobody's would hide nothing today and a rule tomorrow.
    """
    names = {
        name
        for module in MODULES
        for function in DECIDING.get(module.__name__, ())
        for name in names_of_ifs(tree_of(module), function)
    }

    assert names >= WORDS_ONLY
