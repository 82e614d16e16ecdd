"""
The merge gate with one rule taken out: every way to do that, as source and as a gate to ask.

The modules that decide are read, changed in their syntax tree, and run as fresh modules that
import one another; those of the program stay as they are.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from odyssey.domain import approval, authority, conditions, gate, standing

MODULES = (authority, conditions, standing, approval, gate)
"""In the order of their imports."""

DECIDING: Mapping[str, Sequence[str]] = {
    "odyssey.domain.conditions": (
        "open_pull_request", "limits", "validation", "objections", "base", "required_checks",
        "open_gate",
    ),
    "odyssey.domain.approval": (
        "approvals", "_by_service", "_lacking", "_not_automatic", "_why_not", "_not_permitted",
    ),
    "odyssey.domain.standing": (
        "command_approvals", "find_proof_for", "why_not_live", "why_not_of_base",
    ),
    "odyssey.domain.gate": ("evaluate",),
}  # fmt: skip
"""The functions whose every `if` is taken out in turn."""

POLICY = 2
"""The number of the condition that an unreadable policy does not meet."""

WORDS_ONLY = frozenset(
    {
        # They choose between words; the state of the condition is the same.
        "validation: if validation.measure",
        "approvals: if judged.not_counted",
        "approvals: if len(approvers) < required",
        "_lacking: if len(people) == policy.approvals.required == 1",
        "_lacking: if len(groups) > 3",
        "_lacking: if groups",
        "_lacking: if hidden",
    }
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A gate with one rule less; `name` says which."""

    name: str
    module: str
    tree: ast.Module

    def evaluate(self) -> Callable[..., Any]:
        """Its `gate.evaluate`, with the modules between it and the change."""
        fresh: dict[str, ModuleType] = {}
        names = [each.__name__ for each in MODULES]
        for original in MODULES[names.index(self.module) :]:
            tree = self.tree if original.__name__ == self.module else tree_of(original)
            fresh[original.__name__] = _run(original.__name__, tree, fresh)
        found: Callable[..., Any] = fresh[gate.__name__].evaluate
        return found


def tree_of(module: ModuleType) -> ast.Module:
    """The syntax tree of a module of the program."""
    assert module.__file__ is not None
    return ast.parse(Path(module.__file__).read_text())


def mutants() -> Iterator[Mutant]:
    """Each condition of `evaluate` forced to met, and each `if` of the deciding functions gone."""
    yield from _forced()
    for module in MODULES:
        tree = tree_of(module)
        for function in DECIDING.get(module.__name__, ()):
            for number, name in enumerate(names_of_ifs(tree, function)):
                if name in WORDS_ONLY:
                    continue
                changed = copy.deepcopy(tree)
                target = _ifs(_function(changed, function))[number]
                target.test = ast.Constant(value=False)
                yield Mutant(name, module.__name__, ast.fix_missing_locations(changed))


def names_of_ifs(tree: ast.Module, function: str) -> list[str]:
    """What each `if` of a function asks, after the function's name."""
    found = _ifs(_function(tree, function))
    return [f"{function}: if {ast.unparse(each.test)}" for each in found]


def _forced() -> Iterator[Mutant]:
    tree = tree_of(gate)
    for number in range(len(_conditions(tree).elts)):
        if number + 1 == POLICY:
            yield _forced_policy(f"condition {POLICY} is always met")
            continue
        changed = copy.deepcopy(tree)
        met = f"Condition({number + 1}, '-', State.MET, '-')"
        _conditions(changed).elts[number] = ast.parse(met, mode="eval").body
        name = f"condition {number + 1} is always met"
        yield Mutant(name, gate.__name__, ast.fix_missing_locations(changed))


def _forced_policy(name: str) -> Mutant:
    """With an unreadable policy nothing else can be judged, so it has a decision of its own."""
    changed = tree_of(conditions)
    for node in ast.walk(_function(changed, "unreadable_policy")):
        if isinstance(node, ast.Attribute) and node.attr == "UNMET":
            node.attr = "MET"
    return Mutant(name, conditions.__name__, changed)


def _conditions(tree: ast.Module) -> ast.Tuple:
    for node in ast.walk(_function(tree, "evaluate")):
        match node:
            case ast.Assign(targets=[ast.Name(id="conditions")], value=ast.Tuple() as found):
                return found
    raise LookupError("evaluate has no tuple called `conditions` any more")


def _function(tree: ast.Module, name: str) -> ast.FunctionDef:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise LookupError(f"there is no function {name} any more; name its successor in DECIDING")


def _ifs(function: ast.FunctionDef) -> list[ast.If]:
    return [node for node in ast.walk(function) if isinstance(node, ast.If)]


def _run(name: str, tree: ast.Module, fresh: Mapping[str, ModuleType]) -> ModuleType:
    """The module *name* of *tree*, which gets those of *fresh* where it imports them."""

    def importing(wanted: str, *arguments: Any, **options: Any) -> ModuleType:
        if wanted in fresh:
            return fresh[wanted]
        found: ModuleType = builtins.__import__(wanted, *arguments, **options)
        if wanted == "odyssey.domain":
            # `from odyssey.domain import conditions` takes an attribute.
            package = ModuleType(wanted)
            package.__dict__.update(vars(found))
            for each, module in fresh.items():
                setattr(package, each.rpartition(".")[2], module)
            return package
        return found

    module = ModuleType(name)
    module.__dict__["__builtins__"] = {**vars(builtins), "__import__": importing}
    exec(compile(tree, name, "exec"), module.__dict__)
    return module
