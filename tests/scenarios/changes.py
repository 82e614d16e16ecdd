"""
Changes to the sample repository, as people write them into comments.
"""

from __future__ import annotations

from odyssey.demo.promises import FAREWELL, diff_of

__all__ = ["BRIEFER", "FAREWELL", "a_file", "diff_of", "note"]

BRIEFER = diff_of("service/answers.py", 'return f"Hello, {name}!"', 'return f"Hi, {name}!"')
"""Breaks the tests that know the greeting."""


def a_file(path: str, content: str) -> str:
    """A whole file in a fenced block named by its path."""
    return f"`{path}`\n```\n{content}```"


def note(name: str, text: str = "The service greets people.") -> str:
    """A new page of documentation: the tests do not mind it, and no two names conflict."""
    return a_file(f"docs/{name}.md", f"# {name.title()}\n\n{text}\n")
