"""
The forms in which an evolution is told.
"""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum

from odyssey.domain.memory.evolution import Evolution
from odyssey.domain.memory.evolution_graph import dot, mermaid
from odyssey.domain.memory.evolution_page import html
from odyssey.domain.memory.evolution_report import as_json, markdown, text


class EvolutionFormat(StrEnum):
    """Graphs, a page, and reports."""

    MERMAID = "mermaid"
    DOT = "dot"
    HTML = "html"
    MARKDOWN = "markdown"
    TEXT = "text"
    JSON = "json"


def told(evolution: Evolution, form: EvolutionFormat, now: datetime) -> str:
    """*evolution* in that form; valid in UTF-8 whatever is in it."""
    match form:
        case EvolutionFormat.MERMAID:
            return mermaid(evolution)
        case EvolutionFormat.DOT:
            return dot(evolution)
        case EvolutionFormat.HTML:
            return html(evolution, now=now)
        case EvolutionFormat.MARKDOWN:
            return markdown(evolution, now=now)
        case EvolutionFormat.TEXT:
            return text(evolution, now=now)
        case EvolutionFormat.JSON:
            return json.dumps(as_json(evolution, now=now), indent=2) + "\n"
