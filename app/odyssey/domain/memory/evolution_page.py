"""
An evolution as one page of HTML that needs nothing else: no script, no request.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from html import escape
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

from odyssey.domain.memory.evolution import Evolution, Step, difference, shown
from odyssey.domain.memory.evolution_report import findings
from odyssey.domain.memory.observation import Source

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0;
  --ground: #fff; --new: #dafbe1; --gone: #ffebe9; --dot: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ink: #f0f6fc; --faint: #9198a1;
  --line: #3d444d; --ground: #0d1117; --new: #12361f; --gone: #4c1a1a; --dot: #4493f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 46rem; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.1rem; color: var(--faint); font-weight: 600; margin: 0; }
.now { font-size: 1.5rem; line-height: 1.3; margin: .25rem 0 1rem; }
.facts { padding-left: 1.1rem; color: var(--faint); margin: 0 0 2rem; }
.steps { list-style: none; margin: 0; padding: 0; }
.step { position: relative; margin: 0; padding: 0 0 1.75rem 1.75rem;
  border-left: 2px solid var(--line); }
.step:last-child { padding-bottom: 0; }
.step::before { content: ""; position: absolute; left: -.5rem; top: .4rem; width: .85rem;
  height: .85rem; border-radius: 50%; background: var(--dot); border: 2px solid var(--ground); }
.step.deleted::before { background: var(--ground); border-color: var(--faint); }
.deleted .words { text-decoration: line-through; color: var(--faint); }
h2 { font-size: 1rem; margin: 0; }
h2 small { font-weight: 400; color: var(--faint); }
.words { margin: .35rem 0; }
ins { background: var(--new); text-decoration: none; border-radius: 2px; }
del { background: var(--gone); border-radius: 2px; }
.why { margin: .35rem 0; color: var(--faint); }
.sources { list-style: none; margin: .5rem 0 0; padding: 0; font-size: .9rem; }
.sources li { border-top: 1px solid var(--line); padding: .35rem 0; }
.sources .lost { color: var(--faint); text-decoration: line-through; }
.trust { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .5rem; font-size: .8rem; }
@media print { body { max-width: none; padding: 0; } }
"""

_COMPARED = 600
"""Characters that are compared word by word; an observation has at most 500."""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
"""Allows this page's style and nothing else; in the page itself, and for its header."""


def html(evolution: Evolution, *, now: datetime) -> str:
    """The page: what it says now, what can be read off its history, and each version."""
    facts = "".join(f"<li>{_text(each)}</li>" for each in findings(evolution, now=now))
    steps = [_step(None, evolution.steps[0], evolution)]
    steps += [_step(before, step, evolution) for before, step in pairwise(evolution.steps)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(CONTENT_SECURITY_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Evolution of {_text(evolution.key)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>Evolution of {_text(evolution.key)}</h1>\n"
        f'<p class="now" dir="auto">{_text(evolution.last.text)}</p>\n'
        f'<ul class="facts">{facts}</ul>\n<ol class="steps">\n'
        + "".join(steps)
        + "</ol>\n</main>\n</body>\n</html>\n"
    )


def _step(before: Step | None, step: Step, evolution: Evolution) -> str:
    one = step.version
    sources = "".join(_source(each, evolution, css="") for each in step.added)
    sources += "".join(_source(each, evolution, css="lost") for each in step.lost)
    is_reworded = before is not None and before.version.text != one.text
    words = _reworded(before.version.text, one.text) if before and is_reworded else _text(one.text)
    why = f'<p class="why" dir="auto">{_text(one.reason)}</p>' if one.reason else ""
    return (
        f'<li class="step {one.status.value}"><h2>{one.version}. {_text(step.change.value)} '
        f'<small><time datetime="{one.created_at.isoformat()}">{one.created_at:%Y-%m-%d %H:%M}'
        f"</time> · confidence {one.confidence:.0%}</small></h2>"
        f'<p class="words" dir="auto">{words}</p>{why}'
        + (f'<ul class="sources">{sources}</ul>' if sources else "")
        + "</li>\n"
    )


def _reworded(before: str, after: str) -> str:
    marks = {"same": "{}", "gone": "<del>{}</del>", "new": "<ins>{}</ins>"}
    pieces = difference(shown(before, limit=_COMPARED), shown(after, limit=_COMPARED))
    return "".join(marks[name].format(escape(piece)) for name, piece in pieces)


def _source(source: Source, evolution: Evolution, *, css: str) -> str:
    record = evolution.records.get(source.record_id)
    day = f"<time>{source.occurred_at:%Y-%m-%d}</time>"
    if record is None:
        return f'<li class="{css}">{day} {_text(source.record_id)} <i>not kept</i></li>'
    if _is_web(record.source):
        day = f'<a href="{escape(record.source)}" rel="noreferrer noopener">{day}</a>'
    who = f"<b>{_text(record.actor)}</b>: " if record.actor else ""
    return (
        f'<li class="{css}" dir="auto">{day} <span class="trust">{record.trust.value}</span> '
        f"{who}{_text(record.text, limit=500)}</li>"
    )


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and shown(url) == url


def _text(text: str, *, limit: int = 2_000) -> str:
    return escape(shown(text, limit=limit))
