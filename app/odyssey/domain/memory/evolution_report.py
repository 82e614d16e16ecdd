"""
An evolution told: in Markdown for GitHub, as text, and as JSON.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from odyssey.domain.markup import link, plain
from odyssey.domain.memory.evolution import Evolution, Step, shown
from odyssey.domain.memory.observation import Source


def findings(evolution: Evolution, *, now: datetime) -> list[str]:
    """What can be read off the steps, a sentence each, without a model."""
    first, last = evolution.steps[0].version, evolution.last
    trend = evolution.trend(now)
    told = [
        f"{len(evolution.steps)} versions in {_days(last.created_at - first.created_at)}.",
        "It is deleted." if trend is None else f"Its trend is {trend.value}.",
    ]
    if trend is not None:
        told.append(f"It rests on {last.proof_count} of {len(evolution.sources)} sources.")
        if not last.is_fresh:
            told.append("A source was taken back since; it is to be judged again.")
    if first.confidence != last.confidence:
        way = "rose" if last.confidence > first.confidence else "fell"
        told.append(f"Confidence {way} from {first.confidence:.0%} to {last.confidence:.0%}.")
    actors = Counter(record.actor for record in evolution.records.values() if record.actor)
    if len(actors) == 1 and len(evolution.sources) > 1:
        told.append("All that is kept of its sources comes from one voice.")
    if evolution.sources:
        age = max(now - evolution.sources[-1].occurred_at, now - now)
        told.append(f"Its newest source is {_days(age)} old.")
    return told


def markdown(evolution: Evolution, *, now: datetime) -> str:
    """A report that can stand in a comment: nobody is pinged, nothing is run or loaded."""
    lines = [f"## Evolution of {plain(evolution.key)}", "", plain(evolution.last.text), ""]
    lines += [f"- {each}" for each in findings(evolution, now=now)]
    for step in evolution.steps:
        one = step.version
        lines += ["", f"### {_heading(step)}", "", plain(one.text)]
        if one.reason:
            lines += ["", f"Why: {plain(one.reason)}"]
        sources = [f"- from {_marked(each, evolution)}" for each in step.added]
        sources += [f"- no longer {_marked(each, evolution)}" for each in step.lost]
        lines += [""] * bool(sources) + sources
    return "\n".join(lines) + "\n"


def text(evolution: Evolution, *, now: datetime) -> str:
    """The same for a terminal."""
    lines = [f"Evolution of {shown(evolution.key)}", "", f"  {shown(evolution.last.text)}", ""]
    lines += [f"* {each}" for each in findings(evolution, now=now)]
    for step in evolution.steps:
        lines += ["", _heading(step), f"  {shown(step.version.text)}"]
        if step.version.reason:
            lines.append(f"  why: {shown(step.version.reason)}")
        lines += [f"  + {_told(each, evolution)}" for each in step.added]
        lines += [f"  - {_told(each, evolution)}" for each in step.lost]
    return "\n".join(lines) + "\n"


def as_json(evolution: Evolution, *, now: datetime) -> dict[str, Any]:
    """The same for programs; texts are as they are kept."""
    trend = evolution.trend(now)
    last = evolution.last
    return {
        "id": evolution.key,
        "text": last.text,
        "status": last.status.value,
        "trend": trend.value if trend else None,
        "proof_count": last.proof_count,
        "confidence": last.confidence,
        "is_fresh": last.is_fresh,
        "scope": last.scope,
        "findings": findings(evolution, now=now),
        "versions": [_version(step) for step in evolution.steps],
        "sources": [
            {
                "record_id": each.record_id,
                "occurred_at": each.occurred_at.isoformat(),
                **_kept(each, evolution),
            }
            for each in evolution.sources
        ],
    }


def _version(step: Step) -> dict[str, Any]:
    one = step.version
    return {
        "version": one.version,
        "change": step.change.value,
        "text": one.text,
        "status": one.status.value,
        "reason": one.reason,
        "confidence": one.confidence,
        "proof_count": one.proof_count,
        "created_at": one.created_at.isoformat(),
        "added": [each.record_id for each in step.added],
        "lost": [each.record_id for each in step.lost],
    }


def _kept(source: Source, evolution: Evolution) -> dict[str, Any]:
    record = evolution.records.get(source.record_id)
    if record is None:
        return {"text": None, "actor": None, "trust": None, "source": None}
    return {
        "text": record.text,
        "actor": record.actor,
        "trust": record.trust.value,
        "source": record.source,
    }


def _heading(step: Step) -> str:
    one = step.version
    return (
        f"{one.version}. {step.change.value}, {one.created_at:%Y-%m-%d %H:%M}, "
        f"confidence {one.confidence:.0%}"
    )


def _marked(source: Source, evolution: Evolution) -> str:
    record = evolution.records.get(source.record_id)
    day = f"{source.occurred_at:%Y-%m-%d}"
    if record is None:
        return f"{day}, {plain(source.record_id)}, which is not kept"
    who = f"{plain(record.actor)}: " if record.actor else ""
    return f"{link(day, record.source)}, {record.trust.value}, {who}{plain(record.text, limit=300)}"


def _told(source: Source, evolution: Evolution) -> str:
    record = evolution.records.get(source.record_id)
    if record is None:
        return f"{source.occurred_at:%Y-%m-%d} {shown(source.record_id)} (not kept)"
    who = f"{shown(record.actor)}: " if record.actor else ""
    said = shown(record.text, limit=300)
    return f"{source.occurred_at:%Y-%m-%d} {who}{said} ({record.trust.value})"


def _days(span: Any) -> str:
    return "1 day" if span.days == 1 else f"{span.days} days"
