"""
An evolution as a graph, in Mermaid and in DOT.

Texts come from anybody: in both they are labels that they cannot leave.
"""

from __future__ import annotations

import re
from itertools import pairwise

from odyssey.domain.memory.evolution import Evolution, Step, shown
from odyssey.domain.memory.observation import Status

_LABEL = 140
_MOST_SOURCES = 40
"""Of one version; more make no graph that anybody reads."""

_MEANS = re.compile(r"[.-](?![^\W_])|[^\w\s,/.-]|_")
"""Signs and control characters, and what would make a list of a line: `- `, `1. `."""


def mermaid(evolution: Evolution) -> str:
    """A flowchart, oldest version first, as Mermaid 10 and GitHub read it."""
    lines = ["flowchart TD"]
    for step in evolution.steps:
        node = f"v{step.version.version}"
        lines.append(f'    {node}["{_entities(_title(step))}<br/>{_entities(_words(step))}"]')
    for before, step in pairwise(evolution.steps):
        said = _entities(step.change.value)
        lines.append(f'    v{before.version.version} -- "{said}" --> v{step.version.version}')
    names = _names(evolution)
    lines += [f'    {name}(["{_entities(label)}"])' for name, label in names.values()]
    for step in evolution.steps:
        for source in step.added:
            if source.record_id in names:
                lines.append(f"    {names[source.record_id][0]} -.-> v{step.version.version}")
    gone = [f"v{each.version.version}" for each in evolution.steps if _is_gone(each)]
    lines.append("    classDef gone stroke-dasharray:4,opacity:0.6")
    if gone:
        lines.append(f"    class {','.join(gone)} gone")
    return "\n".join(lines) + "\n"


def dot(evolution: Evolution) -> str:
    """A digraph for Graphviz."""
    lines = [
        "digraph evolution {",
        "    rankdir=TB;",
        '    node [shape=box, style=rounded, fontname="sans-serif"];',
        '    edge [fontname="sans-serif"];',
    ]
    for step in evolution.steps:
        style = ", style=dashed" if _is_gone(step) else ""
        label = f"{_escaped(_title(step))}\\n{_escaped(_words(step))}"
        lines.append(f'    v{step.version.version} [label="{label}"{style}];')
    for before, step in pairwise(evolution.steps):
        lines.append(
            f"    v{before.version.version} -> v{step.version.version}"
            f' [label="{_escaped(step.change.value)}"];'
        )
    names = _names(evolution)
    lines += [
        f'    {name} [shape=note, style=solid, label="{_escaped(label)}"];'
        for name, label in names.values()
    ]
    for step in evolution.steps:
        for source in step.added:
            if source.record_id in names:
                lines.append(
                    f"    {names[source.record_id][0]} -> v{step.version.version} [style=dotted];"
                )
    return "\n".join([*lines, "}"]) + "\n"


def _names(evolution: Evolution) -> dict[str, tuple[str, str]]:
    """Node and label of each source, by its record's id."""
    named: dict[str, tuple[str, str]] = {}
    for source in evolution.sources[:_MOST_SOURCES]:
        record = evolution.records.get(source.record_id)
        said = record.text if record else f"{source.record_id} (not kept)"
        who = f"{record.actor}: " if record and record.actor else ""
        label = f"{source.occurred_at:%Y-%m-%d} {who}{said}"
        named[source.record_id] = (f"s{len(named)}", shown(label, limit=_LABEL))
    return named


def _title(step: Step) -> str:
    one = step.version
    return f"Version {one.version}, {step.change.value}, {one.created_at:%Y-%m-%d}, {_proof(step)}"


def _proof(step: Step) -> str:
    count = step.version.proof_count
    return f"{count} source{'' if count == 1 else 's'}"


def _words(step: Step) -> str:
    one = step.version
    return shown(
        one.reason if one.status is Status.DELETED and one.reason else one.text, limit=_LABEL
    )


def _is_gone(step: Step) -> bool:
    return step.version.status is Status.DELETED


def _entities(text: str) -> str:
    """For Mermaid: whatever could mean something there, as the number of its character."""
    return _MEANS.sub(lambda match: f"#{ord(match[0])};", text)


def _escaped(text: str) -> str:
    """For the inside of a quoted string of DOT, where `\\N` and the like are replaced."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
